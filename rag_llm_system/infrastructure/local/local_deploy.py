"""The model server: a question and passages in, an answer with quotes out.

It is given an engine that is opened while it already listens; it reads no settings and chooses no engine.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, FastAPI

from rag_llm_system.domain.answers import AnswerLimits, Passage
from rag_llm_system.domain.errors import ContextOverflowError, InputError
from rag_llm_system.domain.ports.answer_engine import AnswerEngine
from rag_llm_system.infrastructure.api.admission import Admission
from rag_llm_system.infrastructure.api.loading import Loading
from rag_llm_system.infrastructure.api.openapi import BODY_PROBLEMS, problem_responses
from rag_llm_system.infrastructure.api.server_app import new_server_app, require_json
from rag_llm_system.infrastructure.local.infer_schemas import InferRequest, InferResponse, QuoteOut

if TYPE_CHECKING:
    from rag_llm_system.services import ModelServices

_DESCRIPTION = "Answers a question from the passages that come with it."


class PassagesMissingError(InputError):
    """The engine answers from passages, and none came with the question."""


@dataclass(frozen=True, slots=True)
class PassageLimits:
    """How much a request may bring along; texts and titles count."""

    max_passages: int = 100
    max_chars: int = 400_000


def create_app(
    open_services: "Callable[[], AbstractContextManager[ModelServices]]",
    *,
    max_running: int = 8,
    max_waiting: int = 64,
    max_body_bytes: int = 2 * 1024 * 1024,
    passage_limits: PassageLimits = PassageLimits(),
) -> FastAPI:
    """Gives the app; `open_services` runs when it is served (`infrastructure/api/serving.py`), not before.

    Args:
        open_services: gives the engine, as a context that closes it.
        max_running: requests that are worked on at a time, each in a thread.
        max_waiting: requests that may wait for that; more are answered with 503.
        max_body_bytes: a larger request is answered with 413.
        passage_limits: more passages, or more text in them, is answered with 422.
    """
    loading = Loading(open_services)
    app = new_server_app("Model server", _DESCRIPTION, loading, max_body_bytes=max_body_bytes)
    admission = Admission(max_running=max_running, max_waiting=max_waiting)
    app.include_router(_infer_routes(loading, admission, passage_limits))
    return app


def _infer_routes(loading: "Loading[ModelServices]", admission: Admission, passage_limits: PassageLimits) -> APIRouter:
    router = APIRouter(tags=["inference"], dependencies=[Depends(require_json)])

    @router.post("/infer", responses=problem_responses(*BODY_PROBLEMS))
    async def infer(request: InferRequest) -> InferResponse:
        """Answers a question from the passages alone."""
        engine = loading.services().engine
        passages = _checked_passages(request, engine.name, passage_limits)
        limits = AnswerLimits(request.max_new_tokens, request.timeout_s)
        return await admission.run(lambda: _answer(engine, request.question, passages, limits))

    return router


def _checked_passages(request: InferRequest, engine_name: str, limits: PassageLimits) -> list[Passage]:
    n_passages = len(request.passages)
    if n_passages == 0:
        raise PassagesMissingError(f"The engine {engine_name!r} answers from passages: send at least one.")
    if n_passages > limits.max_passages:
        raise ContextOverflowError(f"{n_passages} passages are more than {limits.max_passages}: send fewer.")
    passages = [given.to_passage(place) for place, given in enumerate(request.passages, 1)]
    n_chars = sum(len(passage.text) + len(passage.title) for passage in passages)
    if n_chars > limits.max_chars:
        raise ContextOverflowError(f"The passages have {n_chars} characters, more than {limits.max_chars}: send less.")
    if len({passage.number for passage in passages}) < n_passages:
        raise InputError("Two passages have the same number: number them differently, or not at all.")
    return passages


def _answer(engine: AnswerEngine, question: str, passages: list[Passage], limits: AnswerLimits) -> InferResponse:
    deltas = list(engine.stream(question, passages, limits))
    ids = {passage.number: passage.id for passage in passages}
    quotes = [
        QuoteOut(
            passage_number=quote.passage_number,
            passage_id=ids[quote.passage_number],
            start=quote.start,
            end=quote.end,
            text=quote.text,
        )
        for delta in deltas
        for quote in delta.quotes
    ]
    return InferResponse(
        answer="".join(delta.text for delta in deltas),
        quotes=quotes,
        refused=any(delta.refused for delta in deltas),
        notes=[note for delta in deltas for note in delta.notes],
        engine=engine.name,
    )
