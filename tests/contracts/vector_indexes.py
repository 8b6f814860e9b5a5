"""Every `VectorIndex` that the contract suite runs against, how it is opened and removed, and what is put into it.

What is written to is a draft, but for the one in memory, which has none. That of the Qdrant server runs over the
client's own in-process engine, which takes the same requests, and over HTTP with that engine behind it. Where
QDRANT_TEST_URL names a server (QDRANT_TEST_API_KEY its key), it runs there too, in collections with a name of their own
that are removed at the end.
"""

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.domain.ports.vector_index import VectorIndex
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.draft import QdrantEdgeDraft

DIMENSION = 8
Opened = tuple[VectorIndex, Callable[[], None]]
"""An index, and what removes it."""


def open_numpy(path: Path) -> Opened:
    index = NumpyIndex(dimension=DIMENSION)
    return index, index.close


def open_edge(path: Path) -> Opened:
    draft = open_edge_draft(path)
    return draft, draft.close


def open_edge_draft(path: Path) -> QdrantEdgeDraft:
    options = {"dimension": DIMENSION, "embedder": "e", "batch_points": 32, "min_free_bytes": 0}
    return QdrantEdgeCatalogue(path, **options).open_draft()  # type: ignore[arg-type]


def open_edge_to_read(path: Path) -> QdrantEdgeIndex:
    return QdrantEdgeIndex(path, dimension=DIMENSION, embedder="e")


def open_server_in_process(path: Path) -> Opened:
    pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    from tests.qdrant_in_process import in_process_connector

    return open_server_draft(connector=in_process_connector())


def open_server_over_http(path: Path) -> Opened:
    pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    from tests.qdrant_over_http import qdrant_over_http

    served = qdrant_over_http()
    draft, close = open_server_draft(served.__enter__().url)

    def remove() -> None:
        close()
        served.__exit__(None, None, None)

    return draft, remove


def open_server(path: Path) -> Opened:
    pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
    from rag_llm_system.infrastructure.vector_stores.qdrant_collections import erase_index

    url, key = os.environ["QDRANT_TEST_URL"], os.environ.get("QDRANT_TEST_API_KEY")
    prefix = f"test_{uuid.uuid4().hex}_"
    draft, close = open_server_draft(url, api_key=key, prefix=prefix)

    def remove() -> None:
        close()
        connector = QdrantDatabaseConnector(url, api_key=key)
        erase_index(connector, prefix)
        connector.close()

    return draft, remove


def open_server_draft(*place: Any, **options: Any) -> Opened:
    from rag_llm_system.infrastructure.vector_stores.qdrant_catalogue import QdrantCatalogue

    catalogue = QdrantCatalogue(*place, dimension=DIMENSION, embedder="e", batch_points=32, **options)
    draft = catalogue.open_draft()

    def close() -> None:
        draft.close()
        catalogue.close()

    return draft, close


BACKENDS = {
    "numpy": open_numpy,
    "qdrant_edge": open_edge,
    "qdrant in process": open_server_in_process,
    "qdrant over HTTP": open_server_over_http,
}
if os.environ.get("QDRANT_TEST_URL"):
    BACKENDS["qdrant server"] = open_server


WORDS = ["harbour", "lantern", "river", "granite", "violin", "meadow", "engine", "copper", "winter", "orchard"]


def point_id(number: int) -> str:
    return str(UUID(int=number))


def unit_vector(seed: int) -> NDArray[np.float32]:
    vector = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


def window(number: int, text: str = "", *, seed: int | None = None, **payload: Any) -> IndexPoint:
    vector = unit_vector(number if seed is None else seed)
    return IndexPoint(point_id(number), {"author_id": "ada", **payload}, vector, text)


def document(number: int, **payload: Any) -> IndexPoint:
    return IndexPoint(point_id(number), payload)


def corpus() -> list[IndexPoint]:
    """Gives 90 windows; each tenth has no text, the last 30 repeat the vectors and texts of the first: ties abound."""
    rng = np.random.default_rng(7)
    order = rng.permutation(90)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(1, 30))) if i % 10 else "" for i in range(60)]
    return [
        window(
            int(order[i]),
            texts[i % 60],
            seed=i % 60,
            author_id=f"author {i % 4}",
            document_id=f"document {i % 7}",
            **({"published_day": 20240101 + i} if i % 3 else {}),
        )
        for i in range(90)
    ]
