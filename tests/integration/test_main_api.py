"""The main API over real HTTP, with answering that a test can steer."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.openapi.models import OpenAPI
from loguru import logger

from rag_llm_system.domain.answers import Answer, Citation, Passage
from rag_llm_system.domain.conversations import Turn
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, ConfigurationError, InputError, RagError
from rag_llm_system.infrastructure.api.problems import Problem
from rag_llm_system.infrastructure.api.schemas import QueryRequest, QueryResponse, RagRequest, RagResponse
from rag_llm_system.infrastructure.inference_pipeline_api import create_app
from tests.live_server import live_server, wait_for_status

PASSAGE = Passage(
    number=1, id="p1", text="Words that prove it.", title="A page", link="https://example.org/a",
    author_full_name="Ann Author", score=0.5, document_id="d1", path="src/a.py", start=40,
)  # fmt: skip
CITATION = Citation(1, "A page", "https://example.org/a", "Ann Author", "Words", "d1", 40, 45)


class SteeredAnswering:
    """Answers like `GroundedAnswering`; `act` is called first, in the worker thread."""

    def __init__(self, act: Callable[[str], object] = lambda question: None) -> None:
        self._act = act
        self.asked: list[tuple[str, int | None, Category | None]] = []
        self.histories: list[list[Turn]] = []

    def answer(
        self,
        question: str,
        *,
        top_k: int | None = None,
        category: Category | None = None,
        history: Sequence[Turn] = (),
    ) -> Answer:
        self.asked.append((question, top_k, category))
        self.histories.append(list(history))
        self._act(question)
        return Answer("It is so. [1]", (CITATION,), (PASSAGE,), False, ("a note",), {"retrieval": 1.5, "total": 2.0})


def services_with(answering: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: nullcontext(SimpleNamespace(answering=answering))


@contextmanager
def client_of(app: FastAPI, *, until_ready: bool = True) -> Iterator[httpx.Client]:
    with live_server(app, until_ready=until_ready) as url, httpx.Client(base_url=url, timeout=10) as client:
        yield client


@pytest.fixture(scope="module")
def answering() -> SteeredAnswering:
    return SteeredAnswering()


@pytest.fixture(scope="module")
def client(answering: SteeredAnswering) -> Iterator[httpx.Client]:
    with client_of(create_app(services_with(answering))) as client:
        yield client


def problem_in(response: httpx.Response) -> Problem:
    """Gives the problem, once it is sure that it is one line that belongs to this request."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(response.content)
    assert problem.status == response.status_code
    assert problem.request_id == response.headers["x-request-id"]
    assert "\n" not in problem.detail
    return problem


def test_rag_answers_with_citations(client: httpx.Client, answering: SteeredAnswering) -> None:
    response = client.post("/rag", json={"query": "  Is it so?  "})
    assert response.json() == {
        "answer": "It is so. [1]",
        "citations": [
            {
                "number": 1, "title": "A page", "link": "https://example.org/a", "author": "Ann Author",
                "quote": "Words", "document_id": "d1", "start": 40, "end": 45,
            }
        ],
        "refused": False,
        "notes": ["a note"],
        "timings_ms": {"retrieval": 1.5, "total": 2.0},
    }  # fmt: skip
    assert answering.asked[-1] == ("Is it so?", None, None)


def test_rag_takes_top_k(client: httpx.Client, answering: SteeredAnswering) -> None:
    assert client.post("/rag", json={"query": "Is it so?", "top_k": 20}).status_code == 200
    assert answering.asked[-1] == ("Is it so?", 20, None)


def test_rag_takes_what_was_asked_before(client: httpx.Client, answering: SteeredAnswering) -> None:
    before = [{"question": "Who was Ada?", "answer": "A mathematician."}, {"question": "Why?"}]
    assert client.post("/rag", json={"query": "When was she born?", "history": before}).status_code == 200
    assert answering.histories[-1] == [Turn("Who was Ada?", "A mathematician."), Turn("Why?", "")]


@pytest.mark.parametrize(
    "history", ["x", [1], [{"answer": "x"}], [{"question": "x", "role": "user"}], [{"question": "x"}] * 21]
)
def test_a_history_that_cannot_be_one_is_refused(client: httpx.Client, history: object) -> None:
    problem_in(client.post("/rag", json={"query": "When was she born?", "history": history}))


def test_query_answers_with_sources(client: httpx.Client, answering: SteeredAnswering) -> None:
    response = client.post("/api/v1/query", json={"query": "Is it so?"})
    body = response.json()
    assert body.pop("latency_ms") > 0
    assert body == {
        "answer": "It is so. [1]",
        "sources": [
            {
                "text": "Words that prove it.",
                "score": 0.5,
                "metadata": {
                    "number": 1, "id": "p1", "title": "A page", "link": "https://example.org/a",
                    "author": "Ann Author", "document_id": "d1", "path": "src/a.py", "start": 40,
                },
            }
        ],
        "cached": False,
    }  # fmt: skip
    assert answering.asked[-1] == ("Is it so?", None, None)


