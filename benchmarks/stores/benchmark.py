"""What each compression of the embedded index costs and gives: one shard each, built and asked in fresh processes."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.free_space import require_free_space
from benchmarks.fresh_process import in_fresh_process
from benchmarks.stores.material import Tell
from benchmarks.stores.quality import FIRST, exact_first, ndcgs, recall
from benchmarks.stores.shard import LIMIT, Asked, Built, Plan, ask, build
from benchmarks.stores.windows import NOISE_SIGMA, TERM_KEPT, TERM_WEIGHT_SIGMA, Windows, place_of, point_id
from rag_llm_system.application.rag.fusion import Halves, fuse
from rag_llm_system.bootstrap.machine import machine, versions
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.index_points import ScoredPoint
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.compression import COMPRESSIONS, compression_named

COMPRESSION_NAMES = tuple(COMPRESSIONS)
_GRAPH_FROM_POINTS = 50_000
"""As the embedded index has it for float32."""
_DISK_BYTES_PER_WINDOW = 12_000
"""With room for optimising, which writes everything anew."""


@dataclass(frozen=True)
class Choice:
    """A compression, and whether it is searched through a graph; None: as the product does at that size."""

    compression: str
    has_graph: bool | None = None

    def is_searched_by_graph(self, n: int) -> bool:
        """Gives whether `n` windows get a graph."""
        if self.has_graph is not None:
            return self.has_graph
        return n >= compression_named(self.compression).graph_from_points(_GRAPH_FROM_POINTS)


def choice_of(text: str) -> Choice:
    """Gives the choice that is written NAME, NAME:graph or NAME:exact.

    Raises:
        ConfigurationError: there is no such compression.
        InputError: there is no such way to search.
    """
    name, _, search = text.partition(":")
    if search not in ("", "graph", "exact"):
        raise InputError(f"{search!r} is no way to search: write {name}:graph or {name}:exact")
    return Choice(compression_named(name).name, {"graph": True, "exact": False}.get(search))


@dataclass(frozen=True)
class StoreRecord:
    """What was measured of one shard. Builds: n = 1. Times are over all questions, each asked once after a warm-up.

    `vector_bytes_per_window` are those of dense vectors and their graph; `disk_bytes_per_window` are all, with payload
    and keyword half. Anonymous memory is a process's own; mapped memory is shared, and given back when memory is short.
    The standard error of an nDCG is over questions; None where nobody has judged.
    """

    compression: str
    search: str
    n: int
    n_real: int
    disk_mb: float
    disk_bytes_per_window: float
    vector_bytes_per_window: float
    recall_at_10: float
    recall_at_100: float
    score_error_max: float
    ndcg_at_10_dense: float | None
    ndcg_at_10_dense_se: float | None
    ndcg_at_10_hybrid: float | None
    ndcg_at_10_hybrid_se: float | None
    dense_p50_ms: float
    dense_p95_ms: float
    dense_cpu_ms: float
    keyword_p50_ms: float
    build_cpu_s: float
    load_cpu_s: float
    optimize_cpu_s: float
    build_wall_s: float
    build_peak_mb: float
    open_cpu_s: float
    memory_anonymous_mb: float
    memory_mapped_mb: float


def measure_stores(
    windows: Windows, choices: Sequence[Choice], work: Path, tell: Tell, keep: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Gives a report: a record for each choice, and what the numbers depend on.

    Args:
        windows: what is stored.
        choices: compressions, in the order of the records.
        work: a folder for the shards; each is removed when it has been measured.
        tell: is given a line for each step.
        keep: is given the report after each record, since a million windows take an hour.

    Raises:
        InputError: there is nothing to store.
        DiskFullError: there is too little room in `work`.
    """
    if windows.n < 1:
        raise InputError("a store needs at least one window: give a greater --n")
    require_free_space(work, windows.n * _DISK_BYTES_PER_WINDOW)
    tell(f"exact search over {windows.n:,} windows, {windows.n_real:,} of them real")
    exact = exact_first(windows, windows.material.question_vectors, LIMIT)
    report: dict[str, Any] = {
        "benchmark": "stores",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "n": windows.n,
        "seed": windows.seed,
        "limit": LIMIT,
        "material": _material(windows),
        "machine": machine(),
        "versions": versions(["qdrant-edge-py", "numpy", "onnxruntime"]),
        "records": [],
    }
    for choice in choices:
        report["records"].append(asdict(_measure(windows, choice, exact, work, tell)))
        keep(report)
    return report


def _material(windows: Windows) -> dict[str, Any]:
    return {
        "name": windows.material.name,
        "embedder": windows.material.embedder,
        "dimension": windows.material.vectors.shape[1],
        "n_questions": len(windows.material.questions),
        "n_real_windows": windows.n_real,
        "n_perturbed_copies": windows.n - windows.n_real,
        "copy_vector_noise_sigma": NOISE_SIGMA,
        "copy_term_kept_probability": TERM_KEPT,
        "copy_term_weight_sigma": TERM_WEIGHT_SIGMA,
    }


