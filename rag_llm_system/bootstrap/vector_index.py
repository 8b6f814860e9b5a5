"""Which vector index."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.domain.ports.embedder import Embedder
    from rag_llm_system.domain.ports.vector_index import VectorIndex

_MB = 1_000_000


@contextmanager
def open_index(
    settings: Settings, embedder: "Embedder", *, mode: Literal["read", "write"], purpose: str
) -> Iterator["VectorIndex"]:
    """Opens the index: in the Qdrant cloud, on a Qdrant server, or embedded, as the settings say.

    Questions are answered from chunks alone, so that is all that is opened of an embedded index to be read.
    """
    from rag_llm_system.infrastructure.vector_stores.factory import VectorStoreFactory

    server = server_options(settings)
    options: dict[str, Any] = (
        server
        if server is not None
        else {
            **embedded_options(settings, mode=mode, purpose=purpose),
            "collections": None if mode == "write" else tuple(CHUNK_COLLECTIONS.values()),
        }
    )
    index = VectorStoreFactory.create(
        settings.rag_vector_backend, dimension=embedder.dimension, embedder=embedder.fingerprint, **options
    )
    try:
        yield index
    finally:
        index.close()


def embedded_options(settings: Settings, *, mode: Literal["read", "write"], purpose: str) -> dict[str, Any]:
    """Gives how the embedded index is opened, whatever else the settings name."""
    return {
        "path": settings.home / "index",
        "mode": mode,
        "purpose": purpose,
        "min_free_bytes": settings.rag_min_free_mb * _MB,
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
