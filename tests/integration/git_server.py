"""A real git server on loopback: https, git's own http-backend behind it, and what goes wrong with servers."""

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.integration.git_repositories import ENVIRONMENT

HOST = "code.example"
"""A name that no resolver knows; the certificate is made out to it."""


@dataclass(frozen=True)
class Answer:
    """What a server says instead of asking git."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    then: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class GitServer:
    """A server that runs, and what it was asked."""

    port: int
    requests: list[tuple[str, dict[str, str]]]

    def link(self, name: str, *, login: str = "") -> str:
        """Gives the link of a repository within the folder that is served."""
        return f"https://{login}{HOST}:{self.port}/{name}"


def make_certificate(folder: Path, host: str = HOST) -> tuple[Path, Path]:
    """Makes a certificate and its key with openssl."""
    certificate, key = folder / "certificate.pem", folder / "certificate.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@contextmanager
def git_server(
    folder: Path, certificate: tuple[Path, Path], answer: Callable[[str, dict[str, str]], Answer | None] | None = None
) -> Iterator[GitServer]:
    """Serves the repositories in a folder until the block ends; `answer` may speak first."""
    requests: list[tuple[str, dict[str, str]]] = []

    class Handler(_Handler):
        root = folder

        def says_first(self) -> Answer | None:
            headers = dict(self.headers.items())
            requests.append((self.path, headers))
            return answer(self.path, headers) if answer else None

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield GitServer(server.server_address[1], requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_server() -> Iterator[int]:
    """Gives the port of a server that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path

    def says_first(self) -> Answer | None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def _answer(self, body: bytes) -> None:
        said = self.says_first()
        if said is None:
            said = self._answer_of_git(body)
        self.send_response(said.status)
        for name, value in {"Content-Length": str(len(said.body)), **said.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(said.body)
            said.then()
        except OSError:
            pass  # whoever asked has gone

    def _answer_of_git(self, body: bytes) -> Answer:
        path, _, query = self.path.partition("?")
        environment = {
            **ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
            "REMOTE_ADDR": "127.0.0.1",
            "PATH": os.environ["PATH"],
        }
        said = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True).stdout
        head, _, content = said.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode("latin-1").splitlines())
        status = int(headers.pop("Status", "200").split()[0])
        return Answer(status, headers, content)
