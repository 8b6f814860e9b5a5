"""The vector index on a Qdrant server, one's own or in the cloud."""

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
from rag_llm_system.infrastructure.vector_stores.qdrant_collections import (
    REBUILD,
    prepare_collection,
    require_recent_server,
    stored_recipe,
)
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, require_same_recipe
from rag_llm_system.infrastructure.vector_stores.ties import search_through_ties

if TYPE_CHECKING:
    from qdrant_client import QdrantClient, models

_T = TypeVar("_T")
_PAGE_POINTS = 256
_WHOLE_PAGE_POINTS = 64


class QdrantAdapter:
    """A `VectorIndex` and a `PointSource` on a Qdrant server: one collection there for each of ours.

    Collections are made when they are first written to. Several processes may read and write at once; `delete` counts
    and then deletes, so its number is exact while nobody else writes. What is acknowledged stands in the server's
    write-ahead log: it survives the server's death, and a power cut as far as the server's disk does. Safe to use from
    several threads.

    Args:
        url: of the server, such as "http://localhost:6333".
        dimension: of the vectors.
        embedder: the embedder's fingerprint; an index of another one is refused at the start.
        api_key: for the server.
        timeout_s: how long a request may take.
        connector: used instead of one made from the three above; it is closed with the index.
        prefix: put before the names of the collections, where a server is shared.
        bm25_k1, bm25_b, bm25_avg_len, bm25_language: as `Bm25Encoder` takes them.
        exact_up_to_points: collections made by this index are searched exactly as long as they are no larger.
        batch_points: how many points are sent at once.
        batch_bytes: how large a request may become; a server takes 32 MB, unless told otherwise.

    Raises:
        ConfigurationError: the address or the key is wrong, what answers there is no recent Qdrant server, or the index
            was made with another dimension, embedder or BM25.
        BackendUnavailableError: the server is away.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        dimension: int,
        embedder: str,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        connector: QdrantDatabaseConnector | None = None,
        prefix: str = "",
        bm25_k1: float = 1.2,
        bm25_b: float = 0.75,
        bm25_avg_len: float = 60.0,
        bm25_language: str = "english",
        exact_up_to_points: int = 50_000,
        batch_points: int = 256,
        batch_bytes: int = 8_000_000,
    ) -> None:
        self._recipe = Recipe(dimension, embedder, bm25_k1, bm25_b, bm25_avg_len, bm25_language)
        self._encoder = self._recipe.encoder()
        self._prefix = prefix
        self._exact_up_to_points = exact_up_to_points
        self._batch_points = batch_points
        self._batch_bytes = batch_bytes
        self._prepared: set[str] = set()
        self._connector = connector or QdrantDatabaseConnector(url, api_key=api_key, timeout_s=timeout_s)
        try:
            require_recent_server(self._connector)
            stored = stored_recipe(self._connector, prefix)
            if stored is not None:
                require_same_recipe(stored, self._recipe, f"the index on {self._connector.place}", REBUILD)
        except BaseException:
            self._connector.close()
            raise

    def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        """As the port says; of a call that fails half way some batches may stand."""
        admitted = admit_points(spec_of(collection), points, self._recipe.dimension)
        if not admitted:
            return
        self._prepare(collection)
        for batch in requests.batches(admitted, self._batch_points, self._batch_bytes):
            self._send(self._name(collection), requests.server_points(batch, self._encoder))

    def delete(self, collection: str, where: PointFilter) -> int:
        from qdrant_client import models

        n_matching = self.count(collection, where)
        if n_matching:
            selector = models.FilterSelector(filter=requests.server_filter(where))
            self._change(lambda client: client.delete(self._name(collection), selector, wait=True))
        return n_matching

    def search(self, collection: str, queries: Sequence[SearchQuery]) -> list[list[ScoredPoint]]:
        """As the port says; a dense search is approximate (HNSW) where the server has made a graph."""
        admitted = admit_queries(spec_of(collection), queries, self._recipe.dimension)
        return search_through_ties(admitted, lambda queries: self._ask(collection, queries))

    def scroll(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[StoredPoint]:
        admitted = admit_filter(spec_of(collection), where)
        records = self._records(collection, admitted, page_points=_PAGE_POINTS, with_vectors=False)
        return (StoredPoint(str(record.id), record.payload or {}) for record in records)

    def whole_points(self, collection: str) -> Iterator[IndexPoint]:
        """As `PointSource` says."""
        spec = spec_of(collection)
        records = self._records(collection, EVERYTHING, page_points=_WHOLE_PAGE_POINTS, with_vectors=True)
        return (requests.whole_point(record, spec) for record in records)

    def count(self, collection: str, where: PointFilter = EVERYTHING) -> int:
        admitted = admit_filter(spec_of(collection), where)
        if admitted.matches_nothing:
            return 0
        name, condition = self._name(collection), requests.server_filter(admitted)
        counted = self._read(lambda client: client.count(name, count_filter=condition, exact=True))
        return counted.count if counted else 0

    def close(self) -> None:
        self._connector.close()

    def _ask(self, collection: str, queries: Mapping[int, SearchQuery]) -> dict[int, list[ScoredPoint]]:
        asked = {i: requests.server_query(query, self._encoder) for i, query in queries.items()}
        batch = {i: request for i, request in asked.items() if request is not None}
        hits: dict[int, list[ScoredPoint]] = {i: [] for i in asked}
        if batch:
            name, sent = self._name(collection), list(batch.values())
            found = self._read(lambda client: client.query_batch_points(name, sent))
            if found is not None:
                answers = (requests.scored_points(response.points) for response in found)
                hits.update(zip(batch, answers, strict=True))
        return hits

    def _records(
        self, collection: str, where: PointFilter, *, page_points: int, with_vectors: bool
    ) -> "Iterator[models.Record]":
        if where.matches_nothing:
            return
        name, condition = self._name(collection), requests.server_filter(where)

        def page_from(start: "models.ExtendedPointId | None") -> "tuple[list[models.Record], Any]":
            page = self._read(
                lambda client: client.scroll(
                    name, condition, limit=page_points, offset=start, with_payload=True, with_vectors=with_vectors
                )
            )
            return page or ([], None)

        records, start = page_from(None)
        yield from records
        while start is not None:
            records, start = page_from(start)
            yield from records

    def _send(self, name: str, points: "list[models.PointStruct]") -> None:
        self._change(lambda client: client.upsert(name, points, wait=True))

    def _name(self, collection: str) -> str:
        return f"{self._prefix}{collection}"

    def _prepare(self, collection: str) -> None:
        if collection not in self._prepared:
            spec = spec_of(collection)
            prepare_collection(self._connector, self._prefix, spec, self._recipe, self._exact_up_to_points)
            self._prepared.add(collection)

    def _read(self, work: Callable[["QdrantClient"], _T]) -> _T | None:
        # A collection that nothing was written to is not there; its name was checked before.
        try:
            return self._connector.call(work)
        except NotFoundError:
            return None

    def _change(self, work: Callable[["QdrantClient"], "models.UpdateResult"]) -> None:
        status = self._connector.call(work).status
        if status != "completed":
            raise BackendUnavailableError(
                f"{self._connector.place} has taken a change but not finished it ({status}): try again later"
            )
