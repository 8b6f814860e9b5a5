"""The reading half of a `VectorIndex` over the child process that has the shards."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from rag_llm_system.domain.index_points import (
    EVERYTHING,
    IndexPoint,
    PointFilter,
    ScoredPoint,
    SearchQuery,
    StoredPoint,
)
from rag_llm_system.infrastructure.vector_stores.admission import admit_filter, admit_queries, spec_of
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.wire import pack_hits, unpack_hits, unpack_page

_PAGE_POINTS = 256
_WHOLE_PAGE_POINTS = 64


class Engine(Protocol):
    """Whatever hands a call over to a `ShardSet`."""

    def call(self, method: str, collection: str, /, *arguments: Any) -> Any:
        """Gives the result of that method of the `ShardSet`."""


class NothingWritten(Engine):
    """The engine of collections that nothing was written to: what they hold need not be asked for."""

    def call(self, method: str, _collection: str, *arguments: Any) -> Any:
        if method == "count":
            return 0
        return [pack_hits([]) for _ in arguments[0]] if method == "search" else []


class EngineReads:
    """Searches, scrolls and counts. What may be asked is checked here, before it crosses the pipe."""

    def __init__(self, engine: Engine, dimension: int) -> None:
        self._engine = engine
        self._dimension = dimension

    def search(self, collection: str, queries: Sequence[SearchQuery]) -> list[list[ScoredPoint]]:
        """As the port says; a collection that has a graph is searched approximately (HNSW)."""
        admitted = admit_queries(spec_of(collection), queries, self._dimension)
        return [unpack_hits(packed) for packed in self._engine.call("search", collection, admitted)]

    def scroll(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[StoredPoint]:
        """As the port says."""
        return self._pages("scroll_page", collection, where, _PAGE_POINTS, unpack_page)

    def whole_points(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[IndexPoint]:
        """As `PointSource` says."""
        return self._pages("whole_page", collection, where, _WHOLE_PAGE_POINTS, list)

    def count(self, collection: str, where: PointFilter = EVERYTHING) -> int:
        """As the port says."""
        n_points: int = self._engine.call("count", collection, admit_filter(spec_of(collection), where))
        return n_points

    def _pages(
        self, method: str, collection: str, where: PointFilter, page_points: int, unpack: Callable[[Any], list[Any]]
    ) -> Iterator[Any]:
        admitted = admit_filter(spec_of(collection), where)
        return self._read_pages(method, collection, admitted, page_points, unpack)

    def _read_pages(
        self, method: str, collection: str, where: PointFilter, page_points: int, unpack: Callable[[Any], list[Any]]
    ) -> Iterator[Any]:
        start: str | None = None
        while True:
            page = unpack(self._engine.call(method, collection, where, start, page_points + 1))
            yield from page[:page_points]
            if len(page) <= page_points:
                return
            start = page[-1].id
