"""Where runs are written down."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rag_llm_system.domain.errors import MissingExtraError
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.domain.ports.experiment_tracker import ExperimentTracker
    from rag_llm_system.infrastructure.observability.mlflow_store import MlflowStore

_DECISIVE = (
    "text_embedding_model_id",
    "embed_backend",
    "rag_embed_precision",
    "rag_article_chunk_min_chars",
    "rag_article_chunk_max_chars",
    "rag_post_chunk_tokens",
    "rag_post_chunk_overlap",
    "rag_repository_chunk_tokens",
    "rag_repository_chunk_overlap",
    "rag_window_tokens",
)


@contextmanager
def open_tracker(settings: Settings) -> Iterator["ExperimentTracker"]:
    """Gives what writes runs down: MLflow where it is installed, Opik where there is a key, both, or nothing.

    It loads nothing before the first run, and cannot fail a run; see `ForgivingTracker`.

    Raises:
        ConfigurationError: RAG_MLFLOW_URI cannot be used.
        MissingExtraError: the settings name a tracker that is not installed.
    """
    from rag_llm_system.application.wrappers.forgiving import ForgivingTracker

    trackers = [*_mlflow(settings), *_opik(settings)] if settings.rag_tracking else []
    yield ForgivingTracker(trackers)


def decisive_settings(settings: Settings) -> dict[str, str | int | float]:
    """Gives the settings that decide what an index holds, by which runs can be compared."""
    return {name: getattr(settings, name) for name in _DECISIVE}


def mlflow_store(settings: Settings) -> "MlflowStore":
    """Gives the place where MLflow keeps runs, whether or not MLflow is installed.

    Raises:
        ConfigurationError: RAG_MLFLOW_URI cannot be used.
    """
    from rag_llm_system.infrastructure.observability.mlflow_store import named_store, own_store

    folder = settings.home / "mlflow"
    return (
        named_store(settings.rag_mlflow_uri.get_secret_value(), folder)
        if settings.rag_mlflow_uri
        else own_store(folder)
    )


def mlflow_app(settings: Settings) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Gives MLflow's pages as an ASGI application; see `infrastructure/observability/mlflow_pages.py`."""
    from rag_llm_system.infrastructure.observability.mlflow_pages import mlflow_app

    return mlflow_app(mlflow_store(settings))


def is_mlflow_installed() -> bool:
    """Says whether the extra `tracking` is there, without loading it."""
    return find_spec("mlflow") is not None


def opik_place() -> str:
    """Gives the address of Opik's pages."""
    from rag_llm_system.infrastructure.opik_utils import opik_place

    return opik_place()


def _mlflow(settings: Settings) -> "list[ExperimentTracker]":
    from rag_llm_system.infrastructure.observability.mlflow_tracker import MlflowTracker

    store = mlflow_store(settings)
    if is_mlflow_installed():
        return [MlflowTracker(store)]
    if settings.rag_mlflow_uri:
        raise MissingExtraError("tracking in MLflow (RAG_MLFLOW_URI is set)", "tracking")
    return []


def _opik(settings: Settings) -> "list[ExperimentTracker]":
    if settings.comet_api_key is None:
        return []
    from rag_llm_system.infrastructure.observability.opik_tracker import OpikTracker
    from rag_llm_system.infrastructure.opik_utils import FLUSH_S, open_opik_client

    if find_spec("opik") is None:
        raise MissingExtraError("tracking in Opik (COMET_API_KEY is set)", "opik")
    open_client = partial(open_opik_client, settings.comet_api_key.get_secret_value(), settings.comet_project)
    return [OpikTracker(open_client, flush_s=FLUSH_S)]
