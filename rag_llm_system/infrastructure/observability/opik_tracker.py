"""Runs in Opik: each is a trace, with what was given as its input and what came out as its output."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, RagError
from rag_llm_system.domain.ports.experiment_tracker import TrackedRun

if TYPE_CHECKING:
    from opik import FlushResult, Opik


class OpikTracker:
    """`ExperimentTracker` over Opik's client, which is opened for each run and ended with it.

    Files stay on this machine: what was left out, and why, holds paths and addresses.

    Args:
        open_client: gives a client; Opik is loaded by then and not before.
        flush_s: whole seconds that the server may take.
    """

    def __init__(self, open_client: Callable[[], "Opik"], *, flush_s: int) -> None:
        self._open_client = open_client
        self._flush_s = flush_s

    @property
    def name(self) -> str:
        """What people call it."""
        return "Opik"

    def log_run(self, run: TrackedRun) -> None:
        """Writes down a run; see the port.

        Raises:
            MissingExtraError: Opik is not installed.
        """
        try:
            client = self._open_client()
            _log_trace(client, run)
            outcome = client.end(timeout=self._flush_s)
        except RagError:
            raise
        except Exception as error:
            raise BackendError(f"Opik took no run ({type(error).__name__}).") from None
        _raise_if_lost(outcome)


def _log_trace(client: "Opik", run: TrackedRun) -> None:
    failed = run.status == "failed"
    client.trace(
        name=run.name,
        start_time=run.started_at,
        end_time=run.ended_at,
        input=dict(run.parameters),
        output=dict(run.metrics),
        metadata={"status": run.status, **run.tags},
        tags=[run.status, *run.tags.values()],
        error_info={"exception_type": "RunFailed", "traceback": ""} if failed else None,
    )


def _raise_if_lost(outcome: "FlushResult | None") -> None:
    if outcome is None or outcome.success:
        return
    codes = [failure.status_code for failure in outcome.failures if failure.status_code]
    if codes and codes[0] in (401, 403):
        raise BackendError(
            f"Opik refuses the key (HTTP {codes[0]}): check COMET_API_KEY, COMET_PROJECT, OPIK_WORKSPACE."
        )
    if codes:
        raise BackendError(f"Opik refuses the run (HTTP {codes[0]}).")
    raise BackendUnavailableError("Opik did not take the run in time: is it up, and OPIK_URL_OVERRIDE right?")
