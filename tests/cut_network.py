"""A network that breaks: what is sent to a server goes through here, until so many bytes have gone."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CutNetwork:
    """Forwards connections to a server, and drops them all once `n_bytes` have been sent to it.

    From then on new connections are closed at once, until `mend` is called.

    Args:
        server: a port of loopback, or the path of a Unix socket.
    """

    def __init__(self, server: int | str, *, n_bytes: int) -> None:
        self._server = server
        self._n_bytes_left = n_bytes
        self._is_cut = threading.Event()
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def is_cut(self) -> bool:
        """Whether as much has been sent as may be sent."""
        return self._is_cut.is_set()

    def mend(self) -> None:
        """Lets everything through again, for good."""
        with self._lock:
            self._n_bytes_left = 1 << 60
            self._is_cut.clear()

    def close(self) -> None:
        self._listener.close()
        self._drop_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                client.close()
                continue
            server = self._connection_to_server()
            with self._lock:
                self._sockets += [client, server]
            threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _connection_to_server(self) -> socket.socket:
        if isinstance(self._server, int):
            return socket.create_connection(("127.0.0.1", self._server))
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._server)
        return connection

    def _forward(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        try:
            while data := source.recv(65536):
                if counts and not self._may_send(len(data)):
                    self._drop_all()
                    return
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                end.close()

    def _may_send(self, n_bytes: int) -> bool:
        with self._lock:
            self._n_bytes_left -= n_bytes
            if self._n_bytes_left < 0:
                self._is_cut.set()
        return not self.is_cut

    def _drop_all(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for end in sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def cut_network(server: int | str, *, n_bytes: int) -> Iterator[CutNetwork]:
    """Gives such a network, and takes it down at the end."""
    network = CutNetwork(server, n_bytes=n_bytes)
    try:
        yield network
    finally:
        network.close()
