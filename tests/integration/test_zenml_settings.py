"""Settings in ZenML's secret store are read when asked for, and only then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
_STORE = """
from steps.zenml_environment import create_zenml_store_once
create_zenml_store_once()
from zenml.client import Client
Client().create_secret("settings", values={"top_k": "99"})
"""


def python(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, "RAG_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    script = home / "store_settings.py"  # ZenML wants a main module that is a file
    script.write_text(_STORE)
    made = python(home, str(script), PYTHONPATH=str(PROJECT))
    assert made.returncode == 0, made.stderr
    return home


def test_a_secret_counts_as_a_setting_when_asked_for(home: Path) -> None:
    run = python(home, "-m", "tools.run", "--run-feature-engineering", "--settings-from-zenml")
    assert run.returncode == 1
    assert run.stderr.startswith("error: TOP_K cannot be used")


def test_the_environment_wins_over_the_secret(home: Path) -> None:
    run = python(home, "-m", "tools.run", "--run-feature-engineering", "--settings-from-zenml", TOP_K="5")
    assert (run.returncode, run.stderr) == (0, "")


def test_a_missing_secret_is_one_line(tmp_path: Path) -> None:
    run = python(tmp_path, "-m", "tools.run", "--run-feature-engineering", "--settings-from-zenml")
    assert run.returncode == 1
    assert run.stderr.startswith("error: ZenML keeps no secret called 'settings'")
