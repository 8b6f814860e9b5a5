"""A stub that stands for the Opik server: real HTTP on loopback, none of Opik's own behaviour beyond status codes."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    """What came in."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class OpikStub:
    """Keeps what came in; answers everything with `status`, or, while that is None, not at all."""

    status: int | None = 204
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def traces(self) -> list[dict[str, Any]]:
        posted = [request.body for request in self.requests if request.path.endswith("/traces/batch")]
        return [trace for body in posted for trace in json.loads(body)["traces"]]


@contextmanager
def opik_stub(*, status: int | None = 204) -> Iterator[OpikStub]:
    """Gives the stub, served until the block ends."""
    stub = OpikStub(status)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            stub.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if stub.status is None:
                stub.closing.wait(30)
                self.close_connection = True
                return
            self.send_response(stub.status)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = do_PATCH = answer

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_address[1]}/api/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stub
    finally:
        stub.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
