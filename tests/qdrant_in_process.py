"""The Qdrant client's own in-process engine, which takes the requests that a server takes."""

from collections.abc import Callable, Sequence
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


class SharedClient(InProcessClient):
    """Several connectors have it: what one of them closes stays open for the others."""

    def close(self, *args: Any, **kwargs: Any) -> None:
        return

    def close_at_last(self) -> None:
        super().close()


_CHANGES = {
    "create_collection",
    "create_payload_index",
    "delete",
    "delete_collection",
    "update_collection",
    "update_collection_aliases",
    "upsert",
}


class Killed(BaseException):
    """The process of the writer is gone."""


class MortalClient:
    """Does as many changes as it is told, and none after; or does something else before one of them."""

    def __init__(self, client: QdrantClient, n_changes: int, instead: Callable[[], Any] | None = None) -> None:
        self._client = client
        self.n_left = n_changes
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        if name in _CHANGES:
            self.n_left -= 1
            if self.n_left == -1 and self._instead:
                self._instead()
            elif self.n_left < 0 and not self._instead:
                raise Killed
        return getattr(self._client, name)
