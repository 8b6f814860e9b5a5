"""An index on a Qdrant server as the release before there were generations made it: collections of plain names."""

from collections.abc import Mapping, Sequence
from typing import Any

from qdrant_client import models

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder
from rag_llm_system.infrastructure.vector_stores.qdrant_requests import server_points
from rag_llm_system.infrastructure.vector_stores.qdrant_schema import make_collection

BM25 = {"bm25_k1": 1.2, "bm25_b": 0.75, "bm25_avg_len": 60.0, "bm25_language": "english"}


def write_plain_index(
    connector: QdrantDatabaseConnector,
    points: Mapping[str, Sequence[IndexPoint]],
    *,
    dimension: int = 8,
    embedder: str = "e",
    prefix: str = "",
) -> None:
    note: dict[str, Any] = {"format": 1, "recipe": {"dimension": dimension, "embedder": embedder, **BM25}}
    for name, of_collection in points.items():
        there, spec = f"{prefix}{name}", COLLECTIONS[name]
        make_collection(connector, there, spec, dimension=dimension, note=note, exact_up_to_points=50_000)
        sent: list[models.PointStruct] = server_points(of_collection, Bm25Encoder())
        if sent:
            connector.call(lambda client, there=there, sent=sent: client.upsert(there, sent, wait=True))  # type: ignore[misc]
