"""The comparison can fail: each kind of damage is planted in real stores, and seen."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.index_points import EVERYTHING, IndexPoint, PointFilter
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
from tools.crash_testing.acknowledged import Standing
from tools.crash_testing.comparison import compare_documents, compare_index, compare_state, find_words
from tools.crash_testing.corpus import Corpus
from tools.crash_testing.expected_index import ExpectedIndex, ExpectedPoint

DIMENSION = 8
CHUNKS = "article_chunks_embedded"
WORDS = ("bcfgjk", "kjgfcb", "mnpqvw")
NONE_FOUND = {"losses": 0, "duplicates": 0, "stale_hits": 0, "unreadable": 0}


def vector(number: int) -> NDArray[np.float32]:
    row = np.random.default_rng(number).standard_normal(DIMENSION).astype(np.float32)
    return row / np.linalg.norm(row)


def point(number: int, word: str) -> IndexPoint:
    payload = {"document_id": str(number), "author_id": "ada", "chunk_text": word}
    return IndexPoint(str(UUID(int=number)), payload, vector(number), f"common {word}")


POINTS = [point(number, word) for number, word in enumerate(WORDS, start=1)]


def expected(*points: IndexPoint, gone_words: tuple[str, ...] = ()) -> ExpectedIndex:
    by_id = {each.id: ExpectedPoint(each.payload, each.vector) for each in points}
    hits = {each.text.split()[1]: (CHUNKS, frozenset({each.id})) for each in points}
    return ExpectedIndex({name: by_id if name == CHUNKS else {} for name in COLLECTIONS}, hits, gone_words)


@pytest.fixture
def index() -> NumpyIndex:
    filled = NumpyIndex(dimension=DIMENSION)
    filled.upsert(CHUNKS, POINTS)
    return filled


def test_an_index_that_is_as_it_must_be_has_nothing_wrong(index: NumpyIndex) -> None:
    assert compare_index(index, expected(*POINTS, gone_words=("zzxxvv",))).counts() == NONE_FOUND


def test_a_point_that_is_gone_is_a_loss_in_the_points_and_in_the_hits(index: NumpyIndex) -> None:
    index.delete(CHUNKS, PointFilter(ids=[POINTS[0].id]))

    findings = compare_index(index, expected(*POINTS))

    assert findings.counts() == {**NONE_FOUND, "losses": 3}
    assert all(POINTS[0].id in line for line in findings.losses)


def test_a_point_that_should_be_gone_is_a_stale_hit_in_the_points_and_in_the_hits(index: NumpyIndex) -> None:
    findings = compare_index(index, expected(*POINTS[:2], gone_words=(WORDS[2],)))

    assert findings.counts() == {**NONE_FOUND, "stale_hits": 2}


def test_another_payload_is_a_loss(index: NumpyIndex) -> None:
    index.upsert(CHUNKS, [IndexPoint(POINTS[0].id, {"document_id": "2"}, POINTS[0].vector, POINTS[0].text)])

    assert compare_index(index, expected(*POINTS)).counts() == {**NONE_FOUND, "losses": 1}


@pytest.mark.parametrize(("change", "n_losses"), [(1e-7, 0), (1e-5, 1)])
def test_a_vector_that_differs_by_more_than_a_millionth_is_a_loss(
    index: NumpyIndex, change: float, n_losses: int
) -> None:
    others = POINTS[0].vector + np.float32(change)  # type: ignore[operator]
    index.upsert(CHUNKS, [IndexPoint(POINTS[0].id, POINTS[0].payload, others, POINTS[0].text)])

    assert compare_index(index, expected(*POINTS)).counts() == {**NONE_FOUND, "losses": n_losses}


def test_a_point_that_is_not_found_by_its_word_is_a_loss(index: NumpyIndex) -> None:
    index.upsert(CHUNKS, [IndexPoint(POINTS[0].id, POINTS[0].payload, POINTS[0].vector, "common")])

    assert compare_index(index, expected(*POINTS)).counts() == {**NONE_FOUND, "losses": 1}


class TwiceTold:
    """An index that gives its first point twice."""

    def __init__(self, index: NumpyIndex) -> None:
        self.search, self.scroll, self.count = index.search, index.scroll, index.count
        self._index = index

    def whole_points(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[IndexPoint]:
        points = list(self._index.whole_points(collection, where))
        yield from [*points[:1], *points]


def test_a_point_that_is_given_twice_is_a_duplicate(index: NumpyIndex) -> None:
    assert compare_index(TwiceTold(index), expected(*POINTS)).counts() == {**NONE_FOUND, "duplicates": 1}


def published_index(path: Path) -> QdrantEdgeIndex:
    catalogue = QdrantEdgeCatalogue(path, dimension=DIMENSION, embedder="e", min_free_bytes=0)
    draft = catalogue.open_draft()
    draft.upsert(CHUNKS, POINTS)
    draft.publish()
    return QdrantEdgeIndex(path, dimension=DIMENSION, embedder="e")


def test_the_embedded_index_is_compared_in_the_same_way_and_is_unreadable_once_it_is_closed(tmp_path: Path) -> None:
    index = published_index(tmp_path)

    assert compare_index(index, expected(*POINTS)).counts() == NONE_FOUND
    assert compare_index(index, expected(*POINTS[:2])).counts() == {**NONE_FOUND, "stale_hits": 1}

    index.close()
    findings = compare_index(index, expected(*POINTS))
    assert findings.counts() == {**NONE_FOUND, "unreadable": 1}
    assert "\n" not in findings.unreadable[0]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlDocumentStore]:
    opened = SqlDocumentStore(f"sqlite:///{tmp_path / 'documents.sqlite'}")
    yield opened
    opened.close()


CORPUS = Corpus(seed=3)
VERSIONS = {0: 0, 1: 0, 2: 0}


def fill(store: SqlDocumentStore, versions: dict[int, int]) -> None:
    for document in CORPUS.documents(versions):
        store.save([document])


@pytest.mark.parametrize(
    ("stored", "counts"),
    [
        (VERSIONS, NONE_FOUND),
        ({0: 0, 1: 0}, {**NONE_FOUND, "losses": 1}),
        ({**VERSIONS, 2: 1}, {**NONE_FOUND, "losses": 1}),
        ({**VERSIONS, 3: 0}, {**NONE_FOUND, "stale_hits": 1}),
    ],
)
def test_documents_are_those_of_a_state_to_the_letter(
    store: SqlDocumentStore, stored: dict[int, int], counts: dict[str, int]
) -> None:
    fill(store, stored)

    found = [document for category in Category for document in store.find(category)]

    assert compare_state(found, CORPUS, VERSIONS).counts() == counts


@pytest.mark.parametrize(
    ("found", "standing", "counts"),
    [
        (["new"], Standing(frozenset({"new"}), frozenset({"old"})), NONE_FOUND),
        ([], Standing(frozenset({"", "new"}), frozenset()), NONE_FOUND),
        ([], Standing(frozenset({"new"}), frozenset()), {**NONE_FOUND, "losses": 1}),
        (["half"], Standing(frozenset({"new"}), frozenset({"old"})), {**NONE_FOUND, "losses": 1}),
        (["old"], Standing(frozenset({"new"}), frozenset({"old"})), {**NONE_FOUND, "stale_hits": 1}),
        (["old"], Standing(frozenset({""}), frozenset({"old"})), {**NONE_FOUND, "stale_hits": 1}),
        (["new", "new"], Standing(frozenset({"new"}), frozenset()), {**NONE_FOUND, "duplicates": 1}),
    ],
)
def test_a_document_is_what_the_log_allows(found: list[str], standing: Standing, counts: dict[str, int]) -> None:
    assert compare_documents([("link", each) for each in found], {"link": standing}).counts() == counts


def test_a_document_of_which_the_log_knows_nothing_is_a_stale_hit() -> None:
    assert compare_documents([("link", "text")], {}).counts() == {**NONE_FOUND, "stale_hits": 1}


def test_deleted_words_are_found_in_any_file_of_a_home_but_its_models(tmp_path: Path) -> None:
    fill_bytes = b"\0" * 5_000
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "page_0.dat").write_bytes(fill_bytes + WORDS[0].encode() + fill_bytes)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.onnx").write_bytes(WORDS[0].encode())

    assert find_words(tmp_path, [WORDS[0]]).stale_hits == ("index/page_0.dat holds 1 deleted words",)
    assert find_words(tmp_path, [WORDS[1]]).n == 0
