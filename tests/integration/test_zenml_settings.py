"""Settings in ZenML's secret store are written, read and deleted when asked for, and only then."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
STORED = """
import json
from steps.zenml_environment import create_zenml_store_once
create_zenml_store_once()
from zenml.client import Client
print(json.dumps(Client().get_secret("settings").secret_values))
"""


def run(home: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python(home, "-m", "tools.run", *options, **environment)


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
    made = run(home, "--export-settings", TOP_K="9", OPENAI_API_KEY="hush-hush", REDIS_URL="")
    assert (made.returncode, made.stderr) == (0, "")
    assert "OPENAI_API_KEY, TOP_K" in made.stdout
    assert "hush" not in made.stdout
    return home


def stored_settings(home: Path) -> dict[str, str]:
    script = home / "stored.py"  # ZenML wants a main module that is a file
    script.write_text(STORED)
    shown = python(home, str(script), PYTHONPATH=str(PROJECT))
    values: dict[str, str] = json.loads(shown.stdout)
    return values


def test_only_what_is_set_is_written(home: Path) -> None:
    assert stored_settings(home) == {"OPENAI_API_KEY": "hush-hush", "TOP_K": "9"}


def test_a_secret_counts_as_a_setting_when_asked_for_and_the_environment_wins(home: Path) -> None:
    # The secret is read first: with all its settings in the environment, what is exported again is both together.
    again = run(home, "--settings-from-zenml", "--export-settings", TOP_K="5", DATABASE_NAME="other")
    assert (again.returncode, again.stderr) == (0, "")
    assert stored_settings(home) == {"DATABASE_NAME": "other", "OPENAI_API_KEY": "hush-hush", "TOP_K": "5"}


def test_exporting_again_takes_out_what_is_no_longer_set_and_deleting_takes_all(home: Path) -> None:
    assert run(home, "--export-settings", TOP_K="7").returncode == 0
    assert stored_settings(home) == {"TOP_K": "7"}
    assert run(home, "--delete-settings").returncode == 0
    for option in ("--delete-settings", "--settings-from-zenml"):
        refused = run(home, option, "--run-feature-engineering")
        assert refused.returncode == 1
        assert refused.stderr.startswith("error: ZenML keeps no secret called 'settings'")


def test_with_nothing_set_there_is_nothing_to_export(tmp_path: Path) -> None:
    refused = run(tmp_path, "--export-settings")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: No setting is set")
