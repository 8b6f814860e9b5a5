"""What of a corpus is in memory at a time, and how much goes through a call."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from rag_llm_system.application.indexing.indexer import Indexer, select_documents
from rag_llm_system.application.indexing.ledger import Ledger
from rag_llm_system.application.indexing.selection import IndexingReport
from rag_llm_system.domain.chunks import EmbeddedWindow, Window
from rag_llm_system.domain.cleaned_documents import CleanedDocument
from rag_llm_system.domain.collections import CLEANED_COLLECTIONS, COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import BackendError
from rag_llm_system.domain.index_points import EVERYTHING, IndexPoint, PointFilter, StoredPoint
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from tests.unit.application.indexing.test_indexer import WINDOWS, article, clean, cut, to_point

CLEANED = CLEANED_COLLECTIONS[Category.ARTICLES]


class NotingIndex(NumpyIndex):
    """Notes how many ids each filter had, and how many characters each call."""

    def __init__(self) -> None:
        super().__init__(dimension=2)
        self.n_ids: list[int] = []
        self.n_chars: list[int] = []

    def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        self.n_chars.append(sum(len(str(point.payload.get("text", ""))) for point in points))
        super().upsert(collection, points)

    def delete(self, collection: str, where: PointFilter) -> int:
        self._note(where)
        return super().delete(collection, where)

    def scroll(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[StoredPoint]:
        self._note(where)
        return super().scroll(collection, where)

    def count(self, collection: str, where: PointFilter = EVERYTHING) -> int:
        self._note(where)
        return super().count(collection, where)

    def _note(self, where: PointFilter) -> None:
        self.n_ids.append(len(where.ids or ()) + len(where.not_ids) + sum(map(len, where.any_of.values())))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlDocumentStore]:
    store = SqlDocumentStore(f"sqlite:///{tmp_path / 'documents.sqlite'}")
    yield store
    store.close()


@pytest.fixture
def index() -> NotingIndex:
    return NotingIndex()


def run(
    store: SqlDocumentStore,
    index: NotingIndex,
    events: list[str],
    *,
    n_batches_ahead: int = 0,
    n_windows_per_group: int = 1_024,
) -> IndexingReport:
    def noting_cut(document: CleanedDocument) -> list[Window]:
        events.append(f"cut {document.title}")
        return cut(document)

    def embed(windows: Sequence[Window]) -> list[EmbeddedWindow]:
        events.append(f"embed {len(windows)}")
        return [EmbeddedWindow(window, np.array([1, 0], np.float32)) for window in windows]

    indexer = Indexer(
        documents=store,
        index=index,
        ledger=Ledger(index, settings_fingerprint="a"),
        clean=clean,
        cut=noting_cut,
        embed=embed,
        to_point=to_point,
        n_windows_per_batch=4,
        n_windows_per_group=n_windows_per_group,
        n_batches_ahead=n_batches_ahead,
    )
    return indexer.load_embedded_chunks(indexer.load_cleaned_documents(select_documents(store, store)))


def test_a_document_is_cut_when_the_windows_of_those_before_are_stored(
    store: SqlDocumentStore, index: NotingIndex
) -> None:
    store.save([article("a", "x" * 80), article("b", "y" * 10), article("c", "z" * 10)])
    events: list[str] = []
    run(store, index, events)
    n_embedded = 0
    for number, event in enumerate(events):
        if event.startswith("embed"):
            n_embedded += int(event.split()[1])
        elif number:
            n_cut = sum({"a": 8, "b": 1, "c": 1}[name.split()[1]] for name in events[:number] if name[:3] == "cut")
            assert n_cut - n_embedded < 4
    assert n_embedded == 10


def test_windows_of_short_documents_are_embedded_together(store: SqlDocumentStore, index: NotingIndex) -> None:
    store.save([article(name, name * 10) for name in "abcdefgh"])
    events: list[str] = []
    run(store, index, events)
    assert [event for event in events if event.startswith("embed")] == ["embed 4", "embed 4"]


def test_embedding_ahead_changes_neither_the_index_nor_the_report(store: SqlDocumentStore) -> None:
    store.save([article(name, name * 35) for name in "abcdefghijklm"] + [article("n", "worse")])
    points, counts = [], []
    for n_batches_ahead in (0, 3):
        index = NotingIndex()
        report = run(store, index, [], n_batches_ahead=n_batches_ahead, n_windows_per_group=6)
        points.append([(point.id, point.payload) for name in COLLECTIONS for point in index.scroll(name)])
        counts.append(report.model_dump(exclude={"seconds"}))
    assert points[0] == points[1]
    assert counts[0] == counts[1]
    assert (counts[0]["n_windows"], len(counts[0]["failures"])) == (52, 1)


def test_documents_with_many_windows_are_recorded_before_the_batch_is_through(store: SqlDocumentStore) -> None:
    class Failing(NotingIndex):
        def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
            if collection == WINDOWS and self.count(WINDOWS) >= 24:
                raise BackendError("the index failed")
            super().upsert(collection, points)

    store.save([article(name, name * 40) for name in "abcdefgh"])
    index = Failing()
    with pytest.raises(BackendError):
        run(store, index, [], n_windows_per_group=6)
    unfinished = Ledger(index, settings_fingerprint="unfinished")
    done = [digest for digest, entry in unfinished.entries() if entry != unfinished.fingerprint(digest)]
    assert len(done) == 6


def test_no_call_grows_with_the_windows_of_a_document(store: SqlDocumentStore, index: NotingIndex) -> None:
    for n_chars in (25_000, 25_010, 10):
        store.save([article("a", "".join(f"{n:010}" for n in range(n_chars // 10)))])
        run(store, index, [])
    assert index.count(WINDOWS) == 1
    assert max(index.n_ids) == 1_000


def test_long_documents_are_stored_one_by_one_and_short_ones_together(
    store: SqlDocumentStore, index: NotingIndex
) -> None:
    store.save([article(name, "x" * n) for name, n in (("a", 2_500_000), ("b", 2_500_000), ("c", 10), ("d", 10))])
    indexer = Indexer(
        documents=store,
        index=index,
        ledger=Ledger(index, settings_fingerprint="a"),
        clean=clean,
        cut=cut,
        embed=lambda _: [],
        to_point=to_point,
    )
    assert indexer.load_cleaned_documents(select_documents(store, store)).n_chars == 5_000_020
    assert max(index.n_chars) <= 4_000_000
    assert len([n for n in index.n_chars if n]) == 2
    assert index.count(CLEANED) == 4
