"""Which vector index."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag_llm_system.bootstrap.embedding import chunking_in_words
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.settings import MB, Settings

if TYPE_CHECKING:
    from rag_llm_system.domain.ports.embedder import Embedder
    from rag_llm_system.domain.ports.index_catalogue import IndexCatalogue
    from rag_llm_system.domain.ports.vector_index import SwitchingIndex


@contextmanager
def open_index(settings: Settings, embedder: "Embedder") -> Iterator["SwitchingIndex"]:
    """Opens the live index to be read: in the Qdrant cloud, on a Qdrant server, or embedded, as the settings say.

    Questions are answered from chunks alone, so that is all that is opened of an embedded index.
    """
    from rag_llm_system.infrastructure.vector_stores.factory import VectorStoreFactory

    server = server_options(settings)
    place: dict[str, Any] = server or {
        "path": index_path(settings),
        "collections": tuple(CHUNK_COLLECTIONS.values()),
    }
    recipe = recipe_options(settings, embedder)
    index = VectorStoreFactory.create(settings.rag_vector_backend, **place, **recipe)
    try:
        yield index
    finally:
        index.close()


def open_catalogue(settings: Settings, embedder: "Embedder", *, purpose: str) -> "IndexCatalogue":
    """Gives the generations of the index that the settings name; drafts are made as the settings say."""
    from rag_llm_system.infrastructure.vector_stores.factory import VectorStoreFactory

    server = server_options(settings)
    place: dict[str, Any] = server or {
        "path": index_path(settings),
        "purpose": purpose,
        "min_free_bytes": settings.rag_min_free_mb * MB,
        "part_points": settings.rag_index_part_windows,
    }
    recipe = recipe_options(settings, embedder)
    return VectorStoreFactory.create_catalogue(
        settings.rag_vector_backend, n_kept=settings.rag_keep_generations, **place, **recipe
    )


def index_path(settings: Settings) -> Path:
    """Gives the directory of the embedded index."""
    return settings.home / "index"


def recipe_options(settings: Settings, embedder: "Embedder") -> dict[str, Any]:
    """Gives what a generation is made by; where any of it changes, another generation has to be built."""
    from rag_llm_system.application.preprocessing.embedding_data_handlers import MEAN_KEYWORD_TERMS
    from rag_llm_system.infrastructure.vector_stores.bm25 import analysis_in_words

    return {
        "dimension": embedder.dimension,
        "embedder": embedder.fingerprint,
        "bm25_k1": settings.rag_bm25_k1,
        "bm25_b": settings.rag_bm25_b,
        "bm25_avg_len": MEAN_KEYWORD_TERMS,
        "bm25_language": analysis_in_words(
            settings.rag_bm25_language, stop_words=settings.rag_bm25_stop_words, stemmer=settings.rag_bm25_stemmer
        ),
        "chunking": chunking_in_words(settings),
        "compression": settings.rag_vector_compression,
    }


def server_options(settings: Settings) -> dict[str, Any] | None:
    """Gives how the Qdrant cloud or server is reached; None where the settings name none.

    Raises:
        ConfigurationError: the cloud is asked for without its address, or the address cannot be used.
    """
    if settings.use_qdrant_cloud:
        if not settings.qdrant_cloud_url:
            raise ConfigurationError("USE_QDRANT_CLOUD asks for the Qdrant cloud: set QDRANT_CLOUD_URL to its address.")
        url = settings.qdrant_cloud_url
    elif settings.qdrant_database_host:
        url = _server_url(settings.qdrant_database_host, settings.qdrant_database_port)
    else:
        return None
    key = settings.qdrant_apikey
    return {
        "url": url,
        "api_key": key.get_secret_value() if key else None,
        "timeout_s": settings.rag_qdrant_timeout_s,
    }


def _server_url(host: str, port: int) -> str:
    """Gives the address; a scheme or a port that stands in the host counts."""
    host = host.strip().rstrip("/")
    if host.count(":") > 1 and "://" not in host and not host.startswith("["):
        host = f"[{host}]"  # an IPv6 address
    url = host if "://" in host else f"http://{host}"
    try:
        has_port = urlsplit(url).port is not None
    except ValueError:
        raise ConfigurationError("QDRANT_DATABASE_HOST is no host name: correct it.") from None
    return url if has_port else f"{url}:{port}"
