"""The model server over real HTTP, with the extractive engine and with its own client."""

import dataclasses
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.openapi.models import OpenAPI

from rag_llm_system.domain.answers import AnswerDelta, AnswerLimits, Passage
from rag_llm_system.domain.errors import BackendUnavailableError, InputError
from rag_llm_system.domain.ports.answer_engine import AnswerEngine
from rag_llm_system.infrastructure.api.problems import Problem
from rag_llm_system.infrastructure.api.request_ids import HEADER
from rag_llm_system.infrastructure.local.infer_schemas import InferRequest, InferResponse, PassageIn
from rag_llm_system.infrastructure.local.local_deploy import PassageLimits, create_app
from rag_llm_system.model.engines.extractive import ExtractiveEngine
from rag_llm_system.model.inference.local import ModelServerEngine
from rag_llm_system.services import ModelServices
from tests.live_server import live_server

QUESTION = "At which temperature does water boil?"
PASSAGES = (
    Passage(1, "p1", "The ocean is deep. It is also wide and very blue.", "Sea", "https://example.org/s"),
    Passage(2, "p2", "Pure water boils at a temperature of 100 °C at sea level.", "Water", "https://example.org/w"),
)


def app_with(engine: AnswerEngine, **options: Any) -> FastAPI:
    return create_app(lambda: nullcontext(ModelServices(engine=engine)), **options)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with live_server(app_with(ExtractiveEngine())) as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=10) as client:
        yield client


def passages_as_sent(passages: Sequence[Passage] = PASSAGES) -> list[dict[str, Any]]:
    return [{"id": p.id, "text": p.text, "title": p.title, "link": p.link} for p in passages]


def problem_in(response: httpx.Response) -> Problem:
    assert response.headers["content-type"] == "application/problem+json"
    return Problem.model_validate_json(response.content)


@pytest.mark.parametrize("field", ["question", "query"])
def test_infer_answers_with_quotes_to_the_character(client: httpx.Client, field: str) -> None:
    body = client.post("/infer", json={field: QUESTION, "passages": passages_as_sent()}).json()
    assert body["engine"] == "extractive"
    assert body["refused"] is False
    assert "100 °C" in body["answer"]
    (quote,) = body["quotes"]
    assert (quote["passage_number"], quote["passage_id"]) == (2, "p2")
    assert PASSAGES[1].text[quote["start"] : quote["end"]] == quote["text"]


def test_a_question_that_the_passages_do_not_answer_is_refused(client: httpx.Client) -> None:
    body = client.post("/infer", json={"question": "Who won in 1987?", "passages": passages_as_sent()}).json()
    assert body["refused"] is True
    assert body["quotes"] == []


@pytest.mark.parametrize("passages", [{}, {"passages": []}])
def test_a_question_without_passages_is_a_typed_422(client: httpx.Client, passages: dict[str, Any]) -> None:
    response = client.post("/infer", json={"question": QUESTION, **passages})
    assert response.status_code == 422
    problem = problem_in(response)
    assert problem.type == "urn:problem-type:rag:passages-missing"
    assert "extractive" in problem.detail


