"""The index on a Qdrant server that is away, busy, full, slow, not ours, or no Qdrant at all."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from loguru import logger

pytest.importorskip("qdrant_client", reason="needs the extra qdrant")

from rag_llm_system.domain.errors import (
    BackendError,
    BackendUnavailableError,
    ConfigurationError,
    DiskFullError,
    RagError,
)
from rag_llm_system.domain.index_points import PointFilter
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
from tests.integration.qdrant_server import (
    DIMENSION,
    SECRET,
    WINDOWS,
    every,
    opened,
    point_id,
    window,
)
from tests.qdrant_over_http import Instead, QdrantOverHttp, qdrant_over_http

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")


@pytest.fixture
def qdrant() -> Iterator[QdrantOverHttp]:
    with qdrant_over_http() as server:
        yield server


BUSY = b'{"status":{"error":"Service unavailable"},"time":0.0}'
PASSING = {
    "busy": Instead(503, BUSY),
    "a gateway in between": Instead(502, b"<html>Bad Gateway</html>"),
    "asked too much": Instead(429, BUSY),
    "asked too much, with a time to wait": Instead(429, BUSY, {"Retry-After": "1"}),
    "a broken connection": Instead(),
}


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING)
def test_what_passes_is_asked_again(qdrant: QdrantOverHttp, answer: Instead) -> None:
    with opened(qdrant) as index:
        qdrant.once(answer)
        index.upsert(WINDOWS, [window(1)])
        qdrant.once(answer, answer)
        assert index.count(WINDOWS) == 1
        qdrant.once(answer)
        assert index.delete(WINDOWS, PointFilter(ids=[point_id(1)])) == 1


def test_what_does_not_pass_is_given_up_within_the_time_out(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant, timeout_s=1) as index:
        qdrant.received.clear()
        qdrant.instead = every(Instead(503, BUSY))
        started = time.monotonic()
        with pytest.raises(BackendUnavailableError, match="cannot answer now"):
            index.count(WINDOWS)

    assert time.monotonic() - started < 8
    assert 2 <= len(qdrant.received) <= 5


def test_an_answer_is_waited_for_no_longer_than_the_time_out_and_not_asked_for_again(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant, timeout_s=0.7) as index:
        qdrant.received.clear()
        qdrant.instead = every(Instead(200, b"{}", after_s=6.0))
        started = time.monotonic()
        with pytest.raises(BackendUnavailableError, match="did not answer in time"):
            index.count(WINDOWS)

    assert 0.7 <= time.monotonic() - started < 6
    assert len(qdrant.received) == 1


REFUSALS: dict[str, tuple[Instead, type[RagError], str]] = {
    "no key": (Instead(401, b"Must provide an API key or an Authorization bearer token"), ConfigurationError, "key"),
    "a key that may not": (Instead(403, b'{"status":{"error":"Forbidden"},"time":0}'), ConfigurationError, "rights"),
    "full disk": (
        Instead(500, b'{"status":{"error":"Service internal error: No space left on device: WAL"},"time":0}'),
        DiskFullError,
        "make room",
    ),
    "insufficient storage": (Instead(507), DiskFullError, "make room"),
    "too large": (Instead(413, b"Payload Too Large"), BackendError, "max_request_size_mb"),
    "slow": (Instead(408, BUSY), BackendUnavailableError, "in time"),
    "bad request": (Instead(400, b'{"status":{"error":"Wrong input: my document"},"time":0}'), BackendError, "log"),
    "panic": (
        Instead(500, b'{"status":{"error":"Service internal error: my document"},"time":0}'),
        BackendError,
        "500",
    ),
    "a web page": (Instead(200, b"<html>Welcome</html>"), ConfigurationError, "is no Qdrant server"),
    "a page that is not there": (Instead(404, b"<html>Not found</html>"), ConfigurationError, "is no Qdrant server"),
    "another API": (Instead(404, b'{"detail":"Not Found"}'), ConfigurationError, "is no Qdrant server"),
    "another JSON": (Instead(200, b'{"result":{"hello":"world"}}'), ConfigurationError, "is no Qdrant server"),
    "nothing in it": (Instead(200, b"{}"), BackendError, "cannot be used"),
    "a redirect": (Instead(302, b"", {"Location": "https://elsewhere"}), ConfigurationError, "is no Qdrant server"),
}


@pytest.mark.parametrize(("answer", "kind", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_one_line_that_names_the_server_but_neither_key_nor_content(
    qdrant: QdrantOverHttp, answer: Instead, kind: type[RagError], words: str
) -> None:
    with opened(qdrant, api_key=SECRET) as index:
        qdrant.received.clear()
        qdrant.instead = every(answer)
        with pytest.raises(RagError) as raised:
            index.count(WINDOWS)

    assert type(raised.value) is kind
    assert words in raised.value.message
    assert qdrant.url in raised.value.message
    assert "\n" not in raised.value.message
    assert SECRET not in raised.value.message
    assert "my document" not in raised.value.message
    assert raised.value.__cause__ is None
    assert len(qdrant.received) == 1


def test_the_key_is_sent_with_every_request_and_shown_nowhere(qdrant: QdrantOverHttp) -> None:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="TRACE")
    try:
        with opened(qdrant, api_key=SECRET) as index:
            index.upsert(WINDOWS, [window(1)])
            shown = [repr(index), str(vars(index)), *lines]
    finally:
        logger.remove(sink)

    assert all(received.headers["api-key"] == SECRET for received in qdrant.received)
    assert SECRET not in "".join(shown)


def test_a_key_that_goes_unencrypted_to_another_machine_is_warned_of_without_being_shown() -> None:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="WARNING")
    try:
        for url in ("http://vectors.example:6333", "https://vectors.example", "http://127.0.0.1"):
            QdrantDatabaseConnector(url, api_key=SECRET).close()
    finally:
        logger.remove(sink)

    assert len(lines) == 1
    assert "vectors.example" in lines[0]
    assert SECRET not in lines[0]


def test_a_server_that_is_away_is_said_to_be_away() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(BackendUnavailableError, match=r"does not answer: start it"):
            QdrantAdapter(url, dimension=DIMENSION, embedder="e", timeout_s=1)


@contextmanager
def something_that_says(words: bytes) -> Iterator[int]:
    """Gives the port of a server that greets with these words, whatever it is asked."""

    def greet() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(words)
                connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_something_at_that_port_that_speaks_no_http_is_noticed() -> None:
    with (
        something_that_says(b"SSH-2.0-OpenSSH_9.2\r\n") as port,
        pytest.raises(BackendUnavailableError, match="if it is no Qdrant"),
    ):
        QdrantAdapter(f"http://127.0.0.1:{port}", dimension=DIMENSION, embedder="e", timeout_s=1)


def test_https_to_a_server_without_it_is_noticed(qdrant: QdrantOverHttp) -> None:
    started = time.monotonic()
    with pytest.raises(ConfigurationError, match="check http or https"):
        QdrantAdapter(qdrant.url.replace("http", "https"), dimension=DIMENSION, embedder="e", timeout_s=20)

    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ({"title": "qdrant", "version": "1.18.3"}, "needs 1.19 or later"),
        ({"title": "qdrant", "version": "dev"}, "does not tell its version"),
        ({"name": "something else"}, "is no Qdrant server"),
    ],
)
def test_a_server_that_is_too_old_or_none_is_refused(qdrant: QdrantOverHttp, root: Any, words: str) -> None:
    qdrant.once(Instead(200, json.dumps(root).encode()))

    with pytest.raises(ConfigurationError, match=words):
        QdrantAdapter(qdrant.url, dimension=DIMENSION, embedder="e")


def test_a_change_that_the_server_has_not_finished_is_not_taken_for_done(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant) as index:
        index.upsert(WINDOWS, [window(1)])
        taken = b'{"result":{"operation_id":7,"status":"acknowledged"},"status":"ok","time":0.0}'
        qdrant.once(Instead(200, taken))
        with pytest.raises(BackendUnavailableError, match="not finished it"):
            index.upsert(WINDOWS, [window(2)])


def test_a_proxy_of_the_environment_is_not_asked_for_an_unencrypted_server(
    qdrant: QdrantOverHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")

    with opened(qdrant, timeout_s=1) as index:
        assert index.count(WINDOWS) == 0
