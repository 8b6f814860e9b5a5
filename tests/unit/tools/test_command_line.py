"""How a tool ends, and what a typed path means."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import InputError
from tools.command_line import caller_path, resolved_link

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
PROGRAM = """
import os, signal, sys
from rag_llm_system.domain.errors import InputError
from tools.command_line import run_tool
def main():
    {statement}
run_tool(main)
"""
NOBODY = "~nobody-of-that-name/notes.md"


def ended(statement: str) -> tuple[int, str, str]:
    """Gives exit code, standard output and standard error of a tool that does just that."""
    program = [sys.executable, "-c", PROGRAM.format(statement=statement)]
    done = subprocess.run(program, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("statement", "code", "output"),
    [
        ("print('done')", 0, "done\n"),
        ("print('done'); return 3", 3, "done\n"),
    ],
)
def test_a_tool_that_worked_ends_with_its_own_code(statement: str, code: int, output: str) -> None:
    assert ended(statement) == (code, output, "")


def test_an_error_of_ours_is_one_line_and_code_1() -> None:
    assert ended("raise InputError('The cat is away: call it.')") == (1, "", "error: The cat is away: call it.\n")


@pytest.mark.parametrize(
    "statement",
    ["raise KeyboardInterrupt", *(f"os.kill(os.getpid(), signal.{name})" for name in ("SIGTERM", "SIGHUP"))],
)
def test_ctrl_c_and_the_signals_that_end_a_process_give_130(statement: str) -> None:
    assert ended(statement) == (130, "", "stopped\n")


def test_an_unforeseen_error_is_one_line_that_names_it() -> None:
    code, output, errors = ended("raise ZeroDivisionError('by zero')")
    assert (code, output) == (1, "")
    assert errors.startswith("error: unforeseen (ZeroDivisionError: by zero): please report it")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("kind", ["InputError", "OSError"])
def test_a_message_of_several_lines_becomes_one_line(kind: str) -> None:
    code, _, errors = ended(f"raise {kind}('first\\nsecond')")
    assert code == 1
    assert "first second" in errors
    assert errors.count("\n") == 1


def test_a_reader_that_goes_away_causes_no_traceback() -> None:
    program = [sys.executable, "-c", PROGRAM.format(statement="print('line\\n' * 100_000)")]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 1


def test_a_typed_path_is_seen_from_where_the_person_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert caller_path("notes") == tmp_path / "notes"
    monkeypatch.setenv("POE_PWD", "/somewhere/else")
    assert caller_path("notes") == Path("/somewhere/else/notes")
    assert caller_path("/absolute") == Path("/absolute")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("POE_PWD", "/somewhere/else")
    assert caller_path("~/notes") == tmp_path / "notes"
    assert resolved_link("~/notes", Path("/elsewhere")) == str(tmp_path / "notes")


def test_the_home_of_somebody_unknown_is_refused() -> None:
    with pytest.raises(InputError, match="nobody who is known here"):
        caller_path(NOBODY)
    with pytest.raises(InputError, match="nobody who is known here"):
        resolved_link(NOBODY, Path("/"))


@pytest.mark.parametrize("link", ["packages://direct", "https://example.org/a", "file:///a.md"])
def test_an_address_stays_as_it_is(link: str) -> None:
    assert resolved_link(link, Path("/elsewhere")) == link


def test_a_path_becomes_absolute_seen_from_the_folder(tmp_path: Path) -> None:
    assert resolved_link("../notes", tmp_path / "configs") == str(tmp_path / "notes")
