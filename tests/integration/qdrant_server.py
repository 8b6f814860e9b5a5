"""What the tests of the index on a Qdrant server share: a draft and a reader on the stand-in, and points for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
from rag_llm_system.infrastructure.vector_stores.qdrant_catalogue import QdrantCatalogue
from rag_llm_system.infrastructure.vector_stores.qdrant_draft import QdrantDraft
from tests.qdrant_over_http import Instead, QdrantOverHttp, Received

WINDOWS = "article_chunks_embedded"
WINDOWS_THERE = f"{WINDOWS}__g1"
"""As the first generation calls them on the server."""
LEDGER = "index_ledger"
SECRET = "a-key-that-nobody-may-see"
DIMENSION = 4


@contextmanager
def opened(qdrant: QdrantOverHttp, **options: Any) -> Iterator[QdrantDraft]:
    """Gives a draft, which is read and written."""
    catalogue = QdrantCatalogue(qdrant.url, **{"dimension": DIMENSION, "embedder": "e", **options})
    try:
        yield catalogue.open_draft()
    finally:
        catalogue.close()


@contextmanager
def reading(qdrant: QdrantOverHttp, **options: Any) -> Iterator[QdrantAdapter]:
    index = QdrantAdapter(qdrant.url, **{"dimension": DIMENSION, "embedder": "e", **options})
    try:
        yield index
    finally:
        index.close()


def unit_vector(seed: int) -> NDArray[np.float32]:
    vector = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


def point_id(number: int) -> str:
    return str(UUID(int=number))


def window(number: int, text: str = "violin", **payload: Any) -> IndexPoint:
    return IndexPoint(point_id(number), {"author_id": "ada", **payload}, unit_vector(number), text)


def every(answer: Instead, *, of: str = "") -> Callable[[Received], Instead | None]:
    return lambda received: answer if of in received.line else None
