"""All shards of an index directory, opened by one process, and the manifest that goes with them."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import qdrant_edge as edge
from loguru import logger

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import IntegrityError
from rag_llm_system.domain.index_points import IndexPoint, PointFilter, ScoredPoint, SearchQuery, StoredPoint
from rag_llm_system.infrastructure.vector_stores.qdrant_edge import requests
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.engine_errors import engine_errors
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import (
    REBUILD,
    Manifest,
    fsync_directory,
    read_manifest,
    write_manifest,
)
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe
from rag_llm_system.infrastructure.vector_stores.ties import search_through_ties


@dataclass(frozen=True, slots=True)
class ShardOptions:
    """How to open the shards: plain values, handed to the child as they are.

    Args:
        path: the index directory.
        recipe: what the stored numbers depend on.
        n_threads: threads of the engine for each shard.
        optimize_from_points: at how many points a changed collection gets its graph when the writer closes.
        collections: the ones to open.
    """

    path: Path
    recipe: Recipe
    n_threads: int
    optimize_from_points: int
    collections: tuple[str, ...] = tuple(COLLECTIONS)


class ShardSet:
    """The shards of an index, one a collection; a collection that nothing was written to has none.

    Args:
        options: where and how.

    Raises:
        ConfigurationError: the index was made by another recipe.
        IntegrityError: the manifest or a shard is damaged, or a collection holds other than it was closed with.
    """

    def __init__(self, options: ShardOptions) -> None:
        self._options = options
        self._encoder = options.recipe.encoder()
        self._manifest = read_manifest(options.path, options.recipe)
        self._shards: dict[str, edge.EdgeShard] = {}
        self._changed: set[str] = set()
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

    def delete(self, collection: str, where: PointFilter) -> int:
        """Removes what matches and says how many there were; durable when this returns."""
        n_matching = self.count(collection, where)
        if n_matching:
            shard = self._shard_to_write(collection)
            with engine_errors(f"cannot delete from {collection}"):
                shard.update(edge.UpdateOperation.delete_points_by_filter(requests.edge_filter(where)))
                shard.flush()
        return n_matching

    def search(self, collection: str, queries: Sequence[SearchQuery]) -> list[list[ScoredPoint]]:
        """Answers each query, best score first, ties by id, also where the limit cuts through a tie."""
        shard = self._shards.get(collection)
        if shard is None:
            return [[] for _ in queries]
        with engine_errors(f"cannot search {collection}"):
            n_points = shard.info().points_count
            within = [replace(query, limit=min(query.limit, n_points)) for query in queries]
            return search_through_ties(within, lambda asked: self._ask(shard, asked))

    def scroll_page(self, collection: str, where: PointFilter, start: str | None, limit: int) -> list[StoredPoint]:
        """Gives up to `limit` matching points in the order of their ids, from the id `start` on."""
        shard = self._shards.get(collection)
        if shard is None or where.matches_nothing:
            return []
        with engine_errors(f"cannot read {collection}"):
            page, _ = shard.scroll(
                edge.ScrollRequest(offset=start, limit=limit, filter=requests.edge_filter(where), with_payload=True)
            )
            return [StoredPoint(str(record.id), record.payload or {}) for record in page]

    def whole_page(self, collection: str, start: str | None, limit: int) -> list[IndexPoint]:
        """Gives up to `limit` points as they are stored, in the order of their ids, from the id `start` on."""
        shard = self._shards.get(collection)
        if shard is None:
            return []
        with engine_errors(f"cannot read {collection}"):
            page, _ = shard.scroll(edge.ScrollRequest(offset=start, limit=limit, with_payload=True, with_vector=True))
            return [requests.whole_point(record, COLLECTIONS[collection]) for record in page]

    def count(self, collection: str, where: PointFilter) -> int:
        """Counts the matching points exactly."""
        shard = self._shards.get(collection)
        if shard is None or where.matches_nothing:
            return 0
        with engine_errors(f"cannot count {collection}"):
            return shard.count(edge.CountRequest(exact=True, filter=requests.edge_filter(where)))

    def finish(self, optimize: bool) -> None:
        """Ends writing: optimises what has grown large, flushes, closes, and leaves a clean manifest."""
        counts = {name: self.count(name, PointFilter()) for name in self._shards}
        for name, shard in self._shards.items():
            if optimize and name in self._changed and counts[name] >= self._options.optimize_from_points:
                self._optimize(name, shard)
            with engine_errors(f"cannot flush {name}"):
                shard.flush()
        self.release()
        if not self._manifest.clean:
            self._write_manifest(replace(self._manifest, clean=True, counts=counts))

    def release(self) -> None:
        """Closes the shards; what was flushed is kept."""
        while self._shards:
            name, shard = self._shards.popitem()
            with engine_errors(f"cannot close {name}"):
                shard.close()

    def _ask(self, shard: edge.EdgeShard, queries: Mapping[int, SearchQuery]) -> dict[int, list[ScoredPoint]]:
        asked = {i: requests.edge_query(query, self._encoder) for i, query in queries.items()}
        batch = {i: request for i, request in asked.items() if request is not None}
        found = shard.query_batch(edge.QueryBatchRequest(list(batch.values()))) if batch else []
        hits = dict(zip(batch, map(requests.scored_points, found), strict=True))
        return {i: hits.get(i, []) for i in asked}

    def _open_all(self) -> None:
        for name in self._options.collections:
            if (self._options.path / name).is_dir():
                self._shards[name] = self._load(name)
        for name, expected in self._manifest.counts.items():
            if name not in self._options.collections:
                continue
            where = f"{name} of the index at {self._options.path}"
            if name not in self._shards:
                raise IntegrityError(f"the files of {where} are gone: {REBUILD}")
            n_points = self.count(name, PointFilter())
            if self._manifest.clean and n_points != expected:
                raise IntegrityError(f"{where} holds {n_points} points, it was closed with {expected}: {REBUILD}")
        unlisted = [name for name in self._shards if name not in self._manifest.counts]
        if unlisted and self._manifest.clean:
            raise IntegrityError(f"the manifest of {self._options.path} does not name {', '.join(unlisted)}: {REBUILD}")

    def _load(self, name: str) -> edge.EdgeShard:
        path = self._options.path / name
        with engine_errors(f"{name} of the index at {path.parent} cannot be opened", IntegrityError, REBUILD):
            return edge.EdgeShard.load(str(path), self._config(name))

    def _shard_to_write(self, name: str) -> edge.EdgeShard:
        # The manifest says first that its counts no longer hold, and names a shard only when it is there: a process may
        # die between any two of these steps.
        if self._manifest.clean:
            self._write_manifest(replace(self._manifest, clean=False))
        if name not in self._shards:
            self._create(name)
            self._shards[name] = self._load(name)
        if name not in self._manifest.counts:
            self._write_manifest(replace(self._manifest, counts={**self._manifest.counts, name: 0}))
        self._changed.add(name)
        return self._shards[name]

    def _create(self, name: str) -> None:
        # Made under another name and renamed, so that a process that dies on the way leaves no half a shard.
        path = self._options.path
        new = path / f".{name}.new"
        with engine_errors(f"cannot create {name}"):
            shutil.rmtree(new, ignore_errors=True)
            shard = edge.EdgeShard.create(str(new), self._config(name))
            for field in COLLECTIONS[name].filter_fields:
                shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))
            shard.flush()
            shard.close()
            new.rename(path / name)
            fsync_directory(path)

    def _config(self, name: str) -> edge.EdgeConfig:
        return requests.shard_config(COLLECTIONS[name], self._options.recipe.dimension, self._options.n_threads)

    def _optimize(self, name: str, shard: edge.EdgeShard) -> None:
        path = self._options.path
        n_free, n_needed = shutil.disk_usage(path).free, 2 * directory_bytes(path / name)
        if n_free < n_needed:
            logger.warning("optimize_skipped collection={} free_bytes={} needed_bytes={}", name, n_free, n_needed)
            return
        with engine_errors(f"cannot optimise {name}"):
            shard.optimize()

    def _write_manifest(self, manifest: Manifest) -> None:
        with engine_errors(f"cannot write the manifest of {self._options.path}"):
            write_manifest(self._options.path, manifest)
        self._manifest = manifest


def directory_bytes(path: Path) -> int:
    """Gives the space that the files below take on the disk, holes not counted; 0 where there is no such directory."""
    n_bytes = 0
    for file in path.rglob("*"):
        try:
            n_bytes += file.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return n_bytes
