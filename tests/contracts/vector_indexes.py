"""Every `VectorIndex` that the contract suite runs against, how it is opened and removed, and what is put into it.

The adapter of the Qdrant server runs over the client's own in-process engine, which takes the same requests, and over
HTTP with that engine behind it. Where QDRANT_TEST_URL names a server (QDRANT_TEST_API_KEY its key), it runs there too,
in collections with a name of their own that are removed at the end.
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

DIMENSION = 8
Opened = tuple[VectorIndex, Callable[[], None]]
"""An index, and what removes it."""


def open_numpy(path: Path) -> Opened:
    index = NumpyIndex(dimension=DIMENSION)
    return index, index.close


def open_edge(path: Path) -> Opened:
    index = QdrantEdgeIndex(path, dimension=DIMENSION, embedder="e", mode="write", batch_points=32)
    return index, index.close


def open_server_in_process(path: Path) -> Opened:
    pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
    from tests.qdrant_in_process import in_process_connector

    index = QdrantAdapter(connector=in_process_connector(), dimension=DIMENSION, embedder="e", batch_points=32)
    return index, index.close


def open_server_over_http(path: Path) -> Opened:
    pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
    from tests.qdrant_over_http import qdrant_over_http

    served = qdrant_over_http()
    index = QdrantAdapter(served.__enter__().url, dimension=DIMENSION, embedder="e", batch_points=32)

    def remove() -> None:
        index.close()
        served.__exit__(None, None, None)

    return index, remove


def open_server(path: Path) -> Opened:
    pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
    from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
    from rag_llm_system.infrastructure.vector_stores.qdrant_collections import erase_index

    url, key = os.environ["QDRANT_TEST_URL"], os.environ.get("QDRANT_TEST_API_KEY")
    prefix = f"test_{uuid.uuid4().hex}_"
    index = QdrantAdapter(url, api_key=key, dimension=DIMENSION, embedder="e", batch_points=32, prefix=prefix)

    def remove() -> None:
        index.close()
        connector = QdrantDatabaseConnector(url, api_key=key)
        erase_index(connector, prefix)
        connector.close()

    return index, remove


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
        )
        for i in range(90)
    ]
