"""The Qdrant client's own in-process engine, which takes the requests that a server takes."""

from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("qdrant_client", reason="needs the extra qdrant")

from qdrant_client import QdrantClient, models

from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector


class InProcessClient(QdrantClient):
    """Keeps everything in memory. Scores are rounded to six digits.

    A server gives equal vectors equal scores; this engine multiplies matrices, and the same vector in another row can
    come out different in the last bit.
    """

    def __init__(self) -> None:
        super().__init__(":memory:", force_disable_check_same_thread=True)

    def query_batch_points(
        self, collection_name: str, requests: Sequence[models.QueryRequest], *args: Any, **kwargs: Any
    ) -> list[models.QueryResponse]:
        responses = super().query_batch_points(collection_name, requests, *args, **kwargs)
        for response in responses:
            for point in response.points:
                point.score = round(point.score, 6)
        return responses


def in_process_connector(client: QdrantClient | None = None) -> QdrantDatabaseConnector:
    return QdrantDatabaseConnector(client=client or InProcessClient())
