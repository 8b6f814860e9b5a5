"""A draft that grows large is made in parts, and what was written of it is not kept resident."""

from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from rag_llm_system.domain.index_points import EVERYTHING, DenseQuery, IndexPoint
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.draft import QdrantEdgeDraft
from tests.integration.qdrant_edge_writer import BATCH_POINTS, COLLECTION, batch, open_draft, open_index, workers_of

_N_PARTS = 2
_PART_POINTS = 3_000
_DIMENSION = 1_024


def n_mapped_files(draft: QdrantEdgeDraft, path: Path) -> int:
    """Says how many files of the collection the draft's child has mapped; asked without any call to it."""
    (worker,) = workers_of(path)
    inside = str(path / "draft" / COLLECTION)
    return sum(file.path.startswith(inside) for file in worker.memory_maps())


def test_a_draft_lets_go_of_its_files_after_each_part_and_goes_on(tmp_path: Path) -> None:
    draft = open_draft(tmp_path, part_points=2 * BATCH_POINTS, optimize_from_points=BATCH_POINTS)
    mapped = []
    for number in range(4):
        draft.upsert(COLLECTION, batch(number))
        mapped.append(n_mapped_files(draft, tmp_path) > 0)
    n_points = draft.count(COLLECTION, EVERYTHING)
    draft.close()

    assert mapped == [True, False, True, False]
    assert n_points == 4 * BATCH_POINTS


def test_a_draft_that_is_gone_on_with_counts_what_it_had_towards_the_part(tmp_path: Path) -> None:
    options: dict[str, Any] = {"part_points": 2 * BATCH_POINTS, "optimize_from_points": BATCH_POINTS}
    draft = open_draft(tmp_path, **options)
    draft.upsert(COLLECTION, batch(0))
    draft.close()
    draft = open_draft(tmp_path, **options)
    draft.upsert(COLLECTION, batch(1))
    n_mapped = n_mapped_files(draft, tmp_path)
    draft.close()

    assert n_mapped == 0


@pytest.mark.slow
def test_a_collection_in_parts_has_a_graph_in_each_and_finds_what_exact_search_finds(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    directions = rng.standard_normal((8, _DIMENSION))
    vectors = (rng.standard_normal((_N_PARTS * _PART_POINTS, 8)) @ directions).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    points = [IndexPoint(str(UUID(int=i + 1)), {}, vector, "word") for i, vector in enumerate(vectors)]
    exact = NumpyIndex(dimension=_DIMENSION)
    exact.upsert(COLLECTION, points)
    options: dict[str, Any] = {
        "dimension": _DIMENSION,
        "part_points": _PART_POINTS,
        "optimize_from_points": _PART_POINTS,
    }
    draft = open_draft(tmp_path, **options)
    draft.upsert(COLLECTION, points)
    draft.publish()

    index = open_index(tmp_path, dimension=_DIMENSION)
    queries = [DenseQuery(vector, 20) for vector in vectors[:: len(vectors) // 20]]
    found, wanted = index.search(COLLECTION, queries), exact.search(COLLECTION, queries)
    index.close()

    hits = [{hit.id for hit in a} & {hit.id for hit in b} for a, b in zip(found, wanted, strict=True)]
    assert sum(map(len, hits)) >= 0.99 * 20 * len(queries)
    assert len(list((tmp_path / "generations").rglob("graph.bin"))) == _N_PARTS
