"""Trackers that can neither fail a run nor keep it waiting."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from loguru import logger

from rag_llm_system.application.wrappers.forgiving import ForgivingTracker
from rag_llm_system.domain.errors import BackendUnavailableError
from rag_llm_system.domain.ports.experiment_tracker import TrackedRun

RUN = TrackedRun("etl", datetime(2026, 11, 21, tzinfo=UTC), 1.0)


class Tracker:
    """Does what it is told."""

    def __init__(self, name: str, act: Callable[[], object]) -> None:
        self.name = name
        self.runs: list[TrackedRun] = []
        self._act = act

    def log_run(self, run: TrackedRun) -> None:
        self._act()
        self.runs.append(run)


def fail_with(error: Exception) -> Callable[[], object]:
    def act() -> None:
        raise error

    return act


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []
    number = logger.add(lambda line: found.append(str(line).rstrip()), format="{level} {message}", level="INFO")
    yield found
    logger.remove(number)


def test_every_tracker_gets_the_run_and_nothing_is_said(lines: list[str]) -> None:
    first, second = Tracker("first", list), Tracker("second", list)
    both = ForgivingTracker([first, second])
    both.log_run(RUN)
    assert (both.name, first.runs, second.runs, lines) == ("first+second", [RUN], [RUN], [])


def test_one_that_fails_is_one_line_and_the_others_get_the_run(lines: list[str]) -> None:
    away = Tracker("away", fail_with(BackendUnavailableError("It is away: start it.")))
    other = Tracker("other", list)
    ForgivingTracker([away, other]).log_run(RUN)
    assert other.runs == [RUN]
    assert lines == ["WARNING run_not_tracked run=etl tracker=away reason=It is away: start it."]


def test_an_unforeseen_error_is_named_by_its_type_alone(lines: list[str]) -> None:
    ForgivingTracker([Tracker("odd", fail_with(RuntimeError("password hunter2")))]).log_run(RUN)
    assert lines == ["WARNING run_not_tracked run=etl tracker=odd reason=unforeseen: RuntimeError"]


def test_one_that_hangs_is_left_behind_after_its_limit(lines: list[str]) -> None:
    release = threading.Event()
    other = Tracker("other", list)
    started = time.perf_counter()
    ForgivingTracker([Tracker("stuck", lambda: release.wait(20)), other], limit_s=0.2).log_run(RUN)
    took_s = time.perf_counter() - started
    release.set()
    assert 0.2 <= took_s < 2
    assert other.runs == [RUN]
    assert lines == [
        "WARNING run_not_tracked run=etl tracker=stuck reason=stuck has not answered within 0 s: is it up?"
    ]


def test_none_at_all_costs_nothing(lines: list[str]) -> None:
    n_threads = threading.active_count()
    ForgivingTracker([]).log_run(RUN)
    assert (threading.active_count(), lines) == (n_threads, [])
