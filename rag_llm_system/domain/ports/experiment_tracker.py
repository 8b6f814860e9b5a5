"""Where runs are written down, so that one can be compared with another."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from rag_llm_system.domain.errors import InputError


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run that has ended, as a tracker takes it.

    Args:
        name: the pipeline.
        started_at: with a time zone.
        seconds: how long the run took.
        status: how it ended.
        parameters: what the run was given; never a secret.
        metrics: what came out, finite numbers. A "/" in a name makes a group: "indexing/n_windows".
        tags: what runs are found by.
        artifacts: file name -> text, for trackers that keep files.

    Raises:
        InputError: the start has no time zone, or a metric is no finite number.
    """

    name: str
    started_at: datetime
    seconds: float
    status: Literal["finished", "failed"] = "finished"
    parameters: Mapping[str, str | int | float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.started_at.tzinfo is None:
            raise InputError(f"the start of run {self.name!r} has no time zone: give an aware datetime")
        odd = [name for name, value in self.metrics.items() if not math.isfinite(value)]
        if odd:
            raise InputError(f"metric {odd[0]!r} of run {self.name!r} is no finite number: leave it out")

    @property
    def ended_at(self) -> datetime:
        """When the run ended."""
        return self.started_at + timedelta(seconds=self.seconds)


class ExperimentTracker(Protocol):
    """Writes runs down. A call comes once a run, at its end; nothing is loaded or opened before the first one."""

    @property
    def name(self) -> str:
        """What people call it, for messages."""

    def log_run(self, run: TrackedRun) -> None:
        """Writes down a run; twice the same run is two runs.

        Raises:
            BackendUnavailableError: the tracker is away.
            BackendError: it refused the run, or failed otherwise.
        """
