"""What the main API and the model server have in common, as a FastAPI app without routes of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request

from rag_llm_system.domain.errors import UnsupportedMediaError
from rag_llm_system.infrastructure.api.health_routes import health_routes
from rag_llm_system.infrastructure.api.loading import Loading
from rag_llm_system.infrastructure.api.middleware import BodyLimit, LoopbackHostsOnly, RequestBoundary
from rag_llm_system.infrastructure.api.openapi import describe_problems
from rag_llm_system.infrastructure.api.problems import answer_errors_with_problems


def require_json(request: Request) -> None:
    """Refuses a body that is not declared as JSON; browsers cannot send one that is to another site unasked.

    Raises:
        UnsupportedMediaError: it is declared as something else, or not at all.
    """
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaError("The body must be JSON: send it with the header Content-Type: application/json.")


def new_server_app(title: str, description: str, loading: Loading[Any], *, max_body_bytes: int) -> FastAPI:
    """Gives an app with health routes, request ids, limits and problem details, whose services `loading` opens."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loading.start()
        try:
            yield
        finally:
            await to_thread.run_sync(loading.close)

    # No /docs: those pages load their scripts from elsewhere.
    app = FastAPI(
        title=title, description=description, version="1", docs_url=None, redoc_url=None, redirect_slashes=False,
        lifespan=lifespan,
    )  # fmt: skip
    app.state.loading = loading
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes)
    app.add_middleware(LoopbackHostsOnly)
    app.add_middleware(RequestBoundary)
    answer_errors_with_problems(app)
    app.include_router(health_routes(loading))
    describe_problems(app)
    return app
