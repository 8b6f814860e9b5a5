"""Trackers that can neither fail a run nor keep it waiting."""

import threading
from collections.abc import Sequence

from loguru import logger

from rag_llm_system.domain.errors import BackendUnavailableError, RagError
from rag_llm_system.domain.ports.experiment_tracker import ExperimentTracker, TrackedRun


class ForgivingTracker:
    """Hands a run to each of several trackers; see `ExperimentTracker`. With none it does nothing.

    What fails, or takes longer than the limit, is a line in the log, and the others get the run all the same. Each
    works in a thread of its own, since no library can be trusted to give up in time; one that does not is left behind
    and ends with the process.

    Args:
        trackers: asked in this order.
        limit_s: how long each of them may take.
    """

    def __init__(self, trackers: Sequence[ExperimentTracker], *, limit_s: float = 30.0) -> None:
        self._trackers = tuple(trackers)
        self._limit_s = limit_s

    @property
    def name(self) -> str:
        """The names of all of them; empty where there is none."""
        return "+".join(tracker.name for tracker in self._trackers)

    def log_run(self, run: TrackedRun) -> None:
        """Writes down a run wherever that works; raises nothing."""
        for tracker in self._trackers:
            error = self._error_of(tracker, run)
            if error is not None:
                reason = error.message if isinstance(error, RagError) else f"unforeseen: {type(error).__name__}"
                logger.warning("run_not_tracked run={} tracker={} reason={}", run.name, tracker.name, reason)

    def _error_of(self, tracker: ExperimentTracker, run: TrackedRun) -> Exception | None:
        errors: list[Exception] = []

        def log() -> None:
            try:
                tracker.log_run(run)
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=log, name=f"tracking in {tracker.name}", daemon=True)
        thread.start()
        thread.join(self._limit_s)
        if thread.is_alive():
            return BackendUnavailableError(f"{tracker.name} has not answered within {self._limit_s:.0f} s: is it up?")
        return errors[0] if errors else None
