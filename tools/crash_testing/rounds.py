"""Rounds: prepare, operate, kill, look, complete."""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_llm_system.domain.errors import BackendError
from tools.crash_testing.corpus import Corpus
from tools.crash_testing.findings import Findings, together, unreadable
from tools.crash_testing.homes import home_settings, link_models, load_model
from tools.crash_testing.processes import Processes, Running
from tools.crash_testing.round import Operation, Round

_BEYOND = 1.1
"""How far beyond the duration of an undisturbed operation the kill may come: it does not always take the same time."""
_AFTERWARDS_S = 0.5
"""How long companions go on after the kill."""


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What a round was, and what it found.

    Args:
        number: of the round, from 1 on.
        variant: which kind of the operation it was; "" where there is one alone.
        with_children: whether the process was killed with all its children, or alone.
        delay_s: after which time the kill came.
        struck: whether the operation was still at work then.
        findings: what was wrong.
        seconds: that the whole round took.
    """

    number: int
    variant: str
    with_children: bool
    delay_s: float
    struck: bool
    findings: Findings
    seconds: float


class CrashTest:
    """Runs rounds in a folder of its own. As a context, it lets no process outlive it.

    Args:
        folder: where all homes are made.
        corpus: the documents; its seed is that of decisions and moments too.
        models: where built models are kept; None: in the folder.
        keep: leave what a round that found something has left, under a name of its own.
        guess_s: take this for the duration of every operation at first; None: do each kind once undisturbed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        corpus: Corpus,
        models: Path | None = None,
        keep: bool = False,
        guess_s: float | None = None,
    ) -> None:
        self._folder = folder.resolve()
        self._corpus = corpus
        self._models = models or self._folder / "models"
        self._keep = keep
        self._guess_s = guess_s
        self._processes = Processes()
        self._durations_s: dict[tuple[str, str], float] = {}

    def __enter__(self) -> "CrashTest":
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.end_all()

    def make_model(self) -> None:
        """Has the embedder built, once for all homes.

        Raises:
            BackendError: it cannot be built or found; the message says why.
        """
        _result("the embedder", self._processes.run(_make_model, self._folder / "for_the_model", self._models))

    def run(self, operation: Operation, n_rounds: int, tell: Callable[[RoundReport], None]) -> list[RoundReport]:
        """Gives the reports of so many rounds, each told as it ends."""
        rng = random.Random(f"{self._corpus.seed}/{operation.name}")
        reports = []
        for number in range(1, n_rounds + 1):
            round_ = self._round(operation, number)
            report = self._run_round(operation, round_, moment=rng.random(), with_children=number // 2 % 2 == 1)
            if report.findings.n:
                self._begin_anew(round_)
            reports.append(report)
            tell(report)
        return reports

    def _round(self, operation: Operation, number: int) -> Round:
        folder = self._folder / operation.name
        folder.mkdir(parents=True, exist_ok=True)
        return Round(folder, self._models, self._corpus, number)

    def _run_round(self, operation: Operation, round_: Round, *, moment: float, with_children: bool) -> RoundReport:
        started = time.monotonic()
        variant = operation.variant(round_)
        kind = operation.name, variant
        delay_s, ended_s = 0.0, 0.0
        try:
            if kind not in self._durations_s:
                self._durations_s[kind] = self._guess_s or self._rehearse(operation, round_)
            delay_s = moment * self._durations_s[kind] * _BEYOND
            ended_s, findings = self._strike(operation, round_, delay_s, with_children)
        except BackendError as error:
            findings = unreadable(error.message)
        if ended_s:
            self._durations_s[kind] = (self._durations_s[kind] + ended_s) / 2
        seconds = time.monotonic() - started
        return RoundReport(round_.number, variant, with_children, delay_s, not ended_s, findings, seconds)

    def _rehearse(self, operation: Operation, round_: Round) -> float:
        """Does the operation undisturbed, and gives how long it took."""
        self._run_phase("prepare", operation.prepare, round_)
        round_.note_begin()
        with self._companions(operation, round_):
            return self._operate(operation, round_, None, with_children=False)

    def _strike(
        self, operation: Operation, round_: Round, delay_s: float, with_children: bool
    ) -> tuple[float, Findings]:
        """Does one operation and kills it. Gives how long it took where it ended before, else 0; and what was wrong."""
        self._run_phase("prepare", operation.prepare, round_)
        round_.note_begin()
        with self._companions(operation, round_) as companions:
            ended_s = self._operate(operation, round_, delay_s, with_children)
            if companions:
                time.sleep(_AFTERWARDS_S)
        findings = together(_result("beside it", each) for each in companions)
        findings += self._run_phase("look", operation.look, round_)
        findings += self._run_phase("complete", operation.complete, round_)
        if not findings.n:
            round_.note_end()
        return ended_s, findings

    def _run_phase(self, name: str, phase: Callable[[Round], Any], round_: Round) -> Any:
        return _result(name, self._processes.run(phase, round_))

    @contextmanager
    def _companions(self, operation: Operation, round_: Round) -> Iterator[list[Running]]:
        """Starts what runs beside the operation, and ends it."""
        round_.stop.unlink(missing_ok=True)
        started = [self._processes.start(each, round_) for each in operation.companions]
        try:
            for each in started:
                each.wait_until_ready()
            yield started
        finally:
            round_.stop.touch()
            for each in started:
                each.wait_for_end()

    def _operate(self, operation: Operation, round_: Round, delay_s: float | None, with_children: bool) -> float:
        running = self._processes.start(operation.operate, round_)
        running.wait_until_ready()
        began = time.monotonic()
        if delay_s is not None and not running.ends_within(delay_s):
            self._processes.watch(running.kill(with_children=with_children))
            return 0.0
        _result("operate", running)
        return time.monotonic() - began

    def _begin_anew(self, round_: Round) -> None:
        """Takes away what a round that found something has left, so that it is not found again in the next."""
        if self._keep:
            round_.folder.rename(round_.folder.with_name(f"{round_.folder.name}-round-{round_.number}"))
        else:
            shutil.rmtree(round_.folder, ignore_errors=True)


def _result(phase: str, running: Running) -> Any:
    try:
        return running.result()
    except BackendError as error:
        raise BackendError(f"{phase}: {error.message}") from error


def _make_model(home: Path, models: Path) -> None:
    link_models(home, models)
    load_model(home_settings(home))