@pytest.mark.parametrize("field", ["collection", "table_name"])
@pytest.mark.parametrize(
    ("name", "category"),
    [("articles", Category.ARTICLES), ("posts", Category.POSTS), ("repository_chunks_embedded", Category.REPOSITORIES)],
)
def test_query_knows_collections_by_both_names(
    client: httpx.Client, answering: SteeredAnswering, field: str, name: str, category: Category
) -> None:
    assert client.post("/api/v1/query", json={"query": "Is it so?", field: name}).status_code == 200
    assert answering.asked[-1][2] == category


def test_an_unknown_collection_is_not_found(client: httpx.Client) -> None:
    response = client.post("/api/v1/query", json={"query": "Is it so?", "collection": "books"})
    assert response.status_code == 404
    assert "articles, posts or repositories" in problem_in(response).detail


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": " \n\t "}, "query"),
        ({"query": 7}, "query"),
        ({"query": "q", "top_k": 0}, "top_k"),
        ({"query": "q", "top_k": 21}, "top_k"),
        ({"query": "q", "top_k": True}, "top_k"),
        ({"query": "q", "topk": 3}, "topk"),
        ([], "body"),
        ({f"field_{n}": n for n in range(10_000)}, "body"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(client: httpx.Client, body: Any, field: str) -> None:
    response = client.post("/rag", json=body)
    assert response.status_code == 422
    problem = problem_in(response)
    assert problem.detail.startswith(f"{field}: ")
    assert problem.errors
    assert problem.errors[0].field == field


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"{'query': 'q'}", 400),
        (bytes(range(256)) * 40, 400),
        (b"[" * 100_000, 400),
        (b'{"query": "\\ud800"}', 422),
        (b'{"query": "q", "top_k": NaN}', 422),
    ],
)
def test_a_body_that_is_no_usable_json_is_refused_in_a_line(client: httpx.Client, content: bytes, status: int) -> None:
    response = client.post("/rag", content=content, headers={"content-type": "application/json"})
    assert response.status_code == status
    problem_in(response)


@pytest.mark.parametrize(
    "headers", [{}, {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}]
)
def test_a_body_that_is_not_declared_as_json_is_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    response = client.post("/rag", content=b'{"query": "q"}', headers=headers)
    assert response.status_code == 415
    problem_in(response)


def test_a_declared_charset_does_not_matter(client: httpx.Client) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    assert client.post("/rag", content=b'{"query": "q"}', headers=headers).status_code == 200


