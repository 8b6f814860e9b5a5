"""Which vector index."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

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
    """Opens the index; questions are answered from chunks alone, so that is all that is opened to be read."""
    from rag_llm_system.infrastructure.vector_stores.factory import VectorStoreFactory

    if settings.use_qdrant_cloud:
        raise ConfigurationError("USE_QDRANT_CLOUD asks for the Qdrant cloud, which is not there yet: unset it.")
    index = VectorStoreFactory.create(
        settings.rag_vector_backend,
        path=settings.home / "index",
        dimension=embedder.dimension,
        embedder=embedder.fingerprint,
        mode=mode,
        collections=None if mode == "write" else tuple(CHUNK_COLLECTIONS.values()),
        purpose=purpose,
        min_free_bytes=settings.rag_min_free_mb * _MB,
    )
    try:
        yield index
    finally:
        index.close()
