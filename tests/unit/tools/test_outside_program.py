"""Tasks that need a program of others run it, or say what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.outside_program import NOT_HERE, TASKS

ROOT = Path(__file__).resolve().parents[3]


def run(task: str, programs: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    """Runs the task where only the programs of that folder are found."""
    return subprocess.run(
        [sys.executable, "-m", "tools.outside_program", task, *more],
        cwd=ROOT,
        env={**os.environ, "PATH": str(programs)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_a_missing_program_is_one_line_and_exit_code_3(task: str, tmp_path: Path) -> None:
    refused = run(task, tmp_path)
    assert (refused.returncode, refused.stdout) == (NOT_HERE, "")
    assert refused.stderr == f"error: {task} needs {TASKS[task].needs}\n"


def test_docker_without_an_engine_is_told_apart_from_a_failure(tmp_path: Path) -> None:
    program(tmp_path, "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    refused = run("local-infrastructure-up", tmp_path)
    assert refused.returncode == NOT_HERE
    assert "running engine" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_program_that_works_is_run_and_its_exit_code_is_kept(tmp_path: Path) -> None:
    program(tmp_path, "gitleaks", 'test "$1" = version && exit 0; echo "$@"; exit 7')
    ran = run("gitleaks-check", tmp_path, "--exit-code", "7")
    assert (ran.returncode, ran.stderr) == (7, "")
    assert ran.stdout.split() == [*TASKS["gitleaks-check"].command[1:], "--exit-code", "7"]


def test_a_tool_of_ours_follows_only_what_worked(tmp_path: Path) -> None:
    program(tmp_path, "docker", 'test "$2" = ls && exit 0; echo "$@"; [ -e "${0%/*}/works" ]')
    assert run("local-infrastructure-down", tmp_path).stdout == "compose down\n"
    (tmp_path / "works").touch()
    assert run("local-infrastructure-down", tmp_path).stdout == "compose down\ndashboard  none runs\n"
