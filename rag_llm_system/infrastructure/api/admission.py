"""How many requests are worked on at a time, and how many may wait for that."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from rag_llm_system.domain.errors import BackendUnavailableError

T = TypeVar("T")


class OverloadedError(BackendUnavailableError):
    """As many requests are waiting as are allowed to."""


class Admission:
    """Runs blocking work in at most `max_running` threads; first come, first served.

    Who is let in is counted on the event loop, before anything is awaited, so that the limit is exact.
    """

    def __init__(self, *, max_running: int, max_waiting: int) -> None:
        self._threads = CapacityLimiter(max_running)
        self._max_admitted = max_running + max_waiting
        self._n_admitted = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Gives what `work` gives, without blocking the event loop.

        Raises:
            OverloadedError: `max_running` requests are worked on and `max_waiting` wait already.
        """
        if self._n_admitted >= self._max_admitted:
            raise OverloadedError(f"{self._n_admitted} requests are being worked on or waiting: ask again later.")
        self._n_admitted += 1
        try:
            return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            self._n_admitted -= 1