@pytest.mark.parametrize(
    ("passages", "words"),
    [
        ([{"id": "a", "text": "x"}] * 4, "4 passages are more than 3"),
        ([{"id": "a", "text": "x" * 60}, {"id": "b", "text": "x", "title": "t" * 40}], "101 characters, more than 100"),
        ([{"id": "a", "text": "x", "number": 2}, {"id": "b", "text": "x"}], "same number"),
    ],
)
def test_passages_have_limits(passages: list[dict[str, Any]], words: str) -> None:
    limits = PassageLimits(max_passages=3, max_chars=100)
    with live_server(app_with(ExtractiveEngine(), passage_limits=limits)) as url:
        response = httpx.post(f"{url}/infer", json={"question": QUESTION, "passages": passages})
        just_enough = [{"id": "a", "text": "x" * 50}] * 2
        assert httpx.post(f"{url}/infer", json={"question": QUESTION, "passages": just_enough}).status_code == 200
    assert response.status_code == 422
    assert words in problem_in(response).detail


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"passages": []}, "question"),
        ({"question": " "}, "question"),
        ({"question": "q", "passages": [7]}, "passages.0"),
        ({"question": "q", "passages": [{"id": "a"}]}, "passages.0.text"),
        ({"question": "q", "passages": [{}] * 100_000}, "passages.0.id"),
        ({"question": "q", "max_new_tokens": 0}, "max_new_tokens"),
        ({"question": "q", "timeout_s": -1}, "timeout_s"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(client: httpx.Client, body: Any, field: str) -> None:
    response = client.post("/infer", json=body)
    assert response.status_code == 422
    problem = problem_in(response)
    assert problem.detail.startswith(f"{field}: ")
    assert len(problem.errors or ()) <= 2, "looking stops at the first passage that is wrong"


@pytest.mark.parametrize(("n_bytes", "status"), [(2_000_000, 422), (2_200_000, 413)])
def test_a_body_may_have_two_megabytes(client: httpx.Client, n_bytes: int, status: int) -> None:
    passages = [{"id": "a", "text": "x" * n_bytes}]
    assert client.post("/infer", json={"question": QUESTION, "passages": passages}).status_code == status


def test_the_model_server_has_its_routes_and_no_other(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    OpenAPI.model_validate(document)
    assert set(document["paths"]) == {"/infer", "/health", "/ready"}
    for model in (InferRequest, InferResponse):
        for example in document["components"]["schemas"][model.__name__]["examples"]:
            model.model_validate(example)
    assert client.post("/rag", json={"query": "q"}).status_code == 404


def test_a_request_carries_every_field_of_a_passage() -> None:
    passage = Passage(3, "i", "text", "title", "link", "author", 0.5, "d", "path", 9, 0.25)
    assert PassageIn(**dataclasses.asdict(passage)).to_passage(1) == passage
    assert set(PassageIn.model_fields) == {field.name for field in dataclasses.fields(Passage)}


def test_through_the_server_an_engine_answers_as_it_does_without(url: str) -> None:
    remote = ModelServerEngine(url)
    limits = AnswerLimits()
    for question in (QUESTION, "How deep and wide is the ocean?", "Who won in 1987?"):
        here = list(ExtractiveEngine().stream(question, PASSAGES, limits))
        (there,) = remote.stream(question, PASSAGES, limits)
        assert there.text == "".join(delta.text for delta in here)
        assert there.quotes == tuple(quote for delta in here for quote in delta.quotes)
        assert there.refused == any(delta.refused for delta in here)
    remote.close()


def test_the_client_turns_the_servers_refusals_into_our_errors(url: str) -> None:
    remote = ModelServerEngine(url)
    with pytest.raises(InputError, match="more than 100"):
        list(remote.stream(QUESTION, PASSAGES * 51, AnswerLimits()))
    with pytest.raises(InputError, match="unicode"):
        list(remote.stream("lone \ud800 surrogate", PASSAGES, AnswerLimits()))
    remote.close()


class FailingEngine:
    """Fails in the way it is told to."""

    name = "failing"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def stream(self, question: str, passages: Sequence[Passage], limits: AnswerLimits) -> Iterator[AnswerDelta]:
        yield AnswerDelta("half of an ")
        raise self._error


@pytest.mark.parametrize("error", [KeyError("SECRET"), BackendUnavailableError("The model is away.")])
def test_an_engine_that_fails_half_way_gives_no_half_answer(error: Exception) -> None:
    with live_server(app_with(FailingEngine(error))) as url:
        response = httpx.post(f"{url}/infer", json={"question": QUESTION, "passages": passages_as_sent()})
        remote = ModelServerEngine(url)
        with pytest.raises(BackendUnavailableError):
            list(remote.stream(QUESTION, PASSAGES, AnswerLimits()))
        remote.close()
    assert response.status_code in (500, 503)
    assert "half of" not in response.text
    assert "SECRET" not in response.text


def test_a_client_that_several_threads_share_gets_every_answer_right(url: str) -> None:
    remote = ModelServerEngine(url, headers=lambda: {HEADER: "shared"})
    answers: dict[int, str] = {}

    def ask(n: int) -> None:
        passage = Passage(1, f"p{n}", f"Machine {n} stands in hall {n * 7}.", "Halls", "https://example.org/h")
        (delta,) = remote.stream(f"In which hall does machine {n} stand?", [passage], AnswerLimits())
        answers[n] = delta.text

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    remote.close()
    assert {n: f"hall {n * 7}." in text for n, text in answers.items()} == dict.fromkeys(range(24), True)


def test_an_infinite_score_is_refused(client: httpx.Client) -> None:
    body = json.dumps({"question": QUESTION, "passages": [{"id": "a", "text": "x", "score": float("inf")}]})
    response = client.post("/infer", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422
