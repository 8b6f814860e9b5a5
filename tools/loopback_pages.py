"""Serves pages to the one who started them, at an address that nobody else can guess, until Ctrl-C."""

import argparse
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.settings import server_url
from tools.loopback_guard import App, LoopbackGuard, new_token
from tools.servers import next_free_port

if TYPE_CHECKING:
    import uvicorn

_HOST = "127.0.0.1"
_OPEN_REQUESTS_S = 3


class Entrance(NamedTuple):
    """Where pages are served, and the token that opens them."""

    listener: socket.socket
    token: str

    @property
    def port(self) -> int:
        """The port that was found free."""
        return int(self.listener.getsockname()[1])

    def url(self, page: str = "") -> str:
        """Gives the address that opens a page. It holds the token: show it to whoever started the server alone."""
        return f"{server_url(_HOST, self.port)}/{page}?token={self.token}"


def add_port_option(parser: argparse.ArgumentParser, default: int) -> None:
    """Adds `--port` to a command line."""
    words = "the first that is free from there on; 0: any (default: %(default)s)"
    parser.add_argument("--port", type=_port, default=default, help=words)


@contextmanager
def open_entrance(port: int) -> Iterator[Entrance]:
    """Gives the first port that is free from there on, held so that nobody can take it, and a token of its own.

    Raises:
        ConfigurationError: no port is free.
    """
    try:
        free = next_free_port(_HOST, port)
    except ConfigurationError:
        raise ConfigurationError(f"The ports from {port} on are taken: name another with --port.") from None
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, free))
        except OSError as error:
            raise ConfigurationError(f"Port {free} cannot be used ({error}): name another with --port.") from None
        if port not in (0, free):
            print(f"Port {port} is taken, so it is {free}; --port names another.", flush=True)
        yield Entrance(listener, new_token())


def serve_pages(app: App, entrance: Entrance, announce: Callable[[], None], *, reopening: str) -> bool:
    """Serves an application until a signal comes, to those who have the token; False where it did not start.

    Args:
        announce: is called as soon as it answers.
        reopening: how its address is seen again.
    """
    server = _server(LoopbackGuard(app, entrance.port, entrance.token, reopening=reopening), announce)
    with suppress(KeyboardInterrupt, SystemExit):  # uvicorn passes the signal on, or exits where it cannot start
        server.run(sockets=[entrance.listener])
    return server.started


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535")
    return int(text)


def _server(guarded: LoopbackGuard, announce: Callable[[], None]) -> "uvicorn.Server":
    import uvicorn

    class AnnouncedServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                announce()

    return AnnouncedServer(
        uvicorn.Config(
            guarded,
            log_config=None,
            access_log=False,  # its lines would hold the token
            server_header=False,
            timeout_graceful_shutdown=_OPEN_REQUESTS_S,
            lifespan="on",
        )
    )