def _measure(windows: Windows, choice: Choice, exact: NDArray[np.int64], work: Path, tell: Tell) -> StoreRecord:
    has_graph = choice.is_searched_by_graph(windows.n)
    path = work / f"{windows.n}-{choice.compression}-{'graph' if has_graph else 'exact'}"
    plan = Plan(path, choice.compression, windows.material.vectors.shape[1], has_graph)
    shutil.rmtree(path, ignore_errors=True)
    try:
        built = in_fresh_process(build, plan, windows)
        tell(f"{path.name}: built in {built.load_cpu_s + built.optimize_cpu_s:.0f} CPU s")
        asked = in_fresh_process(ask, plan, windows.material.questions, windows.material.question_vectors)
    finally:
        shutil.rmtree(path, ignore_errors=True)
    record = _record(windows, plan, built, asked, exact)
    tell(f"{path.name}: recall {record.recall_at_10:.4f}, {record.dense_p50_ms:.2f} ms, {record.disk_mb:,.0f} MB")
    return record


def _record(windows: Windows, plan: Plan, built: Built, asked: Asked, exact: NDArray[np.int64]) -> StoreRecord:
    dense, dense_se = _ndcg(windows, asked.dense)
    hybrid, hybrid_se = _ndcg(windows, _fused(asked))
    return StoreRecord(
        compression=plan.compression,
        search="graph" if plan.has_graph else "exact",
        n=windows.n,
        n_real=windows.n_real,
        disk_mb=built.disk_bytes / 1e6,
        disk_bytes_per_window=built.disk_bytes / windows.n,
        vector_bytes_per_window=built.vector_bytes / windows.n,
        recall_at_10=recall(asked.dense, exact, FIRST),
        recall_at_100=recall(asked.dense, exact, LIMIT),
        score_error_max=_score_error(windows, asked),
        ndcg_at_10_dense=dense,
        ndcg_at_10_dense_se=dense_se,
        ndcg_at_10_hybrid=hybrid,
        ndcg_at_10_hybrid_se=hybrid_se,
        dense_p50_ms=float(np.percentile(asked.dense_wall_ms, 50)),
        dense_p95_ms=float(np.percentile(asked.dense_wall_ms, 95)),
        dense_cpu_ms=float(np.mean(asked.dense_cpu_ms)),
        keyword_p50_ms=float(np.percentile(asked.keyword_wall_ms, 50)),
        build_cpu_s=built.load_cpu_s + built.optimize_cpu_s,
        load_cpu_s=built.load_cpu_s,
        optimize_cpu_s=built.optimize_cpu_s,
        build_wall_s=built.build_wall_s,
        build_peak_mb=built.build_peak_mb,
        open_cpu_s=asked.open_cpu_s,
        memory_anonymous_mb=asked.anonymous_mb,
        memory_mapped_mb=asked.mapped_mb,
    )


def _ndcg(windows: Windows, rankings: Sequence[Sequence[int]]) -> tuple[float | None, float | None]:
    """Gives the mean nDCG@10 and its standard error."""
    if windows.material.relevant is None:
        return None, None
    each = ndcgs(([windows.document_id(place) for place in ranking] for ranking in rankings), windows.material.relevant)
    return float(np.mean(each)), float(np.std(each, ddof=1) / np.sqrt(len(each)))


def _fused(asked: Asked) -> list[list[int]]:
    """Gives the rankings that the retriever makes of both halves."""
    halves = zip(
        map(_points, asked.dense, asked.dense_scores), map(_points, asked.keyword, asked.keyword_scores), strict=True
    )
    return [[place_of(point.id) for point in fuse([Halves(*both)], limit=LIMIT)] for both in halves]


def _points(places: Sequence[int], scores: Sequence[float]) -> list[ScoredPoint]:
    return [ScoredPoint(point_id(place), score, {}) for place, score in zip(places, scores, strict=True)]


def _score_error(windows: Windows, asked: Asked) -> float:
    """Gives the largest difference between a score and the float32 dot product, of what was found first."""
    wanted: dict[int, list[int]] = {}
    for question, places in enumerate(asked.dense):
        for place in places[:1]:
            wanted.setdefault(place, []).append(question)
    error = 0.0
    for first, vectors in windows.vector_blocks():
        for place in [place for place in wanted if first <= place < first + len(vectors)]:
            for question in wanted[place]:
                score = float(windows.material.question_vectors[question] @ vectors[place - first])
                error = max(error, abs(score - asked.dense_scores[question][0]))
    return error
