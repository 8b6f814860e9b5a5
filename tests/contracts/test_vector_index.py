"""What every `VectorIndex` does: numbers against the plain numpy reference, and the manners of the port."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from rag_llm_system.domain.errors import BackendError, CapabilityError, InputError, NotFoundError
from rag_llm_system.domain.index_points import (
    EVERYTHING,
    DenseQuery,
    IndexPoint,
    KeywordQuery,
    PointFilter,
    ScoredPoint,
    SearchQuery,
    TermWeights,
)
from rag_llm_system.domain.ports.vector_index import VectorIndex
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.draft import QdrantEdgeDraft
from tests.contracts.vector_indexes import (
    BACKENDS,
    DIMENSION,
    WORDS,
    corpus,
    document,
    open_edge_to_read,
    point_id,
    unit_vector,
    window,
)

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")

WINDOWS = "article_chunks_embedded"
DOCUMENTS = "cleaned_articles"
UNWRITTEN = "post_chunks_embedded"


def dense(seed: int, limit: int = 10, **options: Any) -> DenseQuery:
    return DenseQuery(unit_vector(seed), limit, **options)


def ids(found: Sequence[Any]) -> list[str]:
    return [point.id for point in found]


def found_by(index: VectorIndex, query: SearchQuery) -> list[str]:
    return ids(index.search(WINDOWS, [query])[0])


def assert_same(found: list[list[ScoredPoint]], expected: list[list[ScoredPoint]]) -> None:
    assert [ids(answer) for answer in found] == [ids(answer) for answer in expected]
    for answer, wanted in zip(found, expected, strict=True):
        assert [hit.score for hit in answer] == pytest.approx([hit.score for hit in wanted], abs=1e-4)
        assert [hit.payload for hit in answer] == [hit.payload for hit in wanted]


def assert_same_points(found: list[IndexPoint], expected: list[IndexPoint]) -> None:
    assert ids(found) == ids(expected)
    for point, wanted in zip(found, expected, strict=True):
        assert point.vector is not None
        assert wanted.vector is not None
        assert point.terms is not None
        assert wanted.terms is not None
        assert point.vector == pytest.approx(wanted.vector, abs=1e-6)
        assert weights_by_term(point.terms) == weights_by_term(wanted.terms)
        assert point.payload == wanted.payload


def weights_by_term(terms: TermWeights) -> dict[int, float]:
    return dict(zip(terms[0].tolist(), terms[1].tolist(), strict=True))


@pytest.mark.skipif("QDRANT_TEST_URL" not in os.environ, reason="no Qdrant server: QDRANT_TEST_URL is not set")
def test_this_suite_runs_against_a_real_server() -> None:
    assert "qdrant server" in BACKENDS


@pytest.fixture(scope="module", params=BACKENDS)
def shared_index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorIndex]:
    index, remove = BACKENDS[request.param](tmp_path_factory.mktemp("index"))
    yield index
    remove()


@pytest.fixture
def index(shared_index: VectorIndex) -> VectorIndex:
    """An empty index that can be written to; emptied rather than made anew, which is quicker and proves deletion."""
    for collection in (WINDOWS, DOCUMENTS):
        shared_index.delete(collection, EVERYTHING)
    return shared_index


@pytest.fixture(scope="module")
def reference() -> NumpyIndex:
    index = NumpyIndex(dimension=DIMENSION)
    index.upsert(WINDOWS, corpus())
    return index


@pytest.fixture(scope="module", params=[*BACKENDS, "qdrant_edge reading"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorIndex]:
    """An index that holds the corpus."""
    path = tmp_path_factory.mktemp("filled")
    index, remove = BACKENDS[request.param.removesuffix(" reading")](path)
    index.upsert(WINDOWS, corpus())
    index.upsert(DOCUMENTS, [document(number, author_id="ada") for number in (9, 3, 700)])
    if request.param == "qdrant_edge reading":
        assert isinstance(index, QdrantEdgeDraft)
        index.publish()
        index = open_edge_to_read(path)
        remove = index.close
    yield index
    remove()


FILTERS = {
    "no filter": EVERYTHING,
    "one author": PointFilter(any_of={"author_id": ["author 1"]}),
    "two authors": PointFilter(any_of={"author_id": ["author 1", "author 3", "nobody"]}),
    "author and document": PointFilter(any_of={"author_id": ["author 1"], "document_id": ["document 2", "document 3"]}),
    "nobody": PointFilter(any_of={"author_id": ["nobody"]}),
    "no author at all": PointFilter(any_of={"author_id": []}),
    "some ids": PointFilter(ids=[point_id(number) for number in (1, 5, 40, 4711)]),
    "no ids at all": PointFilter(ids=[]),
    "without some": PointFilter(not_ids=[point_id(number) for number in range(80)]),
    "all of it": PointFilter(
        any_of={"author_id": ["author 1"]},
        ids=[point_id(n) for n in range(60)],
        not_ids=[point_id(n) for n in range(9)],
    ),
}


@pytest.mark.parametrize("where", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_searches_give_the_numbers_and_the_order_of_the_reference(
    filled: VectorIndex, reference: NumpyIndex, where: PointFilter, limit: int
) -> None:
    queries: list[SearchQuery] = [dense(seed, limit, where=where) for seed in (3, 500)]
    queries += [KeywordQuery(text, limit, where) for text in ("lanterns", "copper river", " ".join(WORDS))]

    assert_same(filled.search(WINDOWS, queries), reference.search(WINDOWS, queries))


@pytest.mark.parametrize("where", FILTERS.values(), ids=FILTERS)
def test_scroll_and_count_see_what_the_filter_lets_through(
    filled: VectorIndex, reference: NumpyIndex, where: PointFilter
) -> None:
    expected = list(reference.scroll(WINDOWS, where))

    assert list(filled.scroll(WINDOWS, where)) == expected
    assert filled.count(WINDOWS, where) == len(expected)
    assert ids(expected) == sorted(ids(expected))


def test_a_limit_that_cuts_through_a_tie_keeps_the_lowest_ids(index: VectorIndex) -> None:
    index.upsert(WINDOWS, [window(number, "violin", seed=1) for number in reversed(range(60))])

    for limit in (1, 5, 40):
        lowest = [point_id(number) for number in range(limit)]
        assert [found_by(index, query) for query in (dense(1, limit), KeywordQuery("violin", limit))] == [
            lowest,
            lowest,
        ]


def test_a_limit_that_cuts_through_a_tie_brings_the_payloads_of_what_is_given(index: VectorIndex) -> None:
    index.upsert(WINDOWS, [window(number, "violin", seed=1, n=number) for number in reversed(range(60))])

    for query in (dense(1, 5), KeywordQuery("violin", 5)):
        (found,) = index.search(WINDOWS, [query])
        assert [hit.payload["n"] for hit in found] == [0, 1, 2, 3, 4]


def test_a_text_without_a_term_finds_nothing(filled: VectorIndex) -> None:
    for text in ("", "   ", "the and of", "?!", "zeppelin", "\ud800"):
        assert filled.search(WINDOWS, [KeywordQuery(text, 10)]) == [[]]


def test_each_query_has_its_answer_in_the_order_asked(filled: VectorIndex) -> None:
    nothing = dense(3, where=PointFilter(ids=[]))
    queries: list[SearchQuery] = [KeywordQuery("the", 3), dense(3, 2), nothing, KeywordQuery("river", 3), dense(4, 1)]

    assert filled.search(WINDOWS, queries) == [filled.search(WINDOWS, [query])[0] for query in queries]
    assert [len(answer) for answer in filled.search(WINDOWS, queries)] == [0, 2, 0, 3, 1]
    assert filled.search(WINDOWS, []) == []


def test_a_search_without_payload_finds_the_same_and_brings_none(filled: VectorIndex) -> None:
    for full, bare in (
        (dense(3), dense(3, with_payload=False)),
        (KeywordQuery("river", 9), KeywordQuery("river", 9, with_payload=False)),
    ):
        with_payload, without = filled.search(WINDOWS, [full, bare])
        assert ids(with_payload) == ids(without)
        assert all(hit.payload for hit in with_payload)
        assert not any(hit.payload for hit in without)


def test_a_replaced_point_is_no_longer_found_by_its_old_words_or_vector(index: VectorIndex) -> None:
    index.upsert(WINDOWS, [window(1, "harbour lantern", seed=1, page=1), window(2, "meadow", seed=2)])
    index.upsert(WINDOWS, [window(1, "granite lantern", seed=3, page=2)])

    assert index.count(WINDOWS) == 2
    assert found_by(index, KeywordQuery("harbour", 9)) == []
    assert found_by(index, KeywordQuery("granite", 9)) == [point_id(1)]
    assert index.search(WINDOWS, [dense(3, 1)])[0][0].score == pytest.approx(1.0, abs=1e-6)
    assert index.search(WINDOWS, [dense(1, 1)])[0][0].score < 0.99
    assert [point.payload.get("page") for point in index.scroll(WINDOWS)] == [2, None]


def test_deleted_points_leave_both_halves_and_their_statistics(index: VectorIndex) -> None:
    points = corpus()
    gone = PointFilter(any_of={"author_id": ["author 1", "author 2"]})
    kept = [point for point in points if point.payload["author_id"] not in gone.any_of["author_id"]]
    expected = NumpyIndex(dimension=DIMENSION)
    expected.upsert(WINDOWS, kept)
    index.upsert(WINDOWS, points)

    assert index.delete(WINDOWS, gone) == len(points) - len(kept)
    assert index.delete(WINDOWS, gone) == 0
    assert index.count(WINDOWS) == len(kept)
    queries: list[SearchQuery] = [dense(5, 100), KeywordQuery("copper winter", 100)]
    assert_same(index.search(WINDOWS, queries), expected.search(WINDOWS, queries))


def test_points_are_deleted_by_id_and_by_not_being_among_ids(index: VectorIndex) -> None:
    index.upsert(DOCUMENTS, [document(number) for number in range(6)])

    assert index.delete(DOCUMENTS, PointFilter(ids=[point_id(2), point_id(99)])) == 1
    assert index.delete(DOCUMENTS, PointFilter(ids=[])) == 0
    assert index.delete(DOCUMENTS, PointFilter(not_ids=[point_id(0), point_id(5)])) == 3
    assert ids(list(index.scroll(DOCUMENTS))) == [point_id(0), point_id(5)]


def test_of_two_points_with_one_id_in_a_call_the_last_counts(index: VectorIndex) -> None:
    index.upsert(WINDOWS, [window(1, "harbour", seed=1, page=1), window(1, "violin", seed=2, page=2)])

    assert [point.payload["page"] for point in index.scroll(WINDOWS)] == [2]
    assert found_by(index, KeywordQuery("harbour", 5)) == []
    assert index.search(WINDOWS, [dense(2, 1)])[0][0].score == pytest.approx(1.0, abs=1e-6)


def test_no_points_is_no_work(index: VectorIndex) -> None:
    index.upsert(WINDOWS, [])
    index.upsert(UNWRITTEN, [])

    assert index.count(WINDOWS) == index.count(UNWRITTEN) == 0


PAYLOADS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "unicode": {"title": "Straße 日本語 \U0001f600 \x00 \n", "": "empty name", "a.b": "dotted", "Ключ": "ключ"},
    "numbers": {"i": 2**53 + 1, "big": 2**63 - 1, "small": -(2**63), "f": 1.0, "tiny": 1e-300, "t": True, "n": None},
    "nested": {"list": [1, "a", None, [2.5, {"deep": []}]], "object": {"empty": {}, "x": {"y": [False]}}},
    "long": {"text": "word " * 20_000},
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_payload_comes_back_as_it_went_in(index: VectorIndex, payload: dict[str, Any]) -> None:
    index.upsert(WINDOWS, [IndexPoint(point_id(1), payload, unit_vector(1), "violin")])
    index.upsert(DOCUMENTS, [IndexPoint(point_id(1), payload)])

    (hit,) = index.search(WINDOWS, [KeywordQuery("violin", 1)])[0]
    (stored,) = index.scroll(DOCUMENTS)
    for read in (hit.payload, stored.payload):
        assert read == payload
        assert [type(value) for value in read.values()] == [type(value) for value in payload.values()]


def test_a_filter_finds_a_value_within_a_list(index: VectorIndex) -> None:
    index.upsert(DOCUMENTS, [document(1, author_id=["ada", "grace"]), document(2, author_id="ada"), document(3)])

    assert ids(list(index.scroll(DOCUMENTS, PointFilter(any_of={"author_id": ["grace"]})))) == [point_id(1)]
    assert index.count(DOCUMENTS, PointFilter(any_of={"author_id": ["ada"]})) == 2


BAD_POINTS = {
    "a term twice": IndexPoint(
        point_id(2), {}, unit_vector(2), terms=(np.array([7, 7], np.uint32), np.ones(2, np.float32))
    ),
    "a weight too few": IndexPoint(
        point_id(2), {}, unit_vector(2), terms=(np.array([7, 8], np.uint32), np.ones(1, np.float32))
    ),
    "a weight that is none": IndexPoint(
        point_id(2), {}, unit_vector(2), terms=(np.array([7], np.uint32), np.full(1, np.nan, np.float32))
    ),
    "dimension": IndexPoint(point_id(2), {}, np.ones(DIMENSION + 1, dtype=np.float32)),
    "shape": IndexPoint(point_id(2), {}, np.ones((1, DIMENSION), dtype=np.float32)),
    "no vector": IndexPoint(point_id(2), {}),
    "NaN": IndexPoint(point_id(2), {}, np.full(DIMENSION, np.nan, dtype=np.float32)),
    "infinity": IndexPoint(point_id(2), {}, np.full(DIMENSION, np.inf, dtype=np.float32)),
    "id": IndexPoint("article-2", {}, unit_vector(2)),
    "upper-case id": IndexPoint(str(UUID(int=2**127)).replace("8", "A"), {}, unit_vector(2)),
    "payload NaN": IndexPoint(point_id(2), {"x": float("nan")}, unit_vector(2)),
    "payload object": IndexPoint(point_id(2), {"x": object()}, unit_vector(2)),
    "payload number": IndexPoint(point_id(2), {"x": 2**64}, unit_vector(2)),
    "payload surrogate": IndexPoint(point_id(2), {"x": "\ud800"}, unit_vector(2)),
}


@pytest.mark.parametrize("bad", BAD_POINTS.values(), ids=BAD_POINTS)
def test_a_point_that_cannot_be_stored_is_refused_and_nothing_is_written(index: VectorIndex, bad: IndexPoint) -> None:
    with pytest.raises(InputError):
        index.upsert(WINDOWS, [window(1), bad, window(3)])

    assert index.count(WINDOWS) == 0


def test_a_query_that_cannot_be_answered_is_refused(filled: VectorIndex) -> None:
    unknown_field = PointFilter(any_of={"title": ["x"]})
    bad: list[SearchQuery] = [
        dense(1, 0),
        KeywordQuery("river", -1),
        DenseQuery(np.ones(DIMENSION - 1, dtype=np.float32), 5),
        DenseQuery(np.full(DIMENSION, np.nan, dtype=np.float32), 5),
        dense(1, where=unknown_field),
        KeywordQuery("river", 5, PointFilter(ids=["not an id"])),
    ]
    for query in bad:
        with pytest.raises(InputError):
            filled.search(WINDOWS, [dense(1), query])
    with pytest.raises(InputError):
        filled.count(WINDOWS, unknown_field)


def test_a_collection_without_vectors_is_scrolled_but_not_searched(filled: VectorIndex) -> None:
    assert ids(list(filled.scroll(DOCUMENTS))) == [point_id(3), point_id(9), point_id(700)]
    with pytest.raises(CapabilityError):
        filled.search(DOCUMENTS, [KeywordQuery("river", 5)])


def test_an_unknown_collection_is_not_found(filled: VectorIndex) -> None:
    for work in (
        lambda: filled.search("nowhere", [dense(1)]),
        lambda: filled.count("nowhere"),
        lambda: filled.scroll("nowhere"),
    ):
        with pytest.raises(NotFoundError):
            work()


def test_changing_an_unknown_collection_is_not_found(index: VectorIndex) -> None:
    with pytest.raises(NotFoundError):
        index.upsert("../nowhere", [window(1)])
    with pytest.raises(NotFoundError):
        index.delete("nowhere", EVERYTHING)


def test_a_collection_that_nothing_was_written_to_is_empty(filled: VectorIndex) -> None:
    assert filled.count(UNWRITTEN) == 0
    assert list(filled.scroll(UNWRITTEN)) == []
    assert filled.search(UNWRITTEN, [dense(1), KeywordQuery("river", 5)]) == [[], []]


def test_scrolling_goes_over_many_pages(index: VectorIndex) -> None:
    numbers = np.random.default_rng(1).permutation(1_000).tolist()
    index.upsert(DOCUMENTS, [document(number, n=number) for number in numbers])

    assert [point.payload["n"] for point in index.scroll(DOCUMENTS)] == list(range(1_000))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_closed_index_may_be_closed_again_but_not_used(backend: str, tmp_path: Path) -> None:
    index, remove = BACKENDS[backend](tmp_path)
    index.close()
    index.close()

    with pytest.raises(BackendError):
        index.count(WINDOWS)
    remove()


def test_points_that_bring_their_terms_are_found_by_those(index: VectorIndex, reference: NumpyIndex) -> None:
    """What is moved from one index to another: the vectors and weights as they are stored, no text."""
    moved = list(reference.whole_points(WINDOWS))
    assert not any(point.text for point in moved)
    index.upsert(WINDOWS, moved)

    queries: list[SearchQuery] = [dense(5, 100), KeywordQuery("copper winter", 100)]
    assert_same(index.search(WINDOWS, queries), reference.search(WINDOWS, queries))


def test_points_are_read_whole_as_they_were_stored(filled: VectorIndex, reference: NumpyIndex) -> None:
    source: Any = filled
    read = list(source.whole_points(WINDOWS))

    assert_same_points(read, list(reference.whole_points(WINDOWS)))
    assert ids(list(source.whole_points(DOCUMENTS))) == [point_id(3), point_id(9), point_id(700)]
    assert list(source.whole_points(UNWRITTEN)) == []
    with pytest.raises(NotFoundError):
        list(source.whole_points("nowhere"))
