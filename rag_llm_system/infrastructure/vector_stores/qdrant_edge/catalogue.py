"""The generations of an embedded index: where drafts begin, and what becomes of them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from loguru import logger

from rag_llm_system.domain.errors import DiskFullError, IndexBusyError, IntegrityError, NotFoundError
from rag_llm_system.domain.generations import Generation, Reader
from rag_llm_system.infrastructure.vector_stores.qdrant_edge import views
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.draft import QdrantEdgeDraft
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.engine_errors import disk_error
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.erasure import DRAFT_NAME
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.lock import IndexLock
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import (
    MANIFEST_NAME,
    REBUILD,
    REPAIR,
    Manifest,
    read_manifest,
    write_manifest,
)
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.sealing import seal
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.shards import LINKED, ShardOptions
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import (
    damaged_file,
    directory_bytes,
    link_tree,
    remove_tree,
)
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, difference_of, require_same_recipe

_OPENINGS = 2
"""How often a draft that was left is tried before it is begun anew."""


class QdrantEdgeCatalogue:
    """An `IndexCatalogue` over an index directory. Safe to use from several processes.

    Args:
        path: the index directory; made when something is written.
        dimension, embedder, bm25_k1, bm25_b, bm25_avg_len, bm25_language, chunking, compression: see `Recipe`; what
            drafts are made by.
        purpose: what this process does with drafts, told to others that find one in use.
        n_threads: threads of the engine for each collection.
        optimize_from_points: at how many points a collection gets a graph when a draft is completed. Below that exact
            search costs no more: 1.2 CPU ms at 12,000 points; a graph of equal recall 1.6, and 14 s to build.
        part_points: after how many written points a draft optimises them, as a part with a graph of its own. What is
            built is resident, a part at a time; several parts cost more to search than a single one of the same size.
        n_kept: how many generations older than the live one are kept.
        batch_points, min_free_bytes, shard_copies: see `QdrantEdgeDraft`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        dimension: int,
        embedder: str,
        bm25_k1: float = 1.2,
        bm25_b: float = 0.75,
        bm25_avg_len: float = 60.0,
        bm25_language: str = "english",
        chunking: str = "",
        compression: str = "float32",
        purpose: str = "a program",
        n_threads: int = 1,
        optimize_from_points: int = 50_000,
        part_points: int = 50_000,
        n_kept: int = 1,
        batch_points: int = 1_000,
        min_free_bytes: int = 200_000_000,
        shard_copies: float = 2.0,
    ) -> None:
        self._path = Path(path).absolute()
        self._recipe = Recipe(dimension, embedder, bm25_k1, bm25_b, bm25_avg_len, bm25_language, chunking, compression)
        self._options = ShardOptions(
            self._path / DRAFT_NAME, self._recipe, True, n_threads, optimize_from_points, part_points
        )
        self._generations = Generations(self._path)
        self._purpose = purpose
        self._n_kept = n_kept
        self._batch_points = batch_points
        self._min_free_bytes = min_free_bytes
        self._shard_copies = shard_copies

    def generations(self) -> list[Generation]:
        """As the port says."""
        described = []
        for number in self._generations.numbers():
            with suppress(NotFoundError):  # dropped meanwhile
                described.append(self._describe(number))
        return described

    def open_draft(self, *, fresh: bool = False) -> QdrantEdgeDraft:
        """As the port says. A draft that is of another recipe, not of what is live now, or damaged, is begun anew.

        Raises:
            IntegrityError: the live generation is damaged.
            DiskFullError: there is too little space to begin.
        """
        lock = IndexLock(self._path, purpose=self._purpose)
        try:
            with self._disk_errors("write to"):
                self._complete_left_draft()
                if not self._is_usable(fresh):
                    self._begin(fresh)
                for _ in range(_OPENINGS):
                    try:
                        return self._opened(lock)
                    except IntegrityError as error:
                        reason = error.message  # the engine may have failed for a passing reason
                logger.warning("draft_begun_anew reason={}", reason)
                self._begin(fresh)
                return self._opened(lock)
        except BaseException:
            lock.release()
            raise

    def switch(self, number: int) -> None:
        """As the port says.

        Raises:
            ConfigurationError: the generation was made by another recipe than the settings ask for.
        """
        manifest = self._generations.manifest(number)
        rebuild = f"{REBUILD} to make one by these settings"
        require_same_recipe(manifest.recipe, self._recipe, f"generation {number} of the index", rebuild)
        with self._disk_errors("switch the generation of"):
            self._generations.switch(number)

    def drop(self, number: int) -> None:
        """As the port says; a draft that began as it goes too, unless somebody is writing to it."""
        with self._disk_errors("drop a generation of"):
            self._generations.drop(number)
            with suppress(IndexBusyError, IntegrityError):
                if read_manifest(self._options.path).base == number:
                    self.discard_draft()

    def readers(self) -> list[Reader]:
        """As the port says."""
        with self._disk_errors("look after the readers of"):
            return views.readers(self._path)

    def close(self) -> None:
        """Does nothing: no file is open between two calls."""

    def discard_draft(self) -> bool:
        """Removes the draft, and says whether there was one.

        Raises:
            IndexBusyError: another process has it open.
        """
        lock = IndexLock(self._path, purpose=self._purpose)
        try:
            was_there = self._options.path.exists()
            with self._disk_errors("remove the draft of"):
                remove_tree(self._options.path)
            return was_there
        finally:
            lock.release()

    def _opened(self, lock: IndexLock) -> QdrantEdgeDraft:
        return QdrantEdgeDraft(
            self._options,
            lock,
            self._complete,
            batch_points=self._batch_points,
            min_free_bytes=self._min_free_bytes,
            shard_copies=self._shard_copies,
        )

    def _complete(self) -> Generation:
        """Makes the draft the next generation, from wherever it was left on that way."""
        path = self._options.path
        manifest = read_manifest(path)
        to_be_live = manifest.completing == "live"
        if to_be_live and manifest.base is not None and manifest.base != self._generations.catalogue().live:
            logger.warning("generation_left_beside reason=another one became live while it was built")
            to_be_live = False
        seal(path)
        number = self._generations.adopt(path, switch=to_be_live)
        if to_be_live:
            self._generations.drop_older(self._n_kept)
        return self._describe(number)

    def _complete_left_draft(self) -> None:
        self._generations.tidy()
        try:
            is_left = read_manifest(self._options.path).completing
        except IntegrityError:
            return
        if is_left:
            logger.info("generation_completed number={}", self._complete().number)

    def _is_usable(self, fresh: bool) -> bool:
        """Whether the draft that was left is of this recipe, and began as it is asked to begin now."""
        try:
            manifest = read_manifest(self._options.path)
        except IntegrityError:
            return False
        if difference_of(manifest.recipe, self._recipe):
            return False
        return manifest.fresh or (not fresh and manifest.base == self._generations.catalogue().live)

    def _begin(self, fresh: bool) -> None:
        self._require_space_to_begin()
        live = self._generations.catalogue().live
        new = self._path / f".{DRAFT_NAME}.new"
        remove_tree(self._options.path)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        if fresh or live is None:
            manifest = Manifest(self._recipe, fresh=True)
        else:
            base = self._generations.manifest(live)
            require_same_recipe(base.recipe, self._recipe, f"the index at {self._path}", REBUILD)
            link_tree(self._generations.path_of(live), new / LINKED, copied=views.ENGINE_REWRITES)
            (new / LINKED / MANIFEST_NAME).unlink()
            # What is linked gets checksums of its own when the draft is completed, which would hide the damage.
            if damaged := damaged_file(new / LINKED, base.checksums):
                raise IntegrityError(f"{damaged} of the index at {self._path} is damaged or gone: {REPAIR}")
            manifest = Manifest(self._recipe, base.counts, base=live)
        write_manifest(new, manifest)
        new.rename(self._options.path)

    def _require_space_to_begin(self) -> None:
        n_free = shutil.disk_usage(self._path).free
        if n_free < self._min_free_bytes:
            raise DiskFullError(
                f"the disk of the index at {self._path} has {n_free / 1e6:,.1f} MB free, "
                f"{self._min_free_bytes / 1e6:,.1f} MB are needed: make room and run it again"
            )

    @contextmanager
    def _disk_errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise disk_error(error, f"cannot {doing} the index at {self._path}") from error

    def _describe(self, number: int) -> Generation:
        catalogue = self._generations.catalogue()
        try:
            manifest: Manifest | None = self._generations.manifest(number)
        except IntegrityError:
            manifest = None
        return Generation(
            number=number,
            is_live=number == catalogue.live,
            is_previous=number == catalogue.previous,
            created_at=manifest.created_at if manifest else "",
            recipe=asdict(manifest.recipe) if manifest else {},
            counts=dict(manifest.counts) if manifest else {},
            size_bytes=directory_bytes(self._generations.path_of(number)),
        )
