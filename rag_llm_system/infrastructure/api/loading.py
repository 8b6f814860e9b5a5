"""Services open while the server already answers `/health`."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from rag_llm_system.domain.errors import BackendUnavailableError

S = TypeVar("S")


class NotReadyError(BackendUnavailableError):
    """The services are not open: not yet, or not any more."""


class Loading(Generic[S]):
    """Opens services in a thread of its own, holds them open, and closes them there.

    Args:
        open_services: gives the services as a context; entered, left and otherwise touched by that one thread.

    Attributes:
        error: what opening or closing failed with, once it has.
        on_ready: called in that thread when the services are open.
        on_failure: called in that thread when `error` is set.
    """

    def __init__(self, open_services: Callable[[], AbstractContextManager[S]]) -> None:
        self._open_services = open_services
        self._services: S | None = None
        self._thread: threading.Thread | None = None
        self._close = threading.Event()
        self.error: BaseException | None = None
        self.on_ready: Callable[[], None] = lambda: None
        self.on_failure: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begins to open the services and returns at once."""
        # A daemon, so that the process can end while opening hangs.
        self._thread = threading.Thread(target=self._hold_open, name="services", daemon=True)
        self._thread.start()

    def services(self) -> S:
        """Gives the open services.

        Raises:
            NotReadyError: they are not open.
        """
        if self._services is None:
            if self.error is not None:
                raise NotReadyError("What this server needs could not be opened: its log has the reason.")
            raise NotReadyError("What this server needs is still being opened: ask again in a moment.")
        return self._services

    def close(self, *, closing_timeout_s: float = 10.0, opening_timeout_s: float = 2.0) -> None:
        """Closes the services and waits for that; services that are still being opened are waited for less long."""
        timeout_s = opening_timeout_s if self._services is None else closing_timeout_s
        self._close.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _hold_open(self) -> None:
        try:
            with self._open_services() as services:
                self._services = services
                self.on_ready()
                self._close.wait()
                self._services = None
        # Everything, since nobody else would hear of it in this thread; Rust extensions raise BaseException.
        except BaseException as error:
            self._services = None
            self.error = error
            self.on_failure()
