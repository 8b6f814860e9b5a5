"""How long a question waits at the longest while the next generation is built, and what building has resident.

Readers and the builder are processes of their own, on the product's own classes. Vectors and words are random: what is
measured is waiting and memory, not quality. A window carries the text of its chunk, some 1,800 characters. The memory
is that of the builder and its child, without the readers.
"""

import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from benchmarks.life.resident_memory import MemoryPeaks
from rag_llm_system.bootstrap.machine import machine, versions
from rag_llm_system.domain.errors import BackendError
from rag_llm_system.domain.index_points import DenseQuery, IndexPoint, KeywordQuery, PointFilter
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue

Tell = Callable[[str], None]
_COLLECTION = "article_chunks_embedded"
_DIMENSION = 384
_BATCH = 64
_PAUSE_S = 0.005
_LOOK_EVERY_S = 0.25
_ENDED = "ended"
"""The file whose coming ends the readers."""
_LIMIT_MS = 100.0
_WORDS = np.array([f"word{number}" for number in range(20_000)])


@dataclass(frozen=True)
class ReaderRecord:
    """What one reader waited, in milliseconds of wall time; a question is a dense and a keyword search and a scroll."""

    n_questions: int
    n_bad_answers: int
    generations: tuple[int, ...]
    p50_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float
    n_over_limit: int


def measure_while_building(n: int, n_live: int, n_readers: int, folder: Path, tell: Tell) -> dict[str, Any]:
    """Builds a generation of `n` windows while readers ask one of `n_live`, and gives what they waited."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        tell(f"building {n_live:,} windows to ask")
        _build(folder, n_live, 1)
        context = multiprocessing.get_context("spawn")
        with context.Pool(n_readers) as pool:
            waiting = [pool.apply_async(_ask, (folder, seed)) for seed in range(n_readers)]
            time.sleep(3)
            tell(f"building {n:,} windows while {n_readers} readers ask")
            started = time.perf_counter()
            builder = context.Process(target=_build, args=(folder, n, 2))
            builder.start()
            memory = _peaks_until_it_ends(builder)
            if builder.exitcode:
                raise BackendError(f"the builder ended with exit code {builder.exitcode}: look at what it said")
            seconds = time.perf_counter() - started
            time.sleep(3)
            (folder / _ENDED).touch()
            readers = [asdict(one.get()) for one in waiting]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "benchmark": "while_building",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "n": n,
        "n_live": n_live,
        "limit_ms": _LIMIT_MS,
        "build_seconds": round(seconds, 1),
        "build_rss_mb": memory.rss_mb,
        "build_pss_mb": memory.pss_mb,
        "machine": machine(),
        "versions": versions(["qdrant-edge-py"]),
        "readers": readers,
    }


def while_building_lines(report: dict[str, Any]) -> Iterator[str]:
    """Gives a line for each reader."""
    yield f"{report['n']:,} windows built in {report['build_seconds']:,} s, {report['n_live']:,} asked meanwhile"
    once = f", {report['build_pss_mb']:,} MB with each page counted once" if report["build_pss_mb"] else ""
    yield f"the builder and its child had at most {report['build_rss_mb']:,} MB resident{once}"
    for number, reader in enumerate(report["readers"], 1):
        yield (
            f"reader {number}: {reader['n_questions']:,} questions, {reader['n_bad_answers']} bad answers, "
            f"p50 {reader['p50_ms']} ms, p95 {reader['p95_ms']}, p99 {reader['p99_ms']}, "
            f"longest {reader['longest_ms']} ms, {reader['n_over_limit']} over {report['limit_ms']:.0f} ms; "
            f"generations {', '.join(map(str, reader['generations']))}"
        )


def _peaks_until_it_ends(builder: SpawnProcess) -> MemoryPeaks:
    assert builder.pid is not None
    memory = MemoryPeaks(builder.pid)
    while builder.is_alive():
        memory.look()
        builder.join(_LOOK_EVERY_S)
    return memory


def _ask(folder: Path, seed: int) -> ReaderRecord:
    index = QdrantEdgeIndex(folder, dimension=_DIMENSION, embedder="random", collections=[_COLLECTION])
    rng = np.random.default_rng(seed)
    waited: list[float] = []
    generations: set[int] = set()
    n_bad = 0
    while not (folder / _ENDED).exists():
        words = " ".join(rng.choice(_WORDS, 3))
        dense = DenseQuery(_unit_vectors(rng, 1)[0], 100, with_payload=False)
        started = time.perf_counter()
        with index.pinned() as pinned:
            found, _ = pinned.search(_COLLECTION, [dense, KeywordQuery(words, 100, with_payload=False)])
            first = [point.id for point in found[:9]]
            n_bad += len(list(pinned.scroll(_COLLECTION, PointFilter(ids=first)))) != len(first) or len(found) != 100
        waited.append(1000 * (time.perf_counter() - started))
        generations.add(index.generation or 0)
        time.sleep(_PAUSE_S)
    index.close()
    p50, p95, p99 = (round(float(value), 1) for value in np.percentile(waited, [50, 95, 99]))
    n_over = sum(ms > _LIMIT_MS for ms in waited)
    return ReaderRecord(len(waited), n_bad, tuple(sorted(generations)), p50, p95, p99, round(max(waited), 1), n_over)


def _build(folder: Path, n: int, seed: int) -> None:
    draft = QdrantEdgeCatalogue(folder, dimension=_DIMENSION, embedder="random").open_draft(fresh=True)
    rng = np.random.default_rng(seed)
    for start in range(0, n, _BATCH):
        size = min(_BATCH, n - start)
        vectors, words = _unit_vectors(rng, size), rng.choice(_WORDS, (size, 200))
        draft.upsert(_COLLECTION, [_point(seed, start + i, vectors[i], list(words[i])) for i in range(size)])
    draft.publish()


def _point(seed: int, number: int, vector: NDArray[np.float32], words: list[str]) -> IndexPoint:
    chunk, window = " ".join(words), " ".join(words[: len(words) // 2])
    payload = {"author_id": f"a{number % 7}", "document_id": f"d{number // 20}", "chunk_text": chunk}
    return IndexPoint(str(UUID(int=(seed << 64) + number)), payload, vector, window)


def _unit_vectors(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    vectors = rng.standard_normal((n, _DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
