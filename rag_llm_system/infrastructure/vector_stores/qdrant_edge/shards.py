"""All shards of a directory, opened by one process: a reader's view of a generation, or a draft.

In a draft a collection is a directory of its own once it was written to; until then it lies under `linked/`, as hard
links to the files of the generation that the draft began as.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import qdrant_edge as edge
from loguru import logger

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import BackendError, IntegrityError
from rag_llm_system.domain.index_points import EVERYTHING, IndexPoint, PointFilter, SearchQuery
from rag_llm_system.infrastructure.vector_stores.qdrant_edge import requests
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.compression import compression_named
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.engine_errors import disk_error, engine_errors
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.freed_memory import give_freed_memory_back
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import (
    REBUILD,
    REPAIR,
    Manifest,
    read_manifest,
    write_manifest,
)
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import (
    copy_tree,
    damaged_file,
    directory_bytes,
    fsync_directory,
    fsync_tree,
    remove_tree,
)
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.wire import NumberedHit, PackedHits, PackedPage, pack_hits
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, require_same_recipe
from rag_llm_system.infrastructure.vector_stores.ties import search_through_ties

LINKED = "linked"
_ERASED_PER_PAGE = 1_000
_WRITER_NICENESS = 10
"""Building gives way to answering."""


@dataclass(frozen=True, slots=True)
class ShardOptions:
    """How to open the shards: plain values, handed to the child as they are.

    Args:
        path: the directory that holds them.
        recipe: what the stored numbers depend on.
        writable: whether it is a draft.
        n_threads: threads of the engine for each shard.
        optimize_from_points: at how many points a changed collection gets its graph when a draft is completed.
        part_points: after how many written points a draft optimises them, as a part of the collection.
        collections: the ones to open.
        is_verified: whether the files were compared with their checksums before. Opening a view takes some away.
    """

    path: Path
    recipe: Recipe
    writable: bool
    n_threads: int = 1
    optimize_from_points: int = 50_000
    part_points: int = 50_000
    collections: tuple[str, ...] = tuple(COLLECTIONS)
    is_verified: bool = False


class ShardSet:
    """The shards of a directory, one a collection; a collection that nothing was written to has none.

    Args:
        options: where and how.

    Raises:
        ConfigurationError: they were made by another recipe.
        IntegrityError: a file is not what the manifest says, or a collection holds other than it was closed with.
    """

    def __init__(self, options: ShardOptions) -> None:
        self._options = options
        self._encoder = options.recipe.encoder()
        self._compression = compression_named(options.recipe.compression)
        self._manifest = read_manifest(options.path)
        require_same_recipe(self._manifest.recipe, options.recipe, f"the index at {options.path}", REBUILD)
        self._shards: dict[str, edge.EdgeShard] = {}
        self._n_loose: dict[str, int] = {}
        if options.writable:
            os.nice(_WRITER_NICENESS)
            self._complete_replacements()
        elif not options.is_verified:
            self._verify()
        try:
            self._open_all()
        except BaseException:
            self.release()
            raise

    def upsert(self, collection: str, batch: requests.PointBatch) -> None:
        """Writes the batch; it is durable when this returns."""
        shard = self._shard_to_write(collection)
        with engine_errors(f"cannot write to {collection}"):
            points = requests.edge_points(batch, self._encoder)
            shard.update(edge.UpdateOperation.upsert_points(points))
            shard.flush()
        self._end_part_when_full(collection, len(points))

    def delete(self, collection: str, where: PointFilter) -> int:
        """Removes what matches and says how many there were; durable when this returns."""
        n_matching = self.count(collection, where)
        if n_matching:
            shard = self._shard_to_write(collection)
            with engine_errors(f"cannot delete from {collection}"):
                shard.update(edge.UpdateOperation.delete_points_by_filter(requests.edge_filter(where)))
                shard.flush()
        return n_matching

    def search(self, collection: str, queries: Sequence[SearchQuery]) -> list[PackedHits]:
        """Answers each query, best score first, ties by id, also where the limit cuts through a tie."""
        shard = self._shard(collection)
        if shard is None:
            return [pack_hits([]) for _ in queries]
        with engine_errors(f"cannot search {collection}"):
            n_points = shard.info().points_count
            within = [replace(query, limit=min(query.limit, n_points)) for query in queries]
            found = search_through_ties(within, lambda asked: self._ask(shard, asked))
        return list(map(pack_hits, found))

    def scroll_page(self, collection: str, where: PointFilter, start: str | None, limit: int) -> PackedPage:
        """Gives up to `limit` matching points in the order of their ids, from the id `start` on."""
        shard = self._shard(collection)
        if shard is None or where.matches_nothing:
            return []
        with engine_errors(f"cannot read {collection}"):
            page = requests.read_page(shard, where, start, limit, with_payload=True)
            return [(str(record.id), record.payload or {}) for record in page]

    def whole_page(self, collection: str, where: PointFilter, start: str | None, limit: int) -> list[IndexPoint]:
        """Gives up to `limit` matching points as they are stored, in the order of their ids, from the id `start` on."""
        shard = self._shard(collection)
        if shard is None or where.matches_nothing:
            return []
        with engine_errors(f"cannot read {collection}"):
            page = requests.read_page(shard, where, start, limit, with_payload=True, with_vector=True)
            return [requests.whole_point(record, COLLECTIONS[collection]) for record in page]

    def count(self, collection: str, where: PointFilter) -> int:
        """Counts the matching points exactly."""
        shard = self._shard(collection)
        if shard is None or where.matches_nothing:
            return 0
        with engine_errors(f"cannot count {collection}"):
            return shard.count(edge.CountRequest(exact=True, filter=requests.edge_filter(where)))

    def erase(self, collection: str, where: PointFilter) -> int:
        """Removes what matches by writing all that stays into new files, and says how many there were.

        Also where there are none: the files may hold what was deleted or replaced before.
        """
        n_matching = self.count(collection, where)
        old = self._shard(collection)
        if old is not None:
            self._mark_changed()
            self._replace(collection, lambda new: self._write_others(collection, old, where, new))
        return n_matching

    def finish(self, optimize: bool) -> None:
        """Ends writing: optimises what has grown large, flushes, closes, and leaves a clean manifest."""
        shards = {name: shard for name in self._options.collections if (shard := self._shard(name)) is not None}
        counts = {name: self.count(name, PointFilter()) for name in shards}
        if self._options.writable:
            for name in shards:
                with engine_errors(f"cannot flush {name}"):
                    shards[name].flush()
            shards.clear()
            for name in counts if optimize else ():
                if (self._options.path / name).is_dir():
                    self._optimize(name, counts[name])
        self.release()
        if optimize:
            self._settle()
        if not self._manifest.clean:
            self._write_manifest(replace(self._manifest, clean=True, counts=counts))

    def release(self) -> None:
        """Closes the shards; what was flushed is kept."""
        while self._shards:
            name, shard = self._shards.popitem()
            with engine_errors(f"cannot close {name}"):
                shard.close()

    def _shard(self, name: str) -> edge.EdgeShard | None:
        """Gives the shard, or None where nothing was written to the collection.

        One that could not be opened when its directory was replaced is not taken for an empty one.
        """
        if name not in self._shards and self._options.writable:
            with engine_errors(f"cannot open {name}"):
                self._complete_replacements()
            if self._place(name).is_dir():
                self._shards[name] = self._load(name)
        return self._shards.get(name)

    def _ask(self, shard: edge.EdgeShard, queries: Mapping[int, SearchQuery]) -> dict[int, list[NumberedHit]]:
        form, n_parts = self._compression.name, shard.info().segments_count - 1  # one is for new points
        asked = {i: requests.edge_query(query, self._encoder, form, n_parts) for i, query in queries.items()}
        batch = {i: request for i, request in asked.items() if request is not None}
        found = shard.query_batch(edge.QueryBatchRequest(list(batch.values()))) if batch else []
        hits = dict(zip(batch, map(requests.numbered_hits, found), strict=True))
        return {i: hits.get(i, []) for i in asked}

    def _verify(self) -> None:
        expected = {
            name: checksum
            for name, checksum in self._manifest.checksums.items()
            if name.partition("/")[0] in self._options.collections
        }
        try:
            damaged = damaged_file(self._options.path, expected)
        except OSError as error:
            raise disk_error(error, f"cannot read the index at {self._options.path}") from error
        if damaged is not None:
            raise IntegrityError(f"{damaged} of the index at {self._options.path} is damaged or gone: {REPAIR}")

    def _open_all(self) -> None:
        for name in self._options.collections:
            if self._place(name).is_dir():
                self._shards[name] = self._load(name)
        for name, expected in self._manifest.counts.items():
            if name not in self._options.collections:
                continue
            where = f"{name} of the index at {self._options.path}"
            if name not in self._shards:
                raise IntegrityError(f"the files of {where} are gone: {REPAIR}")
            n_points = self.count(name, PointFilter())
            if self._manifest.clean and n_points != expected:
                raise IntegrityError(f"{where} holds {n_points} points, it was closed with {expected}: {REPAIR}")
        unlisted = [name for name in self._shards if name not in self._manifest.counts]
        if unlisted and self._manifest.clean:
            raise IntegrityError(f"the manifest of {self._options.path} does not name {', '.join(unlisted)}: {REPAIR}")

    def _place(self, name: str) -> Path:
        own = self._options.path / name
        return own if own.is_dir() or not self._options.writable else self._options.path / LINKED / name

    def _load(self, name: str, *, graph: bool = True) -> edge.EdgeShard:
        where = f"{name} of the index at {self._options.path}"
        # A reader has compared all checksums: what the engine fails of then may pass.
        otherwise = IntegrityError if self._options.writable else BackendError
        with engine_errors(f"{where} cannot be opened", otherwise, REPAIR):
            return edge.EdgeShard.load(str(self._place(name)), self._config(name, graph=graph))

    def _mark_changed(self) -> None:
        # The manifest says first that its counts no longer hold: a process may die between any two steps.
        if self._manifest.clean:
            self._write_manifest(replace(self._manifest, clean=False))

    def _shard_to_write(self, name: str) -> edge.EdgeShard:
        self._mark_changed()
        if self._shard(name) is None:
            self._replace(name, lambda new: self._create(name, new).close())
        elif not (self._options.path / name).is_dir():
            linked = self._place(name)
            self._replace(name, lambda new: copy_tree(linked, new))
        if name not in self._manifest.counts:
            self._write_manifest(replace(self._manifest, counts={**self._manifest.counts, name: 0}))
        return self._shards[name]

    def _replace(self, name: str, fill: Callable[[Path], None]) -> None:
        """Gives the collection a directory of its own that `fill` makes, and opens it.

        It is made under another name, so that a process that dies on the way leaves no half of it, and takes a second
        name when it is whole: from there on the replacement is completed at the next opening.
        """
        path = self._options.path
        new = path / f".{name}.new"
        with engine_errors(f"cannot write {name}"):
            shutil.rmtree(new, ignore_errors=True)
            fill(new)
            fsync_tree(new)
            if name in self._shards:
                self._shards.pop(name).close()
            new.rename(path / f".{name}.next")
            self._complete_replacements()
        self._shards[name] = self._load(name)

    def _complete_replacements(self) -> None:
        path = self._options.path
        for name in self._options.collections:
            following = path / f".{name}.next"
            if following.is_dir():
                remove_tree(path / name)
                following.rename(path / name)
                fsync_directory(path)

    def _create(self, name: str, path: Path) -> edge.EdgeShard:
        shard = edge.EdgeShard.create(str(path), self._config(name))
        for field in COLLECTIONS[name].filter_fields:
            shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))
        for field in COLLECTIONS[name].range_fields:
            shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Integer))
        shard.flush()
        return shard

    def _write_others(self, name: str, old: edge.EdgeShard, erased: PointFilter, path: Path) -> None:
        shard = self._create(name, path)
        start: str | None = None
        while True:
            page = requests.read_page(old, EVERYTHING, start, _ERASED_PER_PAGE + 1, with_payload=True, with_vector=True)
            some = [requests.whole_point(record, COLLECTIONS[name]) for record in page[:_ERASED_PER_PAGE]]
            gone = self._matching(old, erased, [point.id for point in some])
            kept = [point for point in some if point.id not in gone]
            if kept:
                points = requests.edge_points(requests.point_batch(kept), self._encoder)
                shard.update(edge.UpdateOperation.upsert_points(points))
            if len(page) <= _ERASED_PER_PAGE:
                break
            start = str(page[-1].id)
        shard.flush()
        shard.close()

    def _matching(self, shard: edge.EdgeShard, where: PointFilter, ids: list[str]) -> set[str]:
        within = [point_id for point_id in ids if where.ids is None or point_id in where.ids]
        page = requests.read_page(shard, replace(where, ids=within), None, len(ids) or 1) if within else []
        return {str(record.id) for record in page}

    def _config(self, name: str, *, graph: bool = True) -> edge.EdgeConfig:
        recipe, n_threads = self._options.recipe, self._options.n_threads
        return requests.shard_config(
            COLLECTIONS[name],
            recipe.dimension,
            n_threads,
            recipe.compression,
            graph=graph,
            is_written=self._options.writable,
        )

    def _end_part_when_full(self, name: str, n_new: int) -> None:
        info = self._shards[name].info()
        if name in self._n_loose:
            self._n_loose[name] += n_new
        else:  # of a draft that is gone on with; keywords always count as indexed, vectors where they have a graph
            self._n_loose[name] = 2 * info.points_count - info.indexed_vectors_count
        if self._n_loose[name] >= self._options.part_points:
            self._n_loose[name] = 0
            self._optimize(name, info.points_count)

    def _optimize(self, name: str, n_points: int) -> None:
        """Makes a part of what was written since the last time, where that pays, and closes all shards.

        A page that was read or written stays resident as long as its file is mapped. So nothing else is open meanwhile,
        nor are earlier parts merged with this one: building a collection has one part of it resident.
        """
        searchable = COLLECTIONS[name].searchable
        from_points = self._options.optimize_from_points
        graph = n_points >= (self._compression.graph_from_points(from_points) if searchable else from_points)
        packs = searchable and self._compression.optimises_without_graph
        if not (graph or packs):
            return
        path = self._options.path
        n_free, n_needed = shutil.disk_usage(path).free, 2 * directory_bytes(self._place(name))
        if n_free < n_needed:
            logger.warning("optimize_skipped collection={} free_bytes={} needed_bytes={}", name, n_free, n_needed)
            return
        with engine_errors(f"cannot optimise {name}"):
            self.release()
            self._shards[name] = self._load(name, graph=graph)  # the engine goes by how a shard was opened
            self._shards[name].optimize()
            self._shards[name].flush()
            self.release()
            give_freed_memory_back()

    def _settle(self) -> None:
        """Opens once more what was written to.

        Where points were deleted, the first opening afterwards changes files in place (the versions of those points
        become 0). That must come before the checksums are taken and the files are shared.
        """
        for name in self._options.collections:
            if (self._options.path / name).is_dir():
                self._load(name).close()

    def _write_manifest(self, manifest: Manifest) -> None:
        with engine_errors(f"cannot write the manifest of {self._options.path}"):
            write_manifest(self._options.path, manifest)
        self._manifest = manifest
