"""A stand-in for an OpenAI-compatible server: it answers over real HTTP what a test tells it to."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What is sent for one request: the parts one after the other, `pause_s` between them."""

    parts: Sequence[bytes]
    status: int = 200
    content_type: str = "text/event-stream"
    pause_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Received:
    """The requests that came, and how often a client left before its reply was sent."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    client_left: threading.Event = field(default_factory=threading.Event)


def event(content: str | None, finish_reason: str | None = None) -> bytes:
    """Gives an event as llama.cpp writes it: the first one has no content, the last one an empty delta."""
    delta = {} if finish_reason else {"content": content}
    chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}
    chunk["choices"][0]["finish_reason"] = finish_reason  # type: ignore[index]
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def message(*pieces: str, finish_reason: str = "stop") -> Reply:
    """Gives a whole streamed message."""
    return Reply([event(None), *map(event, pieces), event(None, finish_reason), b"data: [DONE]\n\n"])


def problem(status: int, **error: Any) -> Reply:
    """Gives a refusal in the form that OpenAI, vLLM and llama.cpp share."""
    return Reply([json.dumps({"error": error}).encode()], status, "application/json")


@contextmanager
def chat_server(*replies: Reply) -> Iterator[tuple[str, Received]]:
    """Gives the address of a server that sends the replies in turn, the last one over and over, and what it got."""
    received = Received()
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            reply = replies[min(len(received.requests), len(replies) - 1)]
            received.requests.append(json.loads(content))
            received.keys.append(self.headers["authorization"])
            received.paths.append(self.path)
            self.send_response(reply.status)
            self.send_header("content-type", reply.content_type)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for part in reply.parts:
                    self.wfile.write(part)
                    self.wfile.flush()
                    if stop.wait(reply.pause_s):
                        return
            except OSError:
                received.client_left.set()

        def log_message(self, *_: object) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            stop.set()
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 64  # connections that may wait to be taken; with the usual 5, one of eight waits a second
