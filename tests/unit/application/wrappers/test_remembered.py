"""What is remembered for a while."""

import pytest

from rag_llm_system.application.wrappers.remembered import Remembered
from rag_llm_system.domain.errors import BackendError


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_value_is_read_again_only_when_its_time_is_over() -> None:
    clock, values = Clock(), iter(["first", "second"])
    remembered = Remembered(lambda: next(values), for_s=1.0, clock=clock)

    given = [remembered()]
    clock.seconds = 100.9
    given.append(remembered())
    clock.seconds = 101.0
    given.append(remembered())

    assert given == ["first", "first", "second"]


def test_nothing_is_read_before_it_is_asked_for() -> None:
    n_reads: list[int] = []
    Remembered(lambda: n_reads.append(1), for_s=1.0)
    assert n_reads == []


def test_an_error_is_not_remembered() -> None:
    outcomes = iter([BackendError("away"), None])

    def read() -> str:
        if error := next(outcomes):
            raise error
        return "back"

    remembered = Remembered(read, for_s=60.0, clock=Clock())
    with pytest.raises(BackendError):
        remembered()
    assert remembered() == "back"
