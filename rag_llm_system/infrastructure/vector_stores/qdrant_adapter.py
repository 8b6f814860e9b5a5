"""The vector index on a Qdrant server, one's own or in the cloud, as it is read: the live generation, followed."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import TypeVar

from loguru import logger

from rag_llm_system.domain.errors import CapabilityError, NotFoundError
from rag_llm_system.domain.index_points import (
    EVERYTHING,
    IndexPoint,
    PointFilter,
    ScoredPoint,
    SearchQuery,
    StoredPoint,
)
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores.qdrant_collections import (
    REBUILD,
    ServerGeneration,
    all_generations,
    live_generation,
    require_float32,
    require_recent_server,
)
from rag_llm_system.infrastructure.vector_stores.qdrant_points import GenerationGoneError, QdrantPoints
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, difference_of, require_same_recipe

_T = TypeVar("_T")


class QdrantAdapter:
    """A `SwitchingIndex` and a `PointSource` on a Qdrant server. Writing goes through a draft (`QdrantCatalogue`).

    Which generation is live is asked at the most every `poll_s`, when something is read; what that found is read under
    its own names, so that no request meets a generation of another recipe. One of another recipe is not moved to: the
    one before it goes on being read, for as long as it is there. An incremental draft writes into the live generation:
    what it has done so far is seen. A server where there is no index yet is one in which every collection is empty.
    Safe to use from several threads and processes.

    Args:
        url: of the server, such as "http://localhost:6333".
        dimension: of the vectors.
        embedder: the embedder's fingerprint; an index of another one is refused at the start.
        api_key: for the server.
        timeout_s: how long a request may take.
        connector: used instead of one made from the three above; it is closed with the index.
        prefix: put before the names of the collections, where a server is shared.
        generation: read this one, whatever is live. None: the live one.
        bm25_k1, bm25_b, bm25_avg_len, bm25_language, chunking: see `Recipe`.
        compression: a server keeps float32 alone.
        poll_s: how often it is looked whether another generation is live.

    Raises:
        ConfigurationError: the address or the key is wrong, what answers there is no recent Qdrant server, or the index
            was made by another recipe.
        CapabilityError: another compression is asked for.
        NotFoundError: there is no such generation.
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
        generation: int | None = None,
        bm25_k1: float = 1.2,
        bm25_b: float = 0.75,
        bm25_avg_len: float = 60.0,
        bm25_language: str = "english",
        chunking: str = "",
        compression: str = "float32",
        poll_s: float = 0.25,
    ) -> None:
        self._recipe = Recipe(dimension, embedder, bm25_k1, bm25_b, bm25_avg_len, bm25_language, chunking, compression)
        require_float32(self._recipe)
        self._prefix = prefix
        self._wanted = generation
        self._poll_s = poll_s
        self._guard = threading.Lock()
        self._refused = 0
        self._current: ServerGeneration | None = None
        self._looked_at = 0.0
        self._connector = connector or QdrantDatabaseConnector(url, api_key=api_key, timeout_s=timeout_s)
        try:
            require_recent_server(self._connector)
            found = self._look()
            self._require_own_recipe(found)
        except BaseException:
            self._connector.close()
            raise
        self._move_to(found)

    @property
    def generation(self) -> int | None:
        """The number of the generation that was read last; None where there was none yet."""
        return self._current.number if self._current else None

    @contextmanager
    def pinned(self) -> Iterator[QdrantPoints]:
        """Gives the index as it is now: within, no switch is followed.

        A server does not wait for readers: should the generation be dropped within, reading it is a
        BackendUnavailableError.
        """
        yield self._points_now()

    def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        raise self._refusal(f"{len(points)} points cannot be written to {collection}")

    def delete(self, collection: str, where: PointFilter) -> int:  # noqa: ARG002
        raise self._refusal(f"nothing can be deleted from {collection}")

    def search(self, collection: str, queries: Sequence[SearchQuery]) -> list[list[ScoredPoint]]:
        """As the port says; a dense search is approximate (HNSW) where the server has made a graph."""
        return self._steadily(lambda index: index.search(collection, queries))

    def scroll(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[StoredPoint]:
        return self._steadily(lambda index: _begun(index.scroll(collection, where)))

    def whole_points(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[IndexPoint]:
        """As `PointSource` says."""
        return self._steadily(lambda index: _begun(index.whole_points(collection, where)))

    def count(self, collection: str, where: PointFilter = EVERYTHING) -> int:
        return self._steadily(lambda index: index.count(collection, where))

    def close(self) -> None:
        self._connector.close()

    def _steadily(self, read: Callable[[QdrantPoints], _T]) -> _T:
        """Reads, and once more where the generation was dropped before it was noticed that another one is live."""
        try:
            return read(self._points_now())
        except GenerationGoneError:
            if self._wanted is not None:
                raise
            found = self._look()
            self._require_own_recipe(found)
            self._move_to(found)
        return read(QdrantPoints(self._connector, self._recipe, found))

    def _points_now(self) -> QdrantPoints:
        with self._guard:
            is_due = self._wanted is None and time.monotonic() - self._looked_at >= self._poll_s
            if is_due:
                self._looked_at = time.monotonic()  # others go on reading what there was while this one asks
        if is_due:
            self._follow(self._look())
        return QdrantPoints(self._connector, self._recipe, self._current)

    def _look(self) -> ServerGeneration | None:
        if self._wanted is None:
            return live_generation(self._connector, self._prefix)
        for generation in all_generations(self._connector, self._prefix):
            if generation.number == self._wanted and generation.is_complete:
                return generation
        raise NotFoundError(f"there is no generation {self._wanted} on {self._connector.place}: see ./poe index list")

    def _follow(self, found: ServerGeneration | None) -> None:
        difference = difference_of(found.recipe, self._recipe) if found else ""
        if found and difference:
            if self._refused != found.number:
                self._refused = found.number
                logger.warning("generation_not_followed number={} reason={}", found.number, difference)
        else:
            self._move_to(found)

    def _move_to(self, found: ServerGeneration | None) -> None:
        with self._guard:
            self._current = found
            self._looked_at = time.monotonic()

    def _require_own_recipe(self, found: ServerGeneration | None) -> None:
        if found is not None:
            require_same_recipe(found.recipe, self._recipe, f"the index on {self._connector.place}", REBUILD)

    def _refusal(self, what: str) -> CapabilityError:
        return CapabilityError(f"{what}: the index on {self._connector.place} was opened to be read, write to a draft")


def _begun(items: Iterator[_T]) -> Iterator[_T]:
    """Gives the items; the first page is asked for at once."""
    return chain(list(islice(items, 1)), items)
