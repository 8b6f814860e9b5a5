"""The embedded vector index: Qdrant Edge, in process to read, in a child process to write."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import BackendError, CapabilityError, ConfigurationError, DiskFullError
from rag_llm_system.domain.index_points import (
    EVERYTHING,
    IndexPoint,
    PointFilter,
    ScoredPoint,
    SearchQuery,
    StoredPoint,
)
from rag_llm_system.infrastructure.vector_stores.admission import admit_filter, admit_points, admit_queries, spec_of
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.lock import IndexLock
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.requests import point_batch
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.shards import ShardOptions, ShardSet, directory_bytes
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.worker_process import WorkerProcess
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe

_PAGE_POINTS = 256
_WHOLE_PAGE_POINTS = 64
_PAYLOAD_GUESS_BYTES = 2_000


class QdrantEdgeIndex:
    """A `VectorIndex` in a directory: one shard a collection, its own manifest, one process at a time.

    Opened to read, the shards are in this process, and a search takes a millisecond. Opened to write, a child process
    has them, so that a full disk or an optimisation cannot stop this one; all calls go through it. Should it die, the
    call says so, and the next call starts another one. A directory that does not exist is made; reading it, every
    collection is empty. Safe to use from several threads; in write mode they take turns.

    Args:
        path: the index directory.
        dimension: of the vectors.
        embedder: the embedder's fingerprint; vectors of another one are refused at the start.
        mode: "read" or "write".
        collections: the ones to open, where only some are to be read: each takes memory and time. None: all.
        purpose: what this process does with the index, told to others that find it in use.
        bm25_k1, bm25_b, bm25_avg_len, bm25_language: as `Bm25Encoder` takes them.
        n_threads: threads of the engine for each collection.
        optimize_from_points: at how many points a collection gets a graph when the writer closes. Below that exact
            search costs no more: 1.2 CPU ms at 12,000 points; a graph of equal recall 1.6, and 14 s to build.
        batch_points: how many points go through the pipe at once.
        min_free_bytes: free space that a write must leave, beside `shard_copies` times the collection's size.
        shard_copies: how often the collection must fit into the free space: optimising writes it anew.
        min_free_to_open_bytes: free space without which reading does not start, as a full disk would kill the process.

    Raises:
        IndexBusyError: another process holds the index.
        ConfigurationError: the index was made with another dimension, embedder or BM25, or `mode` is unknown.
        IntegrityError: the index is damaged.
        DiskFullError: there is too little space to open it.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        dimension: int,
        embedder: str,
        mode: Literal["read", "write"] = "read",
        collections: Sequence[str] | None = None,
        purpose: str = "a program",
        bm25_k1: float = 1.2,
        bm25_b: float = 0.75,
        bm25_avg_len: float = 60.0,
        bm25_language: str = "english",
        n_threads: int = 1,
        optimize_from_points: int = 50_000,
        batch_points: int = 1_000,
        min_free_bytes: int = 200_000_000,
        shard_copies: float = 2.0,
        min_free_to_open_bytes: int = 10_000_000,
    ) -> None:
        if mode not in ("read", "write"):
            raise ConfigurationError(f"an index is opened to 'read' or to 'write', not {mode!r}: correct the setting")
        self._path = Path(path).absolute()
        self._dimension = dimension
        self._batch_points = batch_points
        self._min_free_bytes = min_free_bytes
        self._shard_copies = shard_copies
        recipe = Recipe(dimension, embedder, bm25_k1, bm25_b, bm25_avg_len, bm25_language)
        if collections is not None and mode == "write":
            raise ConfigurationError("an index that is opened to write has all its collections: name none")
        opened = tuple(COLLECTIONS) if collections is None else tuple(spec_of(name).name for name in collections)
        self._options = ShardOptions(self._path, recipe, n_threads, optimize_from_points, opened)
        self._shards: ShardSet | None = None
        self._worker: WorkerProcess | None = None
        self._starting_worker = threading.Lock()
        self._lock = IndexLock(self._path, purpose=purpose)
        try:
            self._require_space(min_free_to_open_bytes)
            if mode == "read":
                self._shards = ShardSet(self._options)
            else:
                self._usable_worker()
        except BaseException:
            self._lock.release()
            raise
        self._closed = False

    def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        """As the port says; of a call that dies half way some batches may stand."""
        spec = spec_of(collection)
        self._require_writing()
        admitted = admit_points(spec, points, self._dimension)
        if not admitted:
            return
        self._require_space(self._space_to_write(collection, admitted))
        for start in range(0, len(admitted), self._batch_points):
            self._call("upsert", collection, point_batch(admitted[start : start + self._batch_points]))

    def delete(self, collection: str, where: PointFilter) -> int:
        admitted = admit_filter(spec_of(collection), where)
        self._require_writing()
        n_deleted: int = self._call("delete", collection, admitted)
        return n_deleted

    def search(self, collection: str, queries: Sequence[SearchQuery]) -> list[list[ScoredPoint]]:
        """As the port says; from `optimize_from_points` on a dense search is approximate (HNSW)."""
        admitted = admit_queries(spec_of(collection), queries, self._dimension)
        answers: list[list[ScoredPoint]] = self._call("search", collection, admitted)
        return answers

    def scroll(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[StoredPoint]:
        admitted = admit_filter(spec_of(collection), where)
        return self._pages("scroll_page", collection, admitted, page_points=_PAGE_POINTS)

    def whole_points(self, collection: str) -> Iterator[IndexPoint]:
        """As `PointSource` says."""
        return self._pages("whole_page", spec_of(collection).name, page_points=_WHOLE_PAGE_POINTS)

    def count(self, collection: str, where: PointFilter = EVERYTHING) -> int:
        n_points: int = self._call("count", collection, admit_filter(spec_of(collection), where))
        return n_points

    def close(self) -> None:
        """As the port says; a writer's child may first optimise, which takes a minute for 100,000 points."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._shards is not None:
                self._shards.release()
            elif self._worker is not None and self._worker.is_usable:
                self._worker.finish()
        finally:
            self._lock.release()

    def _pages(self, method: str, collection: str, *arguments: Any, page_points: int) -> Iterator[Any]:
        start: str | None = None
        while True:
            page = self._call(method, collection, *arguments, start, page_points + 1)
            yield from page[:page_points]
            if len(page) <= page_points:
                return
            start = page[-1].id

    def _call(self, method: str, collection: str, *arguments: Any) -> Any:
        if self._closed:
            raise BackendError(f"the index at {self._path} is closed: open it again")
        if collection not in self._options.collections:
            raise CapabilityError(f"the index at {self._path} was opened without {collection}: open it with that too")
        if self._shards is not None:
            return getattr(self._shards, method)(collection, *arguments)
        return self._usable_worker().call(method, collection, *arguments)

    def _usable_worker(self) -> WorkerProcess:
        with self._starting_worker:
            if self._worker is None or not self._worker.is_usable:
                self._worker = WorkerProcess(self._options, lock_fd=self._lock.fileno())
            return self._worker

    def _require_writing(self) -> None:
        if self._shards is not None:
            raise CapabilityError(f"the index at {self._path} was opened to be read: open it with mode 'write'")

    def _space_to_write(self, collection: str, points: Sequence[IndexPoint]) -> int:
        # The payload holds the text too; the rest of it, and the indexes, are guessed.
        n_new = sum(4 * self._dimension + 3 * len(point.text) + _PAYLOAD_GUESS_BYTES for point in points)
        return self._min_free_bytes + int(self._shard_copies * (directory_bytes(self._path / collection) + n_new))

    def _require_space(self, n_needed: int) -> None:
        n_free = shutil.disk_usage(self._path).free
        if n_free < n_needed:
            raise DiskFullError(
                f"the disk of the index at {self._path} has {n_free / 1e6:,.1f} MB free, {n_needed / 1e6:,.1f} MB are "
                "needed: make room and run it again; what was written before is kept"
            )
