"""The embedded vector index as it is read: the live generation, followed as it is switched."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loguru import logger

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import (
    BackendError,
    CapabilityError,
    ConfigurationError,
    DiskFullError,
    IntegrityError,
    NotFoundError,
    RagError,
)
from rag_llm_system.domain.index_points import (
    EVERYTHING,
    IndexPoint,
    PointFilter,
    ScoredPoint,
    SearchQuery,
    StoredPoint,
)
from rag_llm_system.infrastructure.vector_stores.admission import admit_filter, spec_of
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.engine_reads import EngineReads, NothingWritten
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import REBUILD
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.opened import OpenGeneration
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.shards import ShardOptions
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, require_same_recipe

_ATTEMPTS = 10
_PAUSE_AFTER_ERROR_S = 10.0


class QdrantEdgeIndex:
    """A `VectorIndex` to be read: the live generation of an index directory. Writing goes through a draft.

    The shards are opened by a child process, so that nothing the engine does keeps a thread of this one waiting, and a
    fault of the disk cannot end it. When another generation becomes live, a second child opens it while the first goes
    on answering; calls that come after that are the second one's. A generation that was made by another recipe, or that
    is damaged, is not moved to. Any number of processes may read an index. A directory that does not exist, or that
    holds no generation yet, is an index in which every collection is empty. Safe to use from several threads.

    Args:
        path: the index directory.
        dimension: of the vectors.
        embedder: the embedder's fingerprint; vectors of another one are refused at the start.
        generation: read this one, whatever is live. None: the live one.
        collections: the ones to open, where only some are to be read: each takes memory and time. None: all.
        bm25_k1, bm25_b, bm25_avg_len, bm25_language, chunking, compression: see `Recipe`.
        n_threads: threads of the engine for each collection.
        poll_s: how often it is looked whether another generation is live.
        min_free_bytes: free space without which reading does not start, as a full disk would end the child.

    Raises:
        ConfigurationError: the index was made by another recipe.
        IntegrityError: it is damaged.
        NotFoundError: there is no such generation.
        DiskFullError: there is too little space to open it.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        dimension: int,
        embedder: str,
        generation: int | None = None,
        collections: Sequence[str] | None = None,
        bm25_k1: float = 1.2,
        bm25_b: float = 0.75,
        bm25_avg_len: float = 60.0,
        bm25_language: str = "english",
        chunking: str = "",
        compression: str = "float32",
        n_threads: int = 1,
        poll_s: float = 0.25,
        min_free_bytes: int = 10_000_000,
    ) -> None:
        self._path = Path(path).absolute()
        self._dimension = dimension
        opened = tuple(COLLECTIONS) if collections is None else tuple(spec_of(name).name for name in collections)
        recipe = Recipe(dimension, embedder, bm25_k1, bm25_b, bm25_avg_len, bm25_language, chunking, compression)
        self._options = ShardOptions(self._path, recipe, False, n_threads, collections=opened)
        self._generations = Generations(self._path)
        self._wanted = generation
        self._guard = threading.Lock()
        self._is_closed = False
        self._left: list[OpenGeneration] = []
        self._refused: int | None = 0  # no generation has that number
        self._require_space(min_free_bytes)
        self._open: OpenGeneration | None = self._open_wanted()
        self._stopped = threading.Event()
        self._follower = threading.Thread(target=self._follow, args=(poll_s,), name="index-follower", daemon=True)
        if generation is None:
            self._follower.start()

    @property
    def generation(self) -> int | None:
        """The number of the generation that is read; None where there is none yet."""
        with self._guard:
            return self._open.number if self._open else None

    @contextmanager
    def pinned(self) -> Iterator[EngineReads]:
        """Gives the index as it is now: within, no switch is followed."""
        with self._guard:
            if self._is_closed:
                raise BackendError(f"the index at {self._path} is closed: open it again")
            engine = self._open
            if engine is not None:
                engine.hold()
        try:
            yield EngineReads(engine or NothingWritten(), self._dimension)
        finally:
            if engine is not None:
                engine.let_go()

    def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        raise self._refusal(f"{len(points)} points cannot be written to {collection}")

    def delete(self, collection: str, where: PointFilter) -> int:  # noqa: ARG002
        raise self._refusal(f"nothing can be deleted from {collection}")

    def search(self, collection: str, queries: Sequence[SearchQuery]) -> list[list[ScoredPoint]]:
        with self.pinned() as index:
            return index.search(collection, queries)

    def scroll(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[StoredPoint]:
        return self._scrolled(collection, admit_filter(spec_of(collection), where))

    def whole_points(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[IndexPoint]:
        return self._whole(collection, admit_filter(spec_of(collection), where))

    def count(self, collection: str, where: PointFilter = EVERYTHING) -> int:
        with self.pinned() as index:
            return index.count(collection, where)

    def close(self) -> None:
        """As the port says; what is being read is read to its end."""
        with self._guard:
            if self._is_closed:
                return
            self._is_closed = True
            last, self._open = self._open, None
        if last is not None:
            last.let_go()
        self._stopped.set()
        if self._follower.is_alive():
            self._follower.join()
        for generation in (*self._left, last):
            if generation is not None:
                generation.wait()

    def _scrolled(self, collection: str, where: PointFilter) -> Iterator[StoredPoint]:
        with self.pinned() as index:
            yield from index.scroll(collection, where)

    def _whole(self, collection: str, where: PointFilter) -> Iterator[IndexPoint]:
        with self.pinned() as index:
            yield from index.whole_points(collection, where)

    def _follow(self, poll_s: float) -> None:
        pause_s = poll_s
        while not self._stopped.wait(pause_s):
            pause_s = max(poll_s, _PAUSE_AFTER_ERROR_S)
            try:
                self._move_to_live()
                pause_s = poll_s
            except RagError as error:
                logger.warning("generation_not_followed reason={}", error.message)
            except Exception as error:  # whatever it is, the next generation must be followed
                logger.warning("generation_not_followed reason={}", type(error).__name__)

    def _move_to_live(self) -> None:
        live = self._generations.catalogue().live
        if live in (self.generation, self._refused):
            return
        self._refused = 0
        try:
            following = self._open_wanted()
        except (ConfigurationError, IntegrityError) as error:
            self._refused = live  # the one that is open is kept until another is live; other errors may pass
            logger.warning("generation_not_followed number={} reason={}", live, error.message)
            return
        with self._guard:
            if self._is_closed:
                last = following
            else:
                last, self._open = self._open, following
        if last is not None:
            last.let_go()
            self._left = [generation for generation in (*self._left, last) if not generation.is_closed]
        logger.info("generation_followed number={}", following.number if following else None)

    def _open_wanted(self) -> OpenGeneration | None:
        for attempt in range(_ATTEMPTS):
            number = self._generations.catalogue().live if self._wanted is None else self._wanted
            if number is None:
                return None
            try:
                manifest = self._generations.manifest(number)
                require_same_recipe(manifest.recipe, self._options.recipe, f"the index at {self._path}", REBUILD)
                return OpenGeneration(self._generations, number, self._options, written=tuple(manifest.counts))
            except (FileNotFoundError, NotFoundError):
                # Another generation became live, and this one was dropped, while it was opened.
                if self._wanted is not None or attempt == _ATTEMPTS - 1:
                    break
        raise NotFoundError(f"generation {number} of the index at {self._path} is gone: see ./poe index list")

    def _refusal(self, what: str) -> CapabilityError:
        return CapabilityError(f"{what}, as the index at {self._path} was opened to be read: write to a draft of it")

    def _require_space(self, n_needed: int) -> None:
        there = next(place for place in (self._path, *self._path.parents) if place.exists())
        n_free = shutil.disk_usage(there).free
        if n_free < n_needed:
            raise DiskFullError(
                f"the disk of the index at {self._path} has {n_free / 1e6:,.1f} MB free, {n_needed / 1e6:,.1f} MB are "
                "needed to open it: make room and run it again"
            )
