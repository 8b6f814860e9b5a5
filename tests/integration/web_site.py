"""Small web servers on the loopback interface, which answer what a test tells them and count what they are asked."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard, LookUp
from rag_llm_system.infrastructure.crawlers.web.articles import CustomArticleCrawler

LOOPBACK = ("127.0.0.0/8",)


@dataclass
class Answer:
    """What a path answers."""

    body: bytes | str = b""
    status: int = 200
    content_type: str | None = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


Answers = dict[str, Answer | Callable[[], Answer]]


class Site:
    """A server for a test.

    Args:
        answers: by path and query; a callable is called for each request. Everything else is 404.
        tls: makes it an https server.
        address: where it listens.
    """

    def __init__(self, answers: Answers, tls: ssl.SSLContext | None = None, *, address: str = "127.0.0.1") -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                site.headers.append({name.lower(): value for name, value in self.headers.items()})
                self._send(site.answers.get(self.path, Answer("no such page", 404)))

            def _send(self, told: Answer | Callable[[], Answer]) -> None:
                answer = told if isinstance(told, Answer) else told()
                body = answer.body.encode() if isinstance(answer.body, str) else answer.body
                self.send_response(answer.status)
                if answer.content_type is not None:
                    self.send_header("Content-Type", answer.content_type)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Keeps the test's output quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A crawler that hangs up in the middle is what some tests are about."""

        self._server = Server((address, 0), Handler)
        self.scheme = "http"
        if tls is not None:
            self.scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]

    def __enter__(self) -> "Site":
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def link(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    @property
    def pages_asked(self) -> list[str]:
        return [path for path in self.asked if path != "/robots.txt"]


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def crawler(
    look_up: LookUp | None = None, *, private: tuple[str, ...] = LOOPBACK, **options: Any
) -> CustomArticleCrawler:
    """Gives a crawler that may talk to the loopback interface and does not wait."""
    clock = options.pop("clock", None) or Clock()
    options = {"pause_s": 0.0, "timeout_s": 5.0, "sleep": clock.sleep, "clock": clock, **options}
    return CustomArticleCrawler(AddressGuard(private, look_up=look_up), **options)


def names_on_loopback(host: str, port: int) -> list[str]:
    """A name service that knows every name, and that all of them are this machine."""
    return ["127.0.0.1"]


@contextmanager
def raw_server(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """Gives the address of a server that says byte by byte what a test wants; robots.txt it has none."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            connection.settimeout(10)
            try:
                request = connection.recv(65536)
                if request.startswith(b"GET /robots.txt"):
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                else:
                    speak(connection)
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/page"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def drip(connection: socket.socket, start: bytes, *, seconds: float) -> None:
    """Sends the start and then a byte every so often."""
    connection.sendall(start)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)
        connection.sendall(b"x")
