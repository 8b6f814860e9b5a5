"""`poe backup` and `poe restore` as a person runs them."""

import os
import subprocess
import sys
from pathlib import Path

from tests.backup_homes import files_of, light_state_of, make_light_home

ROOT = Path(__file__).resolve().parents[2]


def run(tool: str, *arguments: str, home: Path, **settings: str) -> tuple[int, str, str]:
    environment = {**os.environ, "RAG_HOME": str(home), "RAG_MIN_FREE_MB": "0", "POE_PWD": str(home.parent), **settings}
    command = [sys.executable, "-m", f"tools.{tool}", *arguments]
    process = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return process.returncode, process.stdout, process.stderr


def test_a_person_backs_up_checks_and_restores(tmp_path: Path) -> None:
    make_light_home(tmp_path / "home")
    secret = {"RAG_BACKUP_PASSPHRASE": "open sesame"}
    code, output, errors = run("backup", "twin.backup", home=tmp_path / "home", **secret)
    assert (code, errors) == (0, "")
    assert output.splitlines()[-1].endswith(" KB, encrypted")
    assert ": 0.0" not in output

    code, output, errors = run("backup", "twin.backup", home=tmp_path / "home", **secret)
    assert (code, output) == (1, "")
    assert errors.startswith("error: ")
    assert "--force" in errors

    code, _, errors = run("restore", "twin.backup", home=tmp_path / "other")
    assert (code, errors.count("\n")) == (1, 1)
    assert "RAG_BACKUP_PASSPHRASE" in errors
    assert files_of(tmp_path / "other") == []

    code, output, errors = run("restore", "twin.backup", "--check", home=tmp_path / "other", **secret)
    assert (code, errors) == (0, "")
    assert "is sound" in output
    code, output, errors = run("restore", "twin.backup", home=tmp_path / "other", **secret)
    assert (code, errors) == (0, "")
    assert "was restored into" in output
    assert "open sesame" not in output
    assert light_state_of(tmp_path / "other") == light_state_of(tmp_path / "home")
