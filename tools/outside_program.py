"""Runs a program that is not part of this system, or says in a line what it needs and ends with exit code 3."""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.command_line import run_tool

NOT_HERE = 3
_PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class OutsideTask:
    """A command, what has to work before it is run, what to do where that does not, and a tool of ours that follows."""

    command: tuple[str, ...]
    trial: tuple[str, ...]
    needs: str
    then: tuple[str, ...] = ()


_IMAGE = "rag_llm_system-api"
_COMPOSE = ("docker", "compose")
_COMPOSE_NEEDS = "Docker with the compose plugin and a running engine: install it, start it, and run this again"
TASKS = {
    "gitleaks-check": OutsideTask(
        command=("gitleaks", "git", "--no-banner", "--redact", "--verbose", "."),
        trial=("gitleaks", "version"),
        needs="the program gitleaks, version 8.19 or later: install it from github.com/gitleaks/gitleaks",
    ),
    "build-docker-image": OutsideTask(
        command=(
            "docker",
            "build",
            "--file",
            "deploy/docker/Dockerfile",
            "--target",
            "api",
            "--tag",
            "rag_llm_system",
            ".",
        ),
        trial=("docker", "info"),
        needs="Docker with a running engine: install it, start it, and run this again",
    ),
    "local-infrastructure-up": OutsideTask(
        command=(*_COMPOSE, "up", "--detach", "--wait", "mongodb", "qdrant"),
        trial=(*_COMPOSE, "ls"),
        needs=_COMPOSE_NEEDS,
        then=("tools.zenml_server", "up"),
    ),
    "local-infrastructure-down": OutsideTask(
        command=(*_COMPOSE, "down"),
        trial=(*_COMPOSE, "ls"),
        needs=_COMPOSE_NEEDS,
        then=("tools.zenml_server", "down"),
    ),
}


def main() -> int:
    """Runs the task's program in the project's folder and gives its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.outside_program", description=__doc__)
    parser.add_argument("task", choices=TASKS)
    name, more = parser.parse_known_args()
    task = TASKS[name.task]
    if not _works(task.trial):
        print(f"error: {name.task} needs {task.needs}", file=sys.stderr)
        return NOT_HERE
    code = subprocess.run([*task.command, *more], cwd=_PROJECT, check=False).returncode
    if code == 0 and task.then:
        os.chdir(_PROJECT)
        os.execv(sys.executable, [sys.executable, "-m", *task.then])
    return code


def _works(trial: tuple[str, ...]) -> bool:
    if shutil.which(trial[0]) is None:
        return False
    try:
        return subprocess.run(trial, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    run_tool(main)
