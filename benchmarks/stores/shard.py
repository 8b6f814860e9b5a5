"""A shard as the embedded index makes and asks it, in a process of its own, so that its memory and CPU are its own."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from benchmarks.stores.windows import Windows, place_of
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS, COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.index_points import DenseQuery, KeywordQuery, ScoredPoint, SearchQuery
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.compression import compression_named
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.requests import (
    edge_points,
    edge_query,
    scored_points,
    shard_config,
)
from rag_llm_system.infrastructure.vector_stores.ties import search_through_ties

_SPEC = COLLECTIONS[CHUNK_COLLECTIONS[Category.ARTICLES]]
LIMIT = 100
"""Windows that each half gives, as the retriever asks."""


@dataclass(frozen=True)
class Plan:
    """How a shard is made.

    Args:
        path: its directory.
        compression: how vectors are stored and searched.
        dimension: of the vectors.
        has_graph: whether dense vectors are searched through a graph (HNSW), or all of them are looked at.
    """

    path: Path
    compression: str
    dimension: int
    has_graph: bool

    def config(self) -> edge.EdgeConfig:
        """Gives what the engine is told."""
        return shard_config(_SPEC, self.dimension, 1, self.compression, graph=self.has_graph)


@dataclass(frozen=True)
class Built:
    """What building cost, and what it made; `vector_bytes` are those of dense vectors and their graph."""

    load_cpu_s: float
    optimize_cpu_s: float
    build_wall_s: float
    build_peak_mb: float
    disk_bytes: int
    vector_bytes: int


@dataclass(frozen=True)
class Asked:
    """What asking gave, for each question, and what it cost. Memory is what opening and asking added."""

    dense: list[list[int]]
    dense_scores: list[list[float]]
    keyword: list[list[int]]
    keyword_scores: list[list[float]]
    dense_wall_ms: list[float]
    dense_cpu_ms: list[float]
    keyword_wall_ms: list[float]
    open_cpu_s: float
    anonymous_mb: float
    mapped_mb: float


def build(plan: Plan, windows: Windows) -> Built:
    """Makes the shard and gives what it cost; making the windows is not counted."""
    encoder = Bm25Encoder()
    started, clock = time.perf_counter(), _CpuClock()
    shard = edge.EdgeShard.create(str(plan.path), plan.config())
    for field in _SPEC.filter_fields:
        shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))
    for batch in windows.batches(encoder):
        with clock.counted():
            shard.update(edge.UpdateOperation.upsert_points(edge_points(batch, encoder)))
            shard.flush()
    load_cpu_s = clock.seconds
    with clock.counted():
        if plan.has_graph or compression_named(plan.compression).optimises_without_graph:
            shard.optimize()
        shard.flush()
        shard.close()
    return Built(
        load_cpu_s=load_cpu_s,
        optimize_cpu_s=clock.seconds - load_cpu_s,
        build_wall_s=time.perf_counter() - started,
        build_peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        disk_bytes=_disk_bytes(plan.path, "*"),
        vector_bytes=_disk_bytes(plan.path, "vector_*-dense/**/*"),
    )


def ask(plan: Plan, questions: list[str], vectors: NDArray[np.float32]) -> Asked:
    """Opens the shard, asks it each question once to warm up, and again to measure: one query at a time."""
    encoder = Bm25Encoder()
    before, clock = memory_mb(), _CpuClock()
    with clock.counted():
        shard = edge.EdgeShard.load(str(plan.path), plan.config())
    dense: list[SearchQuery] = [DenseQuery(vector, LIMIT, with_payload=False) for vector in vectors]
    keyword: list[SearchQuery] = [KeywordQuery(question, LIMIT, with_payload=False) for question in questions]
    for query in [*dense, *keyword]:
        _answer(shard, query, encoder, plan.compression)
    of_dense = [_timed_answer(shard, query, encoder, plan.compression) for query in dense]
    of_keyword = [_timed_answer(shard, query, encoder, plan.compression) for query in keyword]
    after = memory_mb()
    shard.close()
    return Asked(
        dense=[_places(answer.hits) for answer in of_dense],
        dense_scores=[[hit.score for hit in answer.hits] for answer in of_dense],
        keyword=[_places(answer.hits) for answer in of_keyword],
        keyword_scores=[[hit.score for hit in answer.hits] for answer in of_keyword],
        dense_wall_ms=[answer.wall_ms for answer in of_dense],
        dense_cpu_ms=[answer.cpu_ms for answer in of_dense],
        keyword_wall_ms=[answer.wall_ms for answer in of_keyword],
        open_cpu_s=clock.seconds,
        anonymous_mb=after[0] - before[0],
        mapped_mb=after[1] - before[1],
    )


def memory_mb() -> tuple[float, float]:
    """Gives what this process has resident: anonymous memory, and mapped files, in MB.

    Mapped files are shared with other processes that read them, and given back when memory is short.
    """
    fields = {}
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
        name, kilobytes, *_ = line.split()
        fields[name] = int(kilobytes) / 1024
    return fields["Anonymous:"], fields["Rss:"] - fields["Anonymous:"]


def _disk_bytes(path: Path, pattern: str) -> int:
    return sum(file.lstat().st_blocks * 512 for file in path.rglob(pattern))


@dataclass(frozen=True)
class _TimedAnswer:
    hits: list[ScoredPoint]
    wall_ms: float
    cpu_ms: float


def _timed_answer(shard: edge.EdgeShard, query: SearchQuery, encoder: Bm25Encoder, compression: str) -> _TimedAnswer:
    cpu, wall = time.process_time(), time.perf_counter()
    hits = _answer(shard, query, encoder, compression)
    return _TimedAnswer(hits, 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu))


def _answer(shard: edge.EdgeShard, query: SearchQuery, encoder: Bm25Encoder, compression: str) -> list[ScoredPoint]:
    """Gives what the index would: ties by id, also where the limit cuts through one."""

    def asked(queries: "dict[int, SearchQuery]") -> "dict[int, list[ScoredPoint]]":
        requests = {i: edge_query(one, encoder, compression) for i, one in queries.items()}
        return {i: scored_points(shard.query(request)) if request else [] for i, request in requests.items()}

    return search_through_ties([query], lambda queries: asked(dict(queries)))[0]


def _places(hits: list[ScoredPoint]) -> list[int]:
    return [place_of(hit.id) for hit in hits]


class _CpuClock:
    """Counts this process's CPU seconds, all threads together, while it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def counted(self) -> Iterator[None]:
        started = time.process_time()
        yield
        self.seconds += time.process_time() - started
