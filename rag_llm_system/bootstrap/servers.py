"""The two servers."""

from collections.abc import Callable

from loguru import logger

from rag_llm_system.bootstrap.answering import open_answering, open_model
from rag_llm_system.bootstrap.models import Tell
from rag_llm_system.settings import Settings


def serve_main_api(settings: Settings, *, port: int, announce: Callable[[str], None], tell: Tell = logger.info) -> None:
    """Serves the main API until it is told to stop; see `infrastructure/api/serving.py`."""
    from rag_llm_system.infrastructure.api.serving import serve
    from rag_llm_system.infrastructure.inference_pipeline_api import create_app

    app = create_app(
        lambda: open_answering(settings, tell=tell),
        max_running=settings.rag_max_running,
        max_waiting=settings.rag_max_waiting,
    )
    serve(app, host=settings.rag_api_host, port=port, announce=announce, trust_network=settings.rag_trust_network)


def serve_model_server(settings: Settings, *, port: int, announce: Callable[[str], None]) -> None:
    """Serves the model server until it is told to stop; see `infrastructure/api/serving.py`."""
    from rag_llm_system.infrastructure.api.serving import serve
    from rag_llm_system.infrastructure.local.local_deploy import create_app

    app = create_app(
        lambda: open_model(settings),
        max_running=settings.rag_max_running,
        max_waiting=settings.rag_max_waiting,
    )
    serve(app, host=settings.rag_model_server_host, port=port, announce=announce)
