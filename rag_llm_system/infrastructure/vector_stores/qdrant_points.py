"""The points of one generation on a Qdrant server."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from rag_llm_system.domain.errors import BackendUnavailableError, NotFoundError
from rag_llm_system.domain.index_points import (
    EVERYTHING,
    IndexPoint,
    PointFilter,
    ScoredPoint,
    SearchQuery,
    StoredPoint,
)
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores import qdrant_requests as requests
from rag_llm_system.infrastructure.vector_stores.admission import admit_filter, admit_points, admit_queries, spec_of
from rag_llm_system.infrastructure.vector_stores.qdrant_collections import ServerGeneration
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe
from rag_llm_system.infrastructure.vector_stores.ties import search_through_ties

if TYPE_CHECKING:
    from qdrant_client import QdrantClient, models

_T = TypeVar("_T")
_PAGE_POINTS = 256
_WHOLE_PAGE_POINTS = 64


class GenerationGoneError(BackendUnavailableError):
    """The generation was dropped while it was used."""


class QdrantPoints:
    """The points in the collections of one generation, to be read and written; closing is the connection's business.

    A collection that the generation does not have is read as an empty one. `delete` counts and then deletes, so its
    number is exact while nobody else writes. What is acknowledged stands in the server's write-ahead log: it survives
    the server's death, and a power cut as far as the server's disk does. Safe to use from several threads.

    Args:
        connector: to the server.
        recipe: what the points are made by.
        generation: whose they are; None: of none, every collection is empty.
        batch_points: how many points are sent at once.
        batch_bytes: how large a request may become; a server takes 32 MB, unless told otherwise.
    """

    def __init__(
        self,
        connector: QdrantDatabaseConnector,
        recipe: Recipe,
        generation: ServerGeneration | None,
        *,
        batch_points: int = 256,
        batch_bytes: int = 8_000_000,
    ) -> None:
        self._connector = connector
        self._dimension = recipe.dimension
        self._encoder = recipe.encoder()
        self._number = generation.number if generation else 0
        self._names = generation.names if generation else {}
        self._batch_points = batch_points
        self._batch_bytes = batch_bytes

    def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        """As the port says; of a call that fails half way some batches may stand."""
        admitted = admit_points(spec_of(collection), points, self._dimension)
        for batch in requests.batches(admitted, self._batch_points, self._batch_bytes):
            self._send(self._names[collection], requests.server_points(batch, self._encoder))

    def delete(self, collection: str, where: PointFilter) -> int:
        """As the port says."""
        from qdrant_client import models

        n_matching = self.count(collection, where)
        if n_matching:
            selector = models.FilterSelector(filter=requests.server_filter(where))
            self._change(lambda client: client.delete(self._names[collection], selector, wait=True))
        return n_matching

    def search(self, collection: str, queries: Sequence[SearchQuery]) -> list[list[ScoredPoint]]:
        """As the port says; a dense search is approximate (HNSW) where the server has made a graph."""
        admitted = admit_queries(spec_of(collection), queries, self._dimension)
        return search_through_ties(admitted, lambda queries: self._ask(collection, queries))

    def scroll(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[StoredPoint]:
        """As the port says."""
        admitted = admit_filter(spec_of(collection), where)
        records = self._records(collection, admitted, page_points=_PAGE_POINTS, with_vectors=False)
        return (StoredPoint(str(record.id), record.payload or {}) for record in records)

    def whole_points(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[IndexPoint]:
        """As `PointSource` says."""
        spec = spec_of(collection)
        admitted = admit_filter(spec, where)
        records = self._records(collection, admitted, page_points=_WHOLE_PAGE_POINTS, with_vectors=True)
        return (requests.whole_point(record, spec) for record in records)

    def count(self, collection: str, where: PointFilter = EVERYTHING) -> int:
        """As the port says."""
        admitted = admit_filter(spec_of(collection), where)
        name = self._names.get(collection)
        if admitted.matches_nothing or name is None:
            return 0
        condition = requests.server_filter(admitted)
        return self._call(lambda client: client.count(name, count_filter=condition, exact=True)).count

    def _ask(self, collection: str, queries: Mapping[int, SearchQuery]) -> dict[int, list[ScoredPoint]]:
        asked = {i: requests.server_query(query, self._encoder) for i, query in queries.items()}
        batch = {i: request for i, request in asked.items() if request is not None}
        hits: dict[int, list[ScoredPoint]] = {i: [] for i in asked}
        name = self._names.get(collection)
        if batch and name is not None:
            found = self._call(lambda client: client.query_batch_points(name, list(batch.values())))
            answers = (requests.scored_points(response.points) for response in found)
            hits.update(zip(batch, answers, strict=True))
        return hits

    def _records(
        self, collection: str, where: PointFilter, *, page_points: int, with_vectors: bool
    ) -> "Iterator[models.Record]":
        name = self._names.get(collection)
        if where.matches_nothing or name is None:
            return
        condition = requests.server_filter(where)

        def page_from(start: "models.ExtendedPointId | None") -> "tuple[list[models.Record], Any]":
            return self._call(
                lambda client: client.scroll(
                    name, condition, limit=page_points, offset=start, with_payload=True, with_vectors=with_vectors
                )
            )

        records, start = page_from(None)
        yield from records
        while start is not None:
            records, start = page_from(start)
            yield from records

    def _send(self, name: str, points: "list[models.PointStruct]") -> None:
        self._change(lambda client: client.upsert(name, points, wait=True))

    def _change(self, work: Callable[["QdrantClient"], "models.UpdateResult"]) -> None:
        status = self._call(work).status
        if status != "completed":
            raise BackendUnavailableError(
                f"{self._connector.place} has taken a change but not finished it ({status}): try again later"
            )

    def _call(self, work: Callable[["QdrantClient"], _T]) -> _T:
        try:
            return self._connector.call(work)
        except NotFoundError:
            what = f"generation {self._number} of the index on {self._connector.place} was dropped meanwhile"
            raise GenerationGoneError(f"{what}: try again") from None
