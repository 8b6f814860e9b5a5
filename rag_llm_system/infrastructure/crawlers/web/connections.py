"""Connections for one request: only to addresses that the guard gave, and within one time limit.

httpcore is imported when it is needed, since it brings an asynchronous framework with it where one is installed. So its
classes are followed here without being inherited from.
"""

import ssl
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from rag_llm_system.domain.errors import BackendError
from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard

if TYPE_CHECKING:
    import httpcore

_MAX_CONNECT_S = 10.0


class Deadline:
    """The time that a request may take, from the first connection to the last byte.

    Args:
        timeout_s: how long.
        clock: gives seconds.
    """

    def __init__(self, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._end = clock() + timeout_s

    def remaining_s(self, at_most_s: float | None = None) -> float:
        """Gives the seconds that are left, or the most that a single step may take.

        Raises:
            BackendError: there are none.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise self.passed()
        return left if at_most_s is None else min(left, at_most_s)

    def passed(self) -> BackendError:
        """Gives the error for a request that took too long. Asking again would take as long again."""
        return BackendError(f"the server took longer than {self._timeout_s:g} s: try later, or raise RAG_WEB_TIMEOUT_S")


class GuardedBackend:
    """Opens connections for httpcore, as its `NetworkBackend` does.

    A name is looked up here and nowhere else, and the connection goes to the address that was checked. So a name that
    changes its address in between (DNS rebinding) gains nothing.

    Args:
        guard: what may be contacted.
        deadline: holds for everything that is done on the connections.
    """

    def __init__(self, guard: AddressGuard, deadline: Deadline) -> None:
        self._guard = guard
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> "_TimedStream":
        """Gives a connection to the first of the host's addresses that takes one; httpcore calls this."""
        import httpcore

        network = httpcore.SyncBackend()
        addresses = self._guard.resolve(host, port)
        for n_left, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
            patience = self._deadline.remaining_s(_MAX_CONNECT_S if timeout is None else timeout)
            try:
                stream = network.connect_tcp(address, port, patience, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not n_left:
                    raise
            else:
                return _TimedStream(stream, self._deadline)
        raise httpcore.ConnectError("no address")


class _TimedStream:
    """A connection on which every step ends by the deadline, however slowly bytes drip in."""

    def __init__(self, stream: "httpcore.NetworkStream", deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.remaining_s(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.remaining_s(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "_TimedStream":
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.remaining_s(timeout))
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
