"""Runs a server on this machine's own address until it is told to stop."""

import errno
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI
from loguru import logger

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.infrastructure.api.loading import Loading
from rag_llm_system.infrastructure.api.middleware import LOOPBACK_HOSTS

_BACKLOG = 512


def serve(
    app: FastAPI,
    *,
    host: str,
    port: int,
    announce: Callable[[str], None],
    drain_timeout_s: int = 10,
    trust_network: bool = False,
) -> None:
    """Serves an app that `create_app` of either server gave; returns after SIGTERM, with requests under way answered.

    Args:
        host: 127.0.0.1, ::1 or localhost; any other with `trust_network`.
        port: 0 takes one that is free.
        announce: is given the server's URL, in a thread of its own, as soon as questions can be answered.
        drain_timeout_s: requests under way may take that long when the server stops; then their callers are left,
            but the process still waits for their threads, which nothing can interrupt.
        trust_network: something in front decides who reaches this server, such as a container's port that is
            published on 127.0.0.1 alone. Requests must still be addressed to localhost.

    Raises:
        ConfigurationError: the address is not this machine's own, or the port cannot be had.
        KeyboardInterrupt: it was stopped by SIGINT (Ctrl-C), requests under way answered too.
        RagError: the services could not be opened or closed.
    """
    loading: Loading[object] = app.state.loading
    _send_uvicorn_logs_to_loguru()
    with listening_socket(host, port, trust_network=trust_network) as listener:
        server = _Server(_config(app, drain_timeout_s))
        url = _url(listener)
        loading.on_ready = lambda: announce(url)
        loading.on_failure = server.stop
        server.run(sockets=[listener])
    if loading.error is not None:
        raise loading.error
    if server.interrupted:
        raise KeyboardInterrupt


@contextmanager
def listening_socket(host: str, port: int, *, trust_network: bool = False) -> Iterator[socket.socket]:
    """Gives a socket that takes connections already, though nobody answers them yet; closes it at the end.

    Raises:
        ConfigurationError: the address is not this machine's own, or the port cannot be had.
    """
    if host not in LOOPBACK_HOSTS and not trust_network:
        allowed = ", ".join(LOOPBACK_HOSTS)
        raise ConfigurationError(f"There are no API keys yet: servers listen on {allowed} only, not on {host!r}.")
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it answers wait 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
            listener.listen(_BACKLOG)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(f"Port {port} {_why_not(error)}: choose another with --port N.") from None
        yield listener


class _Server(uvicorn.Server):
    """uvicorn's server, but a signal stops it and nothing else: uvicorn raises the signal again afterwards."""

    interrupted = False

    def stop(self) -> None:
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.interrupted |= sig == signal.SIGINT
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _config(app: FastAPI, drain_timeout_s: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=drain_timeout_s,
    )


class _ToLoguru(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # Without the traceback: an error's message may quote what was asked.
        logger.log(record.levelname, "uvicorn: {}", record.getMessage().partition("\n")[0])


def _send_uvicorn_logs_to_loguru() -> None:
    uvicorn_logger = logging.getLogger("uvicorn")
    uvicorn_logger.handlers = [_ToLoguru()]
    uvicorn_logger.setLevel(logging.WARNING)
    uvicorn_logger.propagate = False


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _why_not(error: OSError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return "is not between 0 and 65535"
    if error.errno == errno.EADDRINUSE:
        return "is taken, perhaps by another server of this system that still runs"
    return f"cannot be had ({error.strerror})"
