"""Is the process there, and can it answer?"""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from rag_llm_system.infrastructure.api.loading import Loading
from rag_llm_system.infrastructure.api.openapi import problem_responses


class Health(BaseModel):
    """The process is there."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """The process can answer."""

    status: Literal["ready"] = "ready"


def health_routes(loading: Loading[Any]) -> APIRouter:
    """Gives `GET /health` and `GET /ready`."""
    router = APIRouter(tags=["health"])

    @router.get("/health")
    async def health() -> Health:
        """Answers as soon as the process listens."""
        return Health()

    @router.get("/ready", responses=problem_responses(503))
    async def ready() -> Readiness:
        """Answers 200 once index and model are open, 503 before."""
        loading.services()
        return Readiness()

    return router
