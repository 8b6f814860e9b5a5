"""Each compression finds and scores as the plain reference does, within what it promises."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import qdrant_edge as edge

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.domain.index_points import DenseQuery, IndexPoint, KeywordQuery, PointFilter, ScoredPoint
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.compression import COMPRESSIONS, compression_named
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.requests import (
    edge_points,
    edge_query,
    point_batch,
    scored_points,
    shard_config,
    whole_point,
)

COLLECTION = "article_chunks_embedded"
SPEC = COLLECTIONS[COLLECTION]
DIMENSION = 128
N_POINTS = 5_000
LIMIT = 10
ENCODER = Bm25Encoder()
# What each must reach: recall@10, and how far a score may be from the reference's.
PROMISES = {
    "float32": (1.0, 1e-6),
    "float16": (0.995, 3e-4),
    "turbo16": (0.995, 1e-4),
    "turbo8": (0.95, 1e-2),
    "int8": (0.995, 3e-4),
    "turbo4": (0.995, 3e-4),
    "turbo2": (0.97, 3e-4),
    "binary": (0.75, 3e-4),
}


def unit(vectors: Any) -> Any:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def points() -> list[IndexPoint]:
    """Points around 300 centres, as texts lie around matters."""
    rng = np.random.default_rng(7)
    centres = unit(rng.standard_normal((300, DIMENSION)))
    vectors = unit(centres[rng.integers(300, size=N_POINTS)] + 0.1 * rng.standard_normal((N_POINTS, DIMENSION)))
    return [
        IndexPoint(str(UUID(int=i)), {"author_id": f"a{i % 3}"}, vector, f"tide word{i % 50}")
        for i, vector in enumerate(vectors)
    ]


@pytest.fixture(scope="module")
def questions(points: list[IndexPoint]) -> list[DenseQuery]:
    rng = np.random.default_rng(8)
    near = np.stack([point.vector for point in points[:25] if point.vector is not None])
    return [DenseQuery(vector, LIMIT) for vector in unit(near + 0.1 * rng.standard_normal(near.shape))]


@pytest.fixture(scope="module")
def reference(points: list[IndexPoint], questions: list[DenseQuery]) -> list[list[ScoredPoint]]:
    index = NumpyIndex(dimension=DIMENSION)
    index.upsert(COLLECTION, points)
    return index.search(COLLECTION, questions)


@contextmanager
def shard(path: Path, compression: str, *, graph: bool = False) -> Iterator[edge.EdgeShard]:
    config = shard_config(SPEC, DIMENSION, 1, compression, graph=graph)
    make = edge.EdgeShard.load if path.exists() else edge.EdgeShard.create
    opened = make(str(path), config)
    try:
        yield opened
    finally:
        opened.flush()
        opened.close()


def write(opened: edge.EdgeShard, points: list[IndexPoint]) -> None:
    opened.update(edge.UpdateOperation.upsert_points(edge_points(point_batch(points), ENCODER)))
    opened.flush()


def build(path: Path, compression: str, points: list[IndexPoint], *, graph: bool = False) -> None:
    with shard(path, compression, graph=graph) as opened:
        write(opened, points)
        if graph or compression_named(compression).optimises_without_graph:
            opened.optimize()


def search(path: Path, compression: str, questions: list[DenseQuery], *, graph: bool = False) -> list[Any]:
    with shard(path, compression, graph=graph) as opened:
        requests = [edge_query(question, ENCODER, compression) for question in questions]
        return [scored_points(opened.query(request)) for request in requests if request]


def recall(found: list[list[ScoredPoint]], wanted: list[list[ScoredPoint]]) -> float:
    pairs = zip(found, wanted, strict=True)
    return float(np.mean([len({hit.id for hit in a} & {hit.id for hit in b}) / LIMIT for a, b in pairs]))


def worst_score(found: list[list[ScoredPoint]], questions: list[DenseQuery], points: list[IndexPoint]) -> float:
    vectors = np.stack([point.vector for point in points if point.vector is not None])
    return max(
        abs(hit.score - float(vectors[UUID(hit.id).int] @ question.vector))
        for question, hits in zip(questions, found, strict=True)
        for hit in hits
    )


def test_every_compression_is_promised_something() -> None:
    assert set(PROMISES) == set(COMPRESSIONS)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_exact_search_finds_and_scores_as_the_reference(
    compression: str,
    tmp_path: Path,
    points: list[IndexPoint],
    questions: list[DenseQuery],
    reference: list[list[ScoredPoint]],
) -> None:
    build(tmp_path / "shard", compression, points)
    found = search(tmp_path / "shard", compression, questions)
    least, tolerance = PROMISES[compression]
    assert recall(found, reference) >= least
    assert worst_score(found, questions, points) <= tolerance


def test_int8_is_quantised_by_optimising_and_what_comes_later_is_found_too(
    tmp_path: Path, points: list[IndexPoint], questions: list[DenseQuery], reference: list[list[ScoredPoint]]
) -> None:
    path = tmp_path / "shard"
    with shard(path, "int8") as opened:
        write(opened, points[500:])
        assert not list(path.rglob("quantized*data"))
        opened.optimize()
        assert list(path.rglob("quantized*data"))
        write(opened, points[:500])
    assert recall(search(path, "int8", questions), reference) >= PROMISES["int8"][0]


@pytest.mark.parametrize("compression", ["turbo4", "turbo2", "binary"])
def test_the_others_are_quantised_as_they_are_written(
    compression: str, tmp_path: Path, points: list[IndexPoint]
) -> None:
    with shard(tmp_path / "shard", compression) as opened:
        write(opened, points[:100])
    assert list((tmp_path / "shard").rglob("quantized_data"))


@pytest.mark.slow
def test_a_collection_that_was_packed_without_a_graph_gets_one_when_it_is_told_to(tmp_path: Path) -> None:
    path = tmp_path / "shard"
    dimension = 1_024
    vectors = unit(np.random.default_rng(9).standard_normal((5_300, dimension)))
    points = [IndexPoint(str(UUID(int=i)), {}, vector, "tide") for i, vector in enumerate(vectors)]
    config, with_graph = (shard_config(SPEC, dimension, 1, "int8", graph=graph) for graph in (False, True))
    packed = edge.EdgeShard.create(str(path), config)
    write(packed, points)
    packed.optimize()
    assert link_bytes(path) < 10 * len(points)
    packed.close()
    linked = edge.EdgeShard.load(str(path), with_graph)
    linked.optimize()
    assert link_bytes(path) > 20 * len(points)
    requests = [edge_query(DenseQuery(vector, 1), ENCODER, "int8") for vector in vectors[::500]]
    assert [UUID(scored_points(linked.query(one))[0].id).int for one in requests if one] == list(range(0, 5_300, 500))
    linked.close()


def link_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("vector_index-dense/links*"))


# Not binary: of the many points at one distance, two shards of the same points hand on different ones to be scored.
@pytest.mark.parametrize("compression", [name for name in COMPRESSIONS if name != "binary"])
def test_points_that_are_read_back_and_written_again_are_searched_as_before(
    compression: str, tmp_path: Path, points: list[IndexPoint], questions: list[DenseQuery]
) -> None:
    some = points[:500]
    build(tmp_path / "first", compression, some)
    with shard(tmp_path / "first", compression) as opened:
        page, _ = opened.scroll(edge.ScrollRequest(limit=500, with_payload=True, with_vector=True))
    build(tmp_path / "second", compression, [whole_point(record, SPEC) for record in page])
    first, second = (search(tmp_path / name, compression, questions) for name in ("first", "second"))
    assert second == first


@pytest.mark.parametrize(
    ("compression", "least", "most"),
    [("float32", 0.0, 1e-6), ("float16", 1e-5, 2e-4), ("turbo16", 1e-7, 5e-5), ("turbo8", 2e-4, 1e-2)]
    + [(name, 1e-5, 2e-4) for name in ("int8", "turbo4", "turbo2", "binary")],
)
def test_what_is_read_back_was_rounded_to_what_is_stored(
    compression: str, least: float, most: float, tmp_path: Path, points: list[IndexPoint]
) -> None:
    build(tmp_path / "shard", compression, points[:200])
    with shard(tmp_path / "shard", compression) as opened:
        page, _ = opened.scroll(edge.ScrollRequest(limit=200, with_payload=True, with_vector=True))
    errors = [
        np.abs(read.vector - point.vector).max()
        for read, point in zip([whole_point(record, SPEC) for record in page], points, strict=False)
        if read.vector is not None and point.vector is not None
    ]
    assert len(errors) == 200
    assert least <= max(errors) <= most


def test_filters_and_keywords_work_beside_a_small_copy(tmp_path: Path, points: list[IndexPoint]) -> None:
    build(tmp_path / "shard", "turbo4", points)
    assert points[0].vector is not None
    where = PointFilter(any_of={"author_id": ["a1"]})
    with shard(tmp_path / "shard", "turbo4") as opened:
        dense = edge_query(DenseQuery(points[0].vector, 20, where), ENCODER, "turbo4")
        keyword = edge_query(KeywordQuery("word7", 20, where), ENCODER, "turbo4")
        assert dense
        assert keyword
        for request in (dense, keyword):
            hits = scored_points(opened.query(request))
            assert len(hits) == 20
            assert {hit.payload["author_id"] for hit in hits} == {"a1"}


def test_an_unknown_compression_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="no compression 'zip': choose one of float32, float16"):
        shard_config(SPEC, DIMENSION, 1, "zip")


def test_a_faster_scan_needs_a_graph_later() -> None:
    assert compression_named("float32").graph_from_points(50_000) == 50_000
    assert compression_named("turbo4").graph_from_points(50_000) == 200_000