@pytest.mark.parametrize("n_bytes", [1_000_000, 20_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(client: httpx.Client, n_bytes: int, chunked: bool) -> None:
    body = b'{"query": "' + b"x" * n_bytes + b'"}'
    content = (body[start : start + 65536] for start in range(0, len(body), 65536)) if chunked else body
    response = client.post("/rag", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert "262144 bytes" in problem_in(response).detail


def test_a_declared_length_over_the_limit_is_refused_before_the_body_is_sent(client: httpx.Client) -> None:
    head = b"POST /rag HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 262145\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=5) as connection:
        connection.sendall(head)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_question_just_within_the_limit_is_taken(client: httpx.Client) -> None:
    body = b'{"query": "' + b"x" * (262_144 - 13) + b'"}'
    assert len(body) == 262_144
    response = client.post("/rag", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/docs", 404), ("GET", "/redoc", 404), ("POST", "/rag/", 404), ("GET", "/rag", 405),
     ("DELETE", "/health", 405), ("OPTIONS", "/rag", 405)],
)  # fmt: skip
def test_other_routes_and_methods_are_problems_too(client: httpx.Client, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert "/openapi.json" in problem_in(response).detail


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8001", "127.0.0.1.evil.example", "", "[::1"])
def test_a_request_for_another_host_name_is_refused(client: httpx.Client, host: str) -> None:
    response = client.post("/rag", json={"query": "q"}, headers={"host": host})
    assert response.status_code == 403
    problem_in(response)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:8001", "LOCALHOST:8001"])
def test_every_name_of_this_machine_is_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/health", headers={"host": host}).status_code == 200


def test_a_request_id_is_echoed_and_a_bad_one_replaced(client: httpx.Client) -> None:
    assert client.get("/health", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    for bad in ("x" * 5000, "a\tb", "a b", "ä"):
        given = client.get("/health", headers=[(b"x-request-id", bad.encode())]).headers["x-request-id"]
        assert given.isalnum()
        assert len(given) == 32


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("The question is too long."), 422),
        (BackendUnavailableError("The model server is away."), 503),
        (BackendError("The index failed."), 502),
    ],
)
def test_errors_of_answering_become_problems_that_say_what_is_wrong(error: RagError, status: int) -> None:
    def fail(question: str) -> None:
        raise error

    with client_of(create_app(services_with(SteeredAnswering(fail)))) as client:
        response = client.post("/rag", json={"query": "q"})
    assert response.status_code == status
    assert problem_in(response).detail == error.message
    assert ("retry-after" in response.headers) == error.retryable


@pytest.mark.parametrize(
    "error", [KeyError("SECRET"), ConfigurationError("/home/SECRET is missing."), RecursionError()]
)
def test_what_nobody_foresaw_is_a_500_that_tells_nothing(error: Exception) -> None:
    def fail(question: str) -> None:
        raise error

    with client_of(create_app(services_with(SteeredAnswering(fail)))) as client:
        response = client.post("/rag", json={"query": "q"})
        assert client.post("/rag", json={"query": "q"}).status_code == 500, "the server goes on"
    assert response.status_code == 500
    problem_in(response)
    for telltale in ("SECRET", "Traceback", "File ", ".py", type(error).__name__, "line "):
        assert telltale not in response.text


def test_the_log_has_one_line_a_request_without_what_was_asked() -> None:
    def fail(question: str) -> None:
        if "boom" in question:
            raise ValueError(f"cannot answer {question}")

    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}", level="INFO")
    try:
        with client_of(create_app(services_with(SteeredAnswering(fail)))) as client:
            client.post("/rag?key=SECRET", json={"query": "SECRET"}, headers={"x-request-id": "id-1"})
            client.post("/rag", json={"query": "SECRET boom"}, headers={"x-request-id": "id-2"})
            client.get("/a%0Ahttp_request forged")
    finally:
        logger.remove(sink)
    log = [line for text in lines for line in text.splitlines()]
    assert [line.split(" ms=")[0] for line in log if line.startswith("http_request") and "/ready" not in line] == [
        "http_request method=POST path=/rag status=200",
        "http_request method=POST path=/rag status=500",
        "http_request method=GET path=/a%0Ahttp_request%20forged status=404",
    ]
    assert [line for line in log if "error=ValueError" in line and "request_id=id-2" in line]
    assert "SECRET" not in "".join(lines)


def test_health_answers_at_once_and_the_rest_once_services_are_open() -> None:
    may_open = threading.Event()

    @contextmanager
    def open_slowly() -> Iterator[Any]:
        may_open.wait(10)
        yield SimpleNamespace(answering=SteeredAnswering())

    with client_of(create_app(open_slowly), until_ready=False) as client:
        assert client.get("/health").json() == {"status": "ok"}
        for response in (client.get("/ready"), client.post("/rag", json={"query": "q"})):
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            assert problem_in(response).type == "urn:problem-type:rag:not-ready"
        may_open.set()
        wait_for_status(str(client.base_url.join("/ready")), 200)
        assert client.post("/rag", json={"query": "q"}).status_code == 200


def test_a_slow_answer_holds_up_nobody_else_and_too_many_are_turned_away() -> None:
    release = threading.Event()
    app = create_app(services_with(SteeredAnswering(lambda question: release.wait(10))), max_running=2, max_waiting=3)
    with client_of(app) as client, ThreadPoolExecutor(9) as askers:
        asked = [askers.submit(client.post, "/rag", json={"query": "q"}) for _ in range(9)]
        refused = [answer.result() for answer in islice(as_completed(asked), 4)]
        fastest = min(_seconds(lambda: client.get("/health")) for _ in range(5))
        release.set()
        assert sorted(answer.result().status_code for answer in asked) == [200] * 5 + [503] * 4
        assert client.post("/rag", json={"query": "q"}).status_code == 200, "there is room again"
    assert {problem_in(response).type for response in refused} == {"urn:problem-type:rag:overloaded"}
    assert {response.headers["retry-after"] for response in refused} == {"1"}
    assert fastest < 2


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def test_openapi_is_valid_and_its_examples_too(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    OpenAPI.model_validate(document)
    assert set(document["paths"]) == {"/rag", "/api/v1/query", "/health", "/ready"}
    schemas = document["components"]["schemas"]
    for model in (RagRequest, RagResponse, QueryRequest, QueryResponse):
        assert schemas[model.__name__]["examples"]
        for example in schemas[model.__name__]["examples"]:
            model.model_validate(example)
    assert references_in(document) <= {f"#/components/schemas/{name}" for name in schemas}
    errors = document["paths"]["/rag"]["post"]["responses"]
    assert all("application/problem+json" in errors[status]["content"] for status in errors if status != "200")


def references_in(node: Any) -> set[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    found = {node["$ref"]} if isinstance(node, dict) and "$ref" in node else set()
    return found.union(*(references_in(child) for child in children))
