"""The next generation of an embedded index while it is made."""

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import BackendError, DiskFullError
from rag_llm_system.domain.generations import Generation
from rag_llm_system.domain.index_points import IndexPoint, PointFilter
from rag_llm_system.infrastructure.vector_stores.admission import admit_filter, admit_points, spec_of
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.engine_errors import disk_error
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.engine_reads import EngineReads
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.lock import IndexLock
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import (
    Manifest,
    read_manifest,
    write_manifest,
)
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.requests import point_batch
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.shards import LINKED, ShardOptions
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import directory_bytes, remove_tree
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.worker_process import WorkerProcess

_PAYLOAD_GUESS_BYTES = 2_000


class QdrantEdgeDraft(EngineReads):
    """An `IndexDraft` in a directory. A child process has the shards open, since a full disk kills whoever writes.

    Should it die, the call says so, and the next call starts another one. Safe to use from several threads, which take
    turns.

    Args:
        options: how it is opened; `path` is the draft's directory.
        lock: the writer's; released at the end.
        complete: makes the draft, once its manifest says what becomes of it, the next generation.
        batch_points: how many points go through the pipe at once.
        min_free_bytes: free space that a write must leave, beside `shard_copies` times the collection's size.
        shard_copies: how often the collection must fit into the free space: optimising writes it anew.

    Raises:
        ConfigurationError: the draft was made by another recipe.
        IntegrityError: it is damaged.
    """

    def __init__(
        self,
        options: ShardOptions,
        lock: IndexLock,
        complete: Callable[[], Generation],
        *,
        batch_points: int = 1_000,
        min_free_bytes: int = 200_000_000,
        shard_copies: float = 2.0,
    ) -> None:
        super().__init__(self, options.recipe.dimension)
        self._options = options
        self._path = options.path
        self._lock = lock
        self._complete = complete
        self._batch_points = batch_points
        self._min_free_bytes = min_free_bytes
        self._shard_copies = shard_copies
        self._is_closed = False
        self._guard = threading.Lock()
        self._worker = WorkerProcess(options, lock_fd=lock.fileno())

    def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        """As the port says; of a call that dies half way some batches may stand."""
        admitted = admit_points(spec_of(collection), points, self._dimension)
        if not admitted:
            return
        # The payload holds the text too; the rest of it, and the indexes, are guessed.
        n_new = sum(4 * self._dimension + 3 * len(point.text) + _PAYLOAD_GUESS_BYTES for point in admitted)
        self._require_space(collection, n_new)
        for start in range(0, len(admitted), self._batch_points):
            self.call("upsert", collection, point_batch(admitted[start : start + self._batch_points]))

    def delete(self, collection: str, where: PointFilter) -> int:
        """As the port says."""
        admitted = admit_filter(spec_of(collection), where)
        n_deleted: int = self.call("delete", collection, admitted)
        return n_deleted

    def erase(self, collection: str, where: PointFilter) -> int:
        """As `IndexDraft` says: all points that stay are written to new files."""
        admitted = admit_filter(spec_of(collection), where)
        self._require_space(collection, 0)
        n_erased: int = self.call("erase", collection, admitted)
        return n_erased

    def publish(self, *, switch: bool = True) -> Generation | None:
        """As `IndexDraft` says; the child may first optimise, which takes a minute for 100,000 points."""
        if self._is_closed:
            raise self._closed()
        try:
            self._finish_writing(optimize=True)
            manifest = read_manifest(self._path)
            if not self._has_changed(manifest):
                remove_tree(self._path)
                return None
            write_manifest(self._path, replace(manifest, completing="live" if switch else "beside"))
            return self._complete()
        except OSError as error:
            raise disk_error(error, f"cannot complete the index at {self._path.parent}") from error
        finally:
            self._release()

    def close(self) -> None:
        """As the port says; the draft is kept."""
        try:
            self._finish_writing(optimize=False)
        finally:
            self._release()

    def call(self, method: str, collection: str, *arguments: Any) -> Any:
        """As `Engine` says."""
        return self._usable_worker().call(method, collection, *arguments)

    def _usable_worker(self) -> WorkerProcess:
        with self._guard:
            if self._is_closed:
                raise self._closed()
            if not self._worker.is_usable:
                self._worker = WorkerProcess(self._options, lock_fd=self._lock.fileno())
            return self._worker

    def _finish_writing(self, *, optimize: bool) -> None:
        with self._guard:
            if self._is_closed:
                return
            self._is_closed = True
            worker = self._worker
        if optimize and not worker.is_usable:
            worker = WorkerProcess(self._options, lock_fd=self._lock.fileno())
        if worker.is_usable:
            worker.finish(optimize=optimize)

    def _closed(self) -> BackendError:
        return BackendError(f"the draft at {self._path} is closed: open it again")

    def _release(self) -> None:
        self._lock.release()

    def _has_changed(self, manifest: Manifest) -> bool:
        """Whether a collection was written to, or the draft began with nothing."""
        return manifest.fresh or any((self._path / name).is_dir() for name in COLLECTIONS)

    def _require_space(self, collection: str, n_new_bytes: int) -> None:
        if self._is_closed:
            raise self._closed()
        own = self._path / collection
        place = own if own.is_dir() else self._path / LINKED / collection
        n_copies = self._shard_copies + (place != own)
        n_needed = self._min_free_bytes + int(n_copies * directory_bytes(place) + self._shard_copies * n_new_bytes)
        n_free = shutil.disk_usage(self._path).free
        if n_free < n_needed:
            raise DiskFullError(
                f"the disk of the index at {self._path.parent} has {n_free / 1e6:,.1f} MB free, {n_needed / 1e6:,.1f} "
                "MB are needed: make room and run it again; what was written before is kept"
            )
