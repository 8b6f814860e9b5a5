"""The main API: questions in, answers with citations out.

It is given services that are opened while it already listens; it reads no settings and chooses no backend.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from rag_llm_system.infrastructure.api.admission import Admission
from rag_llm_system.infrastructure.api.answering_routes import answering_routes
from rag_llm_system.infrastructure.api.loading import Loading
from rag_llm_system.infrastructure.api.server_app import new_server_app

if TYPE_CHECKING:
    from rag_llm_system.services import AnsweringServices

_DESCRIPTION = "Answers questions from indexed writing, each claim with the words that prove it."


def create_app(
    open_services: "Callable[[], AbstractContextManager[AnsweringServices]]",
    *,
    max_running: int = 8,
    max_waiting: int = 64,
    max_body_bytes: int = 256 * 1024,
) -> FastAPI:
    """Gives the app; `open_services` runs when it is served (`infrastructure/api/serving.py`), not before.

    Args:
        open_services: gives what questions are answered with, as a context that closes it.
        max_running: questions that are worked on at a time, each in a thread.
        max_waiting: questions that may wait for that; more are answered with 503.
        max_body_bytes: a larger request is answered with 413.
    """
    loading = Loading(open_services)
    app = new_server_app("Main API", _DESCRIPTION, loading, max_body_bytes=max_body_bytes)
    app.include_router(answering_routes(loading, Admission(max_running=max_running, max_waiting=max_waiting)))
    return app
