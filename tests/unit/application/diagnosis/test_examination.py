"""Checks are made one after another, each on its own, and none may take for ever."""

import threading
import time
from collections.abc import Callable

import pytest

from rag_llm_system.application.diagnosis.examination import Check, examine
from rag_llm_system.application.diagnosis.findings import Finding, Level, ok
from rag_llm_system.domain.errors import BackendUnavailableError


class Panic(BaseException):
    """What an engine raises that no `except Exception` catches."""


def raising(error: BaseException) -> Callable[[], Finding]:
    def look() -> Finding:
        raise error

    return look


def test_findings_come_in_the_order_of_their_checks_as_soon_as_they_are_made() -> None:
    made: list[str] = []

    def noting(name: str) -> Callable[[], Finding]:
        def look() -> Finding:
            made.append(name)
            return ok(name)

        return look

    examined = examine([Check(name, noting(name)) for name in ("a", "b")])
    assert (next(examined).name, made) == ("a", ["a"])
    assert [(each.name, each.finding) for each in examined] == [("b", ok("b"))]


def test_an_error_in_one_check_stops_no_other() -> None:
    away = BackendUnavailableError("the server is away: start it")
    checks = [Check("a", raising(away)), Check("b", raising(Panic("at ada:hush-hush@db"))), Check("c", lambda: ok("c"))]
    found = [each.finding for each in examine(checks)]
    assert [finding.level for finding in found] == [Level.FAIL, Level.FAIL, Level.OK]
    assert (found[0].found, found[0].advice) == ("the server is away", "start it")
    assert found[1].found == "could not be looked at (Panic)"


@pytest.mark.parametrize("error", [ValueError("postgresql://ada:hush-hush@db"), SystemExit("hush-hush")])
def test_the_text_of_an_unforeseen_error_is_never_shown(error: BaseException) -> None:
    (examined,) = examine([Check("a", raising(error))])
    assert "hush-hush" not in repr(examined)
    assert type(error).__name__ in examined.finding.found


def test_a_check_that_is_late_is_left_to_itself() -> None:
    released = threading.Event()

    def wait() -> Finding:
        released.wait(30)
        return ok("too late")

    started = time.monotonic()
    late, prompt = examine([Check("late", wait), Check("prompt", lambda: ok("prompt"))], deadline_s=0.1)
    released.set()
    assert time.monotonic() - started < 5
    assert (late.finding.level, late.finding.found) == (Level.FAIL, "gave no answer within 0.1 s")
    assert late.seconds >= 0.1
    assert prompt.finding == ok("prompt")
