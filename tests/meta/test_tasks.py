"""Every task leads somewhere, every command in the documents is a task, and ./poe can be trusted before a set-up."""

import importlib.util
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.meta.python_sources import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NEEDED_BY_POE = ("sh", "dirname", "cat", "sed", "awk")


def tasks() -> dict[str, dict[str, Any]]:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["poe"]["groups"]
    return {name: task for group in groups.values() for name, task in group["tasks"].items()}


def run_poe(poe: Path, *arguments: str, tools: Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Runs ./poe where only these programs are found."""
    environment = {"PATH": str(tools), "HOME": os.environ["HOME"]}
    return subprocess.run([poe, *arguments], env=environment, cwd=cwd, capture_output=True, text=True, timeout=20)


@pytest.fixture
def bare_tools(tmp_path: Path) -> Path:
    """A folder with what a system without Python has."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in NEEDED_BY_POE:
        program = shutil.which(name)
        assert program
        (folder / name).symlink_to(program)
    return folder


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone without .venv, in a folder whose name has a blank."""
    folder = tmp_path / "my clone"
    folder.mkdir()
    for name in ("poe", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def test_every_task_runs_a_module_that_exists() -> None:
    commands = [task.get("cmd", "") for task in tasks().values()]
    modules = {command.split()[2] for command in commands if command.startswith("python -m tools.")}
    assert len(modules) > 5
    assert {module for module in modules if importlib.util.find_spec(module) is None} == set()


def test_every_task_says_in_a_line_what_it_does() -> None:
    assert {name for name, task in tasks().items() if not 5 < len(task["help"]) < 80} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_the_documents_is_a_task(document: Path) -> None:
    named = set(re.findall(r"(?:\./|uv run |poetry )poe ([a-z][\w-]*)", document.read_text(encoding="utf-8")))
    assert named - set(tasks()) == set()


def test_the_tasks_are_listed_before_anything_is_installed(clone: Path, bare_tools: Path, tmp_path: Path) -> None:
    listed = run_poe(clone / "poe", tools=bare_tools, cwd=tmp_path)
    assert listed.returncode == 0
    assert re.findall(r"^  (\S+)", listed.stdout, re.M) == list(tasks())
    assert all(task["help"] in listed.stdout for task in tasks().values())
    assert not (clone / ".venv").exists()


def test_a_missing_python_is_one_line_that_says_what_to_install(clone: Path, bare_tools: Path, tmp_path: Path) -> None:
    refused = run_poe(clone / "poe", "quickstart", tools=bare_tools, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert re.fullmatch(r"set-up: no Python 3\.11.*install.*\n", refused.stderr)


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        ("old 3.8", r"no Python 3\.11, 3\.12 or 3\.13 is found \(python3 is 3\.8\): install"),
        (
            "lacks 3.11 ensurepip",
            r"Python 3\.11 has no ensurepip module: install it .* python3-venv",
        ),
        ("lacks 3.11 sqlite3", r"Python 3\.11 was built without sqlite3: install another"),
    ],
)
def test_a_python_that_will_not_do_is_named(
    answer: str, advice: str, clone: Path, bare_tools: Path, tmp_path: Path
) -> None:
    python = bare_tools / "python3"
    python.write_text(f"#!/bin/sh\necho {answer}\n", encoding="utf-8")
    python.chmod(0o755)
    refused = run_poe(clone / "poe", "quickstart", tools=bare_tools, cwd=tmp_path)
    assert refused.returncode == 1
    assert re.fullmatch(f"set-up: {advice}.*\n", refused.stderr)
    assert not (clone / ".venv").exists()
