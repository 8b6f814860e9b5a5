"""How every `VectorIndex` filters by a range of whole numbers: the same points as the plain numpy reference."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.index_points import DenseQuery, KeywordQuery, PointFilter, SearchQuery
from rag_llm_system.domain.ports.vector_index import VectorIndex
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.draft import QdrantEdgeDraft
from tests.contracts.vector_indexes import (
    BACKENDS,
    DIMENSION,
    corpus,
    open_edge_to_read,
    point_id,
    unit_vector,
    window,
)

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")

WINDOWS = "article_chunks_embedded"
DOCUMENTS = "cleaned_articles"
DAY = "published_day"


@pytest.fixture(scope="module")
def reference() -> NumpyIndex:
    index = NumpyIndex(dimension=DIMENSION)
    index.upsert(WINDOWS, corpus())
    return index


@pytest.fixture(scope="module", params=[*BACKENDS, "qdrant_edge reading"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorIndex]:
    """An index that holds the corpus: of three windows two have a day, from 20240102 to 20240190."""
    path = tmp_path_factory.mktemp("filled")
    index, remove = BACKENDS[request.param.removesuffix(" reading")](path)
    index.upsert(WINDOWS, corpus())
    if request.param == "qdrant_edge reading":
        assert isinstance(index, QdrantEdgeDraft)
        index.publish()
        index = open_edge_to_read(path)
        remove = index.close
    yield index
    remove()


RANGES = {
    "a range": (PointFilter(within={DAY: (20240110, 20240150)}), 27),
    "one number": (PointFilter(within={DAY: (20240132, 20240132)}), 1),
    "no upper end": (PointFilter(within={DAY: (20240150, 99991231)}), 28),
    "everything that has a number": (PointFilter(within={DAY: (-(2**53) + 1, 2**53 - 1)}), 60),
    "nothing": (PointFilter(within={DAY: (20230101, 20231231)}), 0),
    "crossed ends": (PointFilter(within={DAY: (20240150, 20240110)}), 0),
    "and an author": (PointFilter(any_of={"author_id": ["author 1"]}, within={DAY: (0, 20240150)}), 9),
}


@pytest.mark.parametrize(("where", "n_points"), RANGES.values(), ids=RANGES)
def test_a_range_lets_the_same_points_through_as_the_reference(
    filled: VectorIndex, reference: NumpyIndex, where: PointFilter, n_points: int
) -> None:
    queries: list[SearchQuery] = [DenseQuery(unit_vector(3), 90, where), KeywordQuery("copper river", 90, where)]
    found, expected = filled.search(WINDOWS, queries), reference.search(WINDOWS, queries)

    assert [[hit.id for hit in hits] for hits in found] == [[hit.id for hit in hits] for hits in expected]
    assert len(found[0]) == filled.count(WINDOWS, where) == n_points
    assert list(filled.scroll(WINDOWS, where)) == list(reference.scroll(WINDOWS, where))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_range_lets_whole_numbers_alone_through(backend: str, tmp_path: Path) -> None:
    index, remove = BACKENDS[backend](tmp_path)
    held: list[Any] = [20240301, [5, 20240302], "20240301", None, True, {"day": 20240301}, [], 0]
    index.upsert(WINDOWS, [window(number, published_day=value) for number, value in enumerate(held)])
    index.upsert(WINDOWS, [window(99)])

    march = PointFilter(within={DAY: (20240301, 20240331)})
    assert [point.id for point in index.scroll(WINDOWS, march)] == [point_id(0), point_id(1)]
    assert index.delete(WINDOWS, march) == 2
    assert index.count(WINDOWS) == len(held) - 1
    remove()


BAD = {
    "a field of texts": PointFilter(within={"author_id": (1, 2)}),
    "a field that is none": PointFilter(within={"title": (1, 2)}),
    "a number too large": PointFilter(within={DAY: (0, 2**53)}),
    "a fraction": PointFilter(within={DAY: (0.5, 1)}),  # type: ignore[dict-item]
    "a truth": PointFilter(within={DAY: (False, True)}),
    "values of a field of numbers": PointFilter(any_of={DAY: ["20240301"]}),
}


@pytest.mark.parametrize("where", BAD.values(), ids=BAD)
def test_a_range_that_cannot_be_used_is_refused(filled: VectorIndex, where: PointFilter) -> None:
    with pytest.raises(InputError):
        filled.search(WINDOWS, [DenseQuery(unit_vector(1), 1, where)])
    with pytest.raises(InputError):
        filled.count(WINDOWS, where)


def test_a_collection_without_numbers_is_not_filtered_by_them(filled: VectorIndex) -> None:
    with pytest.raises(InputError, match="leave this condition out"):
        filled.count(DOCUMENTS, PointFilter(within={DAY: (1, 2)}))
