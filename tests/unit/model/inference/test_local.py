"""The model server's client against servers that misbehave."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rag_llm_system.domain.answers import AnswerDelta, AnswerLimits, Passage
from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, ConfigurationError, InputError, RagError
from rag_llm_system.model.inference.local import ModelServerEngine

PASSAGES = [Passage(7, "p1", "Water boils at 100 degrees.", "Water", "https://example.org/w")]
GOOD = {
    "answer": "At 100 degrees. [7]",
    "quotes": [{"passage_number": 7, "passage_id": "p1", "start": 0, "end": 11, "text": "Water boils"}],
    "refused": False,
    "notes": ["a note"],
    "engine": "extractive",
}


@contextmanager
def canned_server(status: int, body: bytes, drip_s: float = 0.0) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Gives the URL of a server that answers everything alike, and the requests that it got."""
    got: list[dict[str, Any]] = []
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            got.append({"path": self.path, "headers": dict(self.headers), "body": json.loads(content)})
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            parts = [bytes([byte]) for byte in body] if drip_s else [body]
            for part in parts:
                if stop.wait(drip_s):
                    return
                self.wfile.write(part)
                self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", got
        finally:
            stop.set()
            server.shutdown()
            thread.join()


def ask(url: str, question: str = "When does water boil?", *, timeout_s: float = 5.0) -> list[AnswerDelta]:
    engine = ModelServerEngine(url, timeout_s=timeout_s)
    try:
        return list(engine.stream(question, PASSAGES, AnswerLimits(max_new_tokens=12, timeout_s=30)))
    finally:
        engine.close()


def test_a_good_answer_comes_back_whole() -> None:
    with canned_server(200, json.dumps(GOOD).encode()) as (url, got):
        (delta,) = ask(f"{url}/")
    assert delta.text == "At 100 degrees. [7]"
    assert [(quote.passage_number, quote.start, quote.end, quote.text) for quote in delta.quotes] == [
        (7, 0, 11, "Water boils")
    ]
    assert delta.notes == ("a note",)
    assert got[0]["path"] == "/infer"
    assert got[0]["body"]["max_new_tokens"] == 12
    assert got[0]["body"]["timeout_s"] == 5.0
    assert got[0]["body"]["passages"][0]["number"] == 7


def test_headers_are_asked_for_every_request() -> None:
    ids = iter(["first", "second"])
    with canned_server(200, json.dumps(GOOD).encode()) as (url, got):
        engine = ModelServerEngine(url, headers=lambda: {"X-Request-ID": next(ids)})
        for _ in range(2):
            list(engine.stream("q", PASSAGES, AnswerLimits()))
        engine.close()
    assert [request["headers"]["X-Request-ID"] for request in got] == ["first", "second"]


def changed(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>not a model server</html>",
        b"\xff\xfe\x00",
        b"[]",
        b"{}",
        changed(answer=None),
        changed(refused="no"),
        changed(quotes=[{"passage_number": 7}]),
        changed(quotes=[{"passage_number": 8, "start": 0, "end": 5, "text": "Water"}]),
        changed(quotes=[{"passage_number": 7, "start": 0, "end": 5, "text": "Steam"}]),
        changed(quotes=[{"passage_number": 7, "start": -8, "end": -1, "text": "degrees"}]),
        changed(quotes=[{"passage_number": 7, "start": 3, "end": 3, "text": ""}]),
        b'"' + b"x" * 9_000_000 + b'"',
    ],
)
def test_a_malformed_answer_is_an_error_of_the_backend(body: bytes) -> None:
    with canned_server(200, body) as (url, _), pytest.raises(BackendError) as caught:
        ask(url)
    assert type(caught.value) is BackendError
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (422, InputError), (413, InputError), (500, BackendUnavailableError), (503, BackendUnavailableError),
        (400, BackendError), (404, BackendError), (307, BackendError), (204, BackendError),
    ],
)  # fmt: skip
def test_every_status_has_its_error(status: int, error_type: type[RagError]) -> None:
    body = b"" if status == 204 else b'{"detail": "what\\nis wrong"}'
    with canned_server(status, body) as (url, _), pytest.raises(RagError) as caught:
        ask(url)
    assert type(caught.value) is error_type
    assert "\n" not in caught.value.message
    if status in (422, 413, 500, 503):
        assert "what is wrong" in caught.value.message


def test_a_server_that_is_away_is_named_with_what_to_do() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(BackendUnavailableError, match=f"127.0.0.1:{port}.*poe deploy-inference-local"):
        ask(f"http://anna:SECRET@127.0.0.1:{port}")


def test_a_password_in_the_address_is_never_shown() -> None:
    with pytest.raises(BackendUnavailableError) as caught:
        ask("http://anna:SECRET@127.0.0.1:1")
    assert "SECRET" not in caught.value.message


def test_an_answer_that_drips_in_is_given_up_when_its_time_is_over() -> None:
    slow = canned_server(200, json.dumps(GOOD).encode(), drip_s=0.1)
    with slow as (url, _), pytest.raises(BackendUnavailableError, match="in time"):
        ask(url, timeout_s=0.4)


def test_something_else_than_http_is_an_unavailable_backend() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = threading.Thread(target=lambda: _say(listener, b"SSH-2.0-OpenSSH_9\r\n"))
        answering.start()
        with pytest.raises(BackendUnavailableError, match="cannot be asked"):
            ask(f"http://127.0.0.1:{listener.getsockname()[1]}")
        answering.join()


def _say(listener: socket.socket, words: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(words)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://[::1", "http://a:port"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="http://127"):
        ModelServerEngine(url)


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with canned_server(200, json.dumps(GOOD).encode()) as (url, _):
        assert ask(url)
