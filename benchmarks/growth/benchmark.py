"""How the cost of the embedded index grows with its size: built and asked as the product does, in fresh processes.

The windows are those of `benchmarks/stores`: real ones first, beyond them perturbed copies. Embedding is not counted,
since it costs the same for each window. A question is both halves of a hybrid search, 100 windows each, and what is
read of the first nine.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.free_space import require_free_space
from benchmarks.fresh_process import in_fresh_process
from benchmarks.stores.material import Material, Tell
from benchmarks.stores.windows import TERM_KEPT, Windows, point_id
from rag_llm_system.application.evaluation.consumption import MemoryWatch, metered, resident_bytes
from rag_llm_system.bootstrap.machine import machine, versions
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.index_points import DenseQuery, IndexPoint, KeywordQuery, PointFilter
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue

COST_FIELDS = ("build_cpu_s", "build_peak_mb", "disk_mb", "question_cpu_ms", "question_p50_ms", "reader_mb")
_COLLECTION = CHUNK_COLLECTIONS[Category.ARTICLES]
_LIMIT = 100
_READ = 9
_DISK_BYTES_PER_WINDOW = 20_000
"""Of a draft and of what it is sealed into, both there for a while."""


@dataclass(frozen=True)
class GrowthRecord:
    """What one size costs. Builds: n = 1. Questions: each asked once after a warm-up, one at a time.

    CPU and memory are those of the process and its children, `build_peak_mb` without what holds the windows to be
    written before the build begins. Memory counts pages that processes share once for each.
    """

    n: int
    n_real: int
    n_questions: int
    build_cpu_s: float
    build_wall_s: float
    build_peak_mb: float
    disk_mb: float
    open_cpu_s: float
    reader_mb: float
    question_cpu_ms: float
    question_p50_ms: float
    question_p95_ms: float


def measure_growth(
    material: Material, sizes: Sequence[int], work: Path, tell: Tell, keep: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Gives a record for each size, and for each cost the exponent of its growth.

    Args:
        material: real windows and questions.
        sizes: numbers of windows.
        work: a folder for the indexes; each is removed when it has been measured.
        tell: is given a line for each step.
        keep: is given the report after each record.

    Raises:
        InputError: a size is not positive.
        DiskFullError: there is too little room in `work`.
    """
    if not sizes or min(sizes) < 1:
        raise InputError("an index needs at least one window: give a greater --n")
    require_free_space(work, max(sizes) * _DISK_BYTES_PER_WINDOW)
    report: dict[str, Any] = {
        "benchmark": "growth",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "material": material.name,
        "machine": machine(),
        "versions": versions(["qdrant-edge-py", "numpy"]),
        "records": [],
        "exponents": {},
    }
    for n in sorted(sizes):
        record = _measure(Windows(material, n, seed=0), work / str(n))
        tell(f"{n:,} windows: built in {record.build_cpu_s:,.1f} CPU s, {record.question_cpu_ms:.2f} CPU ms a question")
        report["records"].append(asdict(record))
        report["exponents"] = exponents(report["records"])
        keep(report)
    return report


def exponents(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Gives for each cost the slope of its logarithm over that of n (least squares): 1 is growth in proportion."""
    if len(records) < 2:
        return {}
    sizes = np.log([record["n"] for record in records])
    costs = {field: np.log([max(record[field], 1e-9) for record in records]) for field in COST_FIELDS}
    return {field: round(float(np.polyfit(sizes, cost, 1)[0]), 3) for field, cost in costs.items()}


def _measure(windows: Windows, path: Path) -> GrowthRecord:
    shutil.rmtree(path, ignore_errors=True)
    try:
        built = in_fresh_process(_build, windows, path)
        asked = in_fresh_process(_ask, windows.material, path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
    return GrowthRecord(
        n=windows.n, n_real=windows.n_real, n_questions=len(windows.material.questions), **built, **asked
    )


def _build(windows: Windows, path: Path) -> dict[str, float]:
    """Writes the windows into a draft and publishes it; making the windows is not counted."""
    cpu_s = wall_s = 0.0
    before_bytes = resident_bytes()
    with MemoryWatch() as memory:
        with metered() as opening:
            draft = QdrantEdgeCatalogue(path, dimension=_dimension(windows.material), embedder="measured").open_draft(
                fresh=True
            )
        for block in _blocks(windows):
            with metered() as writing:
                draft.upsert(_COLLECTION, block)
            cpu_s, wall_s = cpu_s + writing.cpu_seconds, wall_s + writing.seconds
        with metered() as publishing:
            draft.publish()
    return {
        "build_cpu_s": cpu_s + opening.cpu_seconds + publishing.cpu_seconds,
        "build_wall_s": wall_s + opening.seconds + publishing.seconds,
        "build_peak_mb": (memory.peak_bytes - before_bytes) / 1e6,
        "disk_mb": sum(file.lstat().st_blocks * 512 for file in path.rglob("*")) / 1e6,
    }


def _ask(material: Material, path: Path) -> dict[str, float]:
    before_bytes = resident_bytes()
    with metered() as opening:
        index = QdrantEdgeIndex(path, dimension=_dimension(material), embedder="measured", collections=[_COLLECTION])
    for number in range(len(material.questions)):
        _question(index, material, number)
    waited_ms = []
    with metered() as asking:
        for number in range(len(material.questions)):
            started = time.perf_counter()
            _question(index, material, number)
            waited_ms.append(1000 * (time.perf_counter() - started))
    reader_bytes = resident_bytes() - before_bytes
    index.close()
    return {
        "open_cpu_s": opening.cpu_seconds,
        "reader_mb": reader_bytes / 1e6,
        "question_cpu_ms": 1000 * asking.cpu_seconds / len(waited_ms),
        "question_p50_ms": float(np.percentile(waited_ms, 50)),
        "question_p95_ms": float(np.percentile(waited_ms, 95)),
    }


def _question(index: QdrantEdgeIndex, material: Material, number: int) -> None:
    dense = DenseQuery(material.question_vectors[number], _LIMIT, with_payload=False)
    keyword = KeywordQuery(material.questions[number], _LIMIT, with_payload=False)
    with index.pinned() as pinned:
        found, _ = pinned.search(_COLLECTION, [dense, keyword])
        list(pinned.scroll(_COLLECTION, PointFilter(ids=[point.id for point in found[:_READ]])))


def _blocks(windows: Windows) -> Iterator[list[IndexPoint]]:
    """Gives the windows as the index is given them; of a copy's words some are left out."""
    material = windows.material
    n_real = len(material.texts)
    for first, vectors in windows.vector_blocks():
        generator = np.random.default_rng([windows.seed, 2, first])
        block = []
        for place, vector in enumerate(vectors, first):
            text = material.texts[place % n_real]
            if place >= n_real:
                words = np.array(text.split(), dtype=object)
                text = " ".join(words[generator.random(len(words)) < TERM_KEPT])
            block.append(IndexPoint(point_id(place), material.payloads[place % n_real], vector, text))
        yield block


def _dimension(material: Material) -> int:
    return int(material.vectors.shape[1])
