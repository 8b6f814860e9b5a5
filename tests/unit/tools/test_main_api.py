"""The address that the main API leaves for others, and asking over HTTP."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.domain.errors import BackendUnavailableError, InputError
from tools.main_api import ask, published_address, running_main_api

ANSWER = {
    "answer": "Yes [1].",
    "citations": [
        {
            "number": 1,
            "title": "Engines",
            "link": "file:///engines.md",
            "author": "Ada Lovelace",
            "quote": "It weaves.",
            "document_id": "d",
            "start": 3,
            "end": 13,
        }
    ],
    "refused": False,
    "notes": ["the server was away"],
    "timings_ms": {"total": 2.5},
}
PUBLISHED = "main-api.address"


class Api(HTTPServer):
    """Healthy, and answers every question with `status` and `body`."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(("127.0.0.1", 0), Replies)
        self.status = status
        self.body = body.encode()
        self.asked: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Replies(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.reply(200 if self.path == "/health" else 404, b"{}")

    def do_POST(self) -> None:
        self.server.asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.reply(self.server.status, self.server.body)

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def api(status: int = 200, body: str = json.dumps(ANSWER)) -> Iterator[Api]:
    with Api(status, body) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_published_address_is_found_and_taken_away_at_the_end(tmp_path: Path) -> None:
    with api() as server:
        with published_address(tmp_path) as publish:
            assert running_main_api(tmp_path) is None
            publish(server.url)
            assert (tmp_path / PUBLISHED).read_text() == f"{server.url} {os.getpid()}"
            assert running_main_api(tmp_path) == server.url
        assert list(tmp_path.iterdir()) == []
        assert running_main_api(tmp_path) is None


def test_the_address_is_taken_away_after_a_failure_too(tmp_path: Path) -> None:
    with contextlib.suppress(InterruptedError), published_address(tmp_path) as publish:
        publish("http://127.0.0.1:1")
        raise InterruptedError
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_else_published_since_is_left(tmp_path: Path) -> None:
    with published_address(tmp_path) as publish:
        publish("http://127.0.0.1:1")
        (tmp_path / PUBLISHED).write_text("http://127.0.0.1:2 1")
    assert (tmp_path / PUBLISHED).read_text() == "http://127.0.0.1:2 1"


def test_a_second_server_that_never_got_ready_leaves_the_address_of_the_first(tmp_path: Path) -> None:
    with published_address(tmp_path) as publish:
        publish("http://127.0.0.1:1")
        with published_address(tmp_path):
            pass
        assert (tmp_path / PUBLISHED).is_file()


def test_an_address_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    with published_address(tmp_path / "gone") as publish:
        publish("http://127.0.0.1:1")
    assert list(tmp_path.iterdir()) == []


def test_the_address_of_a_dead_process_is_ignored(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with api() as server:
        (tmp_path / PUBLISHED).write_text(f"{server.url} {process.pid}")
        assert running_main_api(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{url}",
        b"{url} ",
        b"{url} somebody",
        b"{url} -1",
        b"{url} 1 2",
        b"{url} " + b"9" * 30,
        b"{url} " + b"9" * 5000,
        b"{url}/elsewhere {pid}",
        b"nonsense {pid}",
        b"http://[:: {pid}",
        b"http://127.0.0.1:http {pid}",
        b"http://\x00 {pid}",
        b"\xff\xfe {pid}",
    ],
    ids=lambda content: repr(content[:24]),
)
def test_an_address_that_cannot_be_one_is_ignored(tmp_path: Path, content: bytes) -> None:
    with api() as server:
        content = content.replace(b"{url}", server.url.encode()).replace(b"{pid}", str(os.getpid()).encode())
        (tmp_path / PUBLISHED).write_bytes(content)
        assert running_main_api(tmp_path) is None


def test_an_address_where_nobody_listens_any_more_is_ignored(tmp_path: Path) -> None:
    with api() as server:
        url = server.url
    (tmp_path / PUBLISHED).write_text(f"{url} {os.getpid()}")
    assert running_main_api(tmp_path) is None


def test_an_answer_comes_back_with_its_citations() -> None:
    with api() as server:
        answer = ask(server.url, "Does it weave?", top_k=3)
    assert server.asked == [("/rag", {"query": "Does it weave?", "top_k": 3})]
    assert (answer.text, answer.refused, answer.notes) == ("Yes [1].", False, ("the server was away",))
    assert answer.timings_ms == {"total": 2.5}
    (citation,) = answer.citations
    assert (citation.passage_number, citation.author_full_name, citation.quote) == (1, "Ada Lovelace", "It weaves.")


def test_without_top_k_the_api_decides_how_many_passages() -> None:
    with api() as server:
        ask(server.url, "Does it weave?")
    assert server.asked == [("/rag", {"query": "Does it weave?"})]


def test_a_question_that_is_refused_as_unusable_is_an_input_error_with_the_apis_words() -> None:
    body = json.dumps({"detail": "The question is blank: ask something."})
    with api(422, body) as server, pytest.raises(InputError) as caught:
        ask(server.url, " ")
    assert caught.value.message == "The question is blank: ask something."


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize(("body", "reason"), [('{"detail": "still loading"}', "still loading"), ("<html>", "HTTP 50")])
def test_a_server_that_cannot_answer_is_said_to_be_unavailable(status: int, body: str, reason: str) -> None:
    with api(status, body) as server, pytest.raises(BackendUnavailableError) as caught:
        ask(server.url, "Does it weave?")
    assert server.url in caught.value.message
    assert reason in caught.value.message


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"citations": [1]}'])
def test_another_server_at_that_address_is_said_to_be_another(body: str) -> None:
    with api(200, body) as server, pytest.raises(BackendUnavailableError, match="not this main API"):
        ask(server.url, "Does it weave?")


def test_a_server_that_is_gone_is_said_to_be_unavailable() -> None:
    with api() as server:
        url = server.url
    with pytest.raises(BackendUnavailableError, match="did not answer"):
        ask(url, "Does it weave?")


def test_a_proxy_of_the_environment_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(key, "http://127.0.0.1:9")
    for key in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(key, raising=False)
    with api() as server, published_address(tmp_path) as publish:
        publish(server.url)
        assert running_main_api(tmp_path) == server.url
        assert ask(server.url, "Does it weave?").text == "Yes [1]."
