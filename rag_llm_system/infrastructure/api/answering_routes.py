"""The routes that answer questions."""

import time
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends

from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import NotFoundError
from rag_llm_system.infrastructure.api.admission import Admission
from rag_llm_system.infrastructure.api.loading import Loading
from rag_llm_system.infrastructure.api.openapi import BODY_PROBLEMS, problem_responses
from rag_llm_system.infrastructure.api.schemas import (
    QueryRequest,
    QueryResponse,
    RagRequest,
    RagResponse,
    SourceOut,
)
from rag_llm_system.infrastructure.api.server_app import require_json

if TYPE_CHECKING:
    from rag_llm_system.services import AnsweringServices

_CATEGORIES = {**{str(category): category for category in Category}, **{n: c for c, n in CHUNK_COLLECTIONS.items()}}


def answering_routes(loading: "Loading[AnsweringServices]", admission: Admission) -> APIRouter:
    """Gives `POST /rag` and `POST /api/v1/query`."""
    router = APIRouter(tags=["questions"], dependencies=[Depends(require_json)])

    @router.post("/rag", responses=problem_responses(*BODY_PROBLEMS))
    async def rag(request: RagRequest) -> RagResponse:
        """Answers a question from everything that is indexed, with a citation for every claim."""
        answering = loading.services().answering
        history = request.turns()
        return RagResponse.of(
            await admission.run(lambda: answering.answer(request.query, top_k=request.top_k, history=history))
        )

    @router.post("/api/v1/query", responses=problem_responses(404, *BODY_PROBLEMS))
    async def query(request: QueryRequest) -> QueryResponse:
        """Answers a question from one collection, with the passages that the answer was made from."""
        started = time.perf_counter()
        answering = loading.services().answering
        category = None if request.collection is None else _category(request.collection)
        answer = await admission.run(lambda: answering.answer(request.query, top_k=request.top_k, category=category))
        return QueryResponse(
            answer=answer.text,
            sources=[SourceOut.of(passage) for passage in answer.passages],
            latency_ms=1000 * (time.perf_counter() - started),
            cached=False,
        )

    return router


def _category(name: str) -> Category:
    try:
        return _CATEGORIES[name]
    except KeyError:
        raise NotFoundError("There is no such collection: use articles, posts or repositories.") from None
