"""The indexer: what is new, changed or gone, and what a killed run leaves behind."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from rag_llm_system.application.indexing.indexer import Indexer, select_documents
from rag_llm_system.application.indexing.ledger import Ledger
from rag_llm_system.application.indexing.selection import CleaningReport, IndexingReport
from rag_llm_system.application.indexing.tally import Progress
from rag_llm_system.domain.chunks import Chunk, EmbeddedWindow, Window, span_id
from rag_llm_system.domain.cleaned_documents import CleanedDocument
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS, CLEANED_COLLECTIONS, LEDGER_COLLECTION
from rag_llm_system.domain.documents import (
    ArticleContent,
    ArticleDocument,
    Category,
    Document,
    RepositoryDocument,
    document_id,
)
from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, InputError, NotFoundError
from rag_llm_system.domain.index_points import IndexPoint, PointFilter
from rag_llm_system.domain.users import UserDocument, user_id
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex

WINDOWS = CHUNK_COLLECTIONS[Category.ARTICLES]
Embed = Callable[[Sequence[Window]], list[EmbeddedWindow]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlDocumentStore]:
    store = SqlDocumentStore(f"sqlite:///{tmp_path / 'documents.sqlite'}")
    yield store
    store.close()


@pytest.fixture
def index() -> NumpyIndex:
    return NumpyIndex(dimension=2)


def article(name: str, text: str, author: str = "Ada Lovelace") -> ArticleDocument:
    return ArticleDocument(
        id=document_id(Category.ARTICLES, name),
        platform="test",
        link=name,
        author_id=user_id(author),
        author_full_name=author,
        content=ArticleContent(title=name, text=text),
    )


def clean(document: Document) -> CleanedDocument:
    text = document.content.text if isinstance(document, ArticleDocument) else "".join(document.content)
    if "bad" in text:
        raise InputError("the text cannot be cleaned")
    return CleanedDocument(
        id=document.id,
        category=document.category,
        title=document.link,
        text=text,
        platform=document.platform,
        link=document.link,
        author_id=document.author_id,
        author_full_name=document.author_full_name,
    )


def cut(document: CleanedDocument) -> list[Window]:
    """Gives a window for every ten characters."""
    if "worse" in document.text:
        raise InputError("the text cannot be cut")
    windows = []
    for start in range(0, len(document.text), 10):
        end = min(start + 10, len(document.text))
        name = span_id(document.id, start, end, document.text[start:end])
        windows.append(Window(name, Chunk(name, document, start, end), start, end))
    return windows


class CountingEmbedder:
    """Gives the same vector to every window, and fails at a given window."""

    def __init__(self, fails_at: int = 10**9) -> None:
        self.n_embedded = 0
        self._fails_at = fails_at

    def __call__(self, windows: Sequence[Window]) -> list[EmbeddedWindow]:
        self.n_embedded += len(windows)
        if self.n_embedded >= self._fails_at:
            raise BackendUnavailableError("the embedder is away")
        return [EmbeddedWindow(window, np.array([1, 0], np.float32)) for window in windows]


def to_point(embedded: EmbeddedWindow) -> IndexPoint:
    window = embedded.window
    payload = {"document_id": window.chunk.document.id, "author_id": window.chunk.document.author_id}
    return IndexPoint(window.id, payload, embedded.vector, window.text)


def run(
    store: SqlDocumentStore,
    index: NumpyIndex,
    *,
    embed: Embed | None = None,
    authors: Sequence[str] | None = None,
    settings: str = "a",
    on_progress: Progress | None = None,
) -> tuple[CleaningReport, IndexingReport]:
    indexer = Indexer(
        documents=store,
        index=index,
        ledger=Ledger(index, settings_fingerprint=settings),
        clean=clean,
        cut=cut,
        embed=embed or CountingEmbedder(),
        to_point=to_point,
        n_windows_per_batch=2,
        n_documents_per_batch=1,
    )
    cleaning = indexer.load_cleaned_documents(select_documents(store, store, authors))
    return cleaning, indexer.load_embedded_chunks(cleaning, on_progress=on_progress)


def test_everything_is_loaded_once_and_counted(store: SqlDocumentStore, index: NumpyIndex) -> None:
    store.save([article("a", "x" * 25), article("b", "y" * 10)])
    cleaning, report = run(store, index)
    assert (cleaning.n_cleaned, cleaning.n_chars) == (2, 35)
    assert (report.n_documents, report.n_windows, report.n_unchanged) == (2, 4, 0)
    assert report.totals[WINDOWS] == 4
    assert report.totals[CLEANED_COLLECTIONS[Category.ARTICLES]] == 2
    assert report.totals[LEDGER_COLLECTION] == 2


def test_what_is_loaded_is_counted_by_category_and_by_author(store: SqlDocumentStore, index: NumpyIndex) -> None:
    store.save([article("a", "x" * 25), article("b", "y" * 10), article("c", "z" * 15, "Alan Turing")])
    for author in ("Alan Turing", "Ada Lovelace"):
        store.get_or_create(author)
    selection = select_documents(store, store)
    assert selection.n_by_author == {"Ada Lovelace": 2, "Alan Turing": 1}
    _, report = run(store, index)
    assert report.by_category[Category.ARTICLES].model_dump() == {"n_documents": 3, "n_chunks": 6, "n_windows": 6}
    assert report.by_category[Category.POSTS].n_documents == 0
    assert report.n_windows_by_author == {"Ada Lovelace": 4, "Alan Turing": 2}


def test_a_document_whose_author_nobody_knows_is_counted_under_the_authors_id(store: SqlDocumentStore) -> None:
    store.save([article("a", "x")])
    assert select_documents(store, store).n_by_author == {user_id("Ada Lovelace"): 1}


def test_a_plan_tells_new_from_changed(store: SqlDocumentStore, index: NumpyIndex) -> None:
    store.save([article("a", "x" * 25), article("b", "y")])
    assert run(store, index)[0].plan.n_changed == 0
    store.save([article("a", "x" * 10), article("c", "z")])
    plan = run(store, index)[0].plan
    assert (plan.n_new, plan.n_changed, plan.n_unchanged) == (1, 1, 1)


def test_a_second_run_embeds_nothing(store: SqlDocumentStore, index: NumpyIndex) -> None:
    store.save([article("a", "x" * 25)])
    run(store, index)
    embed = CountingEmbedder()
    _, report = run(store, index, embed=embed)
    assert (embed.n_embedded, report.n_unchanged) == (0, 1)


def test_a_changed_document_leaves_no_old_window(store: SqlDocumentStore, index: NumpyIndex) -> None:
    store.save([article("a", "x" * 35), article("b", "z" * 10)])
    run(store, index)
    store.save([article("a", "x" * 10)])
    _, report = run(store, index)
    assert (report.n_documents, report.n_unchanged) == (1, 1)
    assert index.count(WINDOWS, PointFilter(any_of={"document_id": [article("a", "").id]})) == 1
    assert index.count(WINDOWS) == 2


def test_a_deleted_document_vanishes_from_every_collection(store: SqlDocumentStore, index: NumpyIndex) -> None:
    store.save([article("a", "x" * 35), article("b", "z" * 10)])
    run(store, index)
    store.delete(Category.ARTICLES, [article("a", "").id])
    _, report = run(store, index)
    assert report.n_gone == 1
    assert report.totals[WINDOWS] == report.totals[LEDGER_COLLECTION] == 1
    assert report.totals[CLEANED_COLLECTIONS[Category.ARTICLES]] == 1


def test_a_run_for_one_author_leaves_the_others_alone(store: SqlDocumentStore, index: NumpyIndex) -> None:
    for author in ("Ada Lovelace", "Alan Turing"):
        store.get_or_create(author)
    store.save([article("a", "x" * 10), article("b", "y" * 10, "Alan Turing")])
    run(store, index)
    store.delete(Category.ARTICLES, [article("a", "").id])
    _, report = run(store, index, authors=["alan  turing"])
    assert (report.n_gone, report.n_unchanged, index.count(WINDOWS)) == (0, 1, 2)


def test_an_unknown_author_is_refused_with_those_that_are_known(store: SqlDocumentStore) -> None:
    store.get_or_create("Ada Lovelace")
    with pytest.raises(NotFoundError, match="Known: Ada Lovelace"):
        select_documents(store, store, ["Grace Hopper"])


def test_changed_settings_make_everything_anew(store: SqlDocumentStore, index: NumpyIndex) -> None:
    store.save([article("a", "x" * 10)])
    run(store, index)
    assert run(store, index, settings="b")[1].n_documents == 1


def test_a_run_that_fails_half_way_is_completed_by_the_next(store: SqlDocumentStore, index: NumpyIndex) -> None:
    store.save([article(name, name * 35) for name in "abcde"])
    with pytest.raises(BackendUnavailableError):
        run(store, index, embed=CountingEmbedder(fails_at=11))
    embed = CountingEmbedder()
    _, report = run(store, index, embed=embed)
    assert 0 < report.n_unchanged < 5
    assert embed.n_embedded == 4 * (5 - report.n_unchanged)
    assert report.totals[WINDOWS] == 20
    assert report.totals[LEDGER_COLLECTION] == 5


def test_a_document_that_cannot_be_cleaned_stops_no_other(store: SqlDocumentStore, index: NumpyIndex) -> None:
    store.save([article("a", "bad"), article("b", "good")])
    cleaning, report = run(store, index)
    assert cleaning.failures == {f"articles/{article('a', '').id}": "the text cannot be cleaned"}
    assert (report.n_documents, report.totals[LEDGER_COLLECTION]) == (1, 1)


def test_equal_ids_in_two_categories_do_not_collide(store: SqlDocumentStore, index: NumpyIndex) -> None:
    same_id = article("a", "").id
    author = UserDocument.from_full_name("Ada Lovelace")
    repository = RepositoryDocument(
        id=same_id,
        platform="test",
        link="r",
        author_id=author.id,
        author_full_name=author.full_name,
        name="r",
        content={"x.py": "print()"},
    )
    store.save([article("a", "x" * 10), repository])
    assert run(store, index)[1].totals[LEDGER_COLLECTION] == 2
    assert run(store, index)[1].n_unchanged == 2


def test_equal_texts_of_two_documents_keep_both_attributions(store: SqlDocumentStore, index: NumpyIndex) -> None:
    ada, alan = article("a", "x" * 25), article("b", "x" * 25, "Alan Turing")
    store.save([ada, alan])
    run(store, index)
    attributions = {(ada.id, ada.author_id): 3, (alan.id, alan.author_id): 3}
    assert Counter(attributions_in(index)) == attributions
    store.delete(Category.ARTICLES, [ada.id])
    run(store, index)
    assert Counter(attributions_in(index)) == {(alan.id, alan.author_id): 3}


def attributions_in(index: NumpyIndex) -> list[tuple[str, str]]:
    return [(str(p.payload["document_id"]), str(p.payload["author_id"])) for p in index.scroll(WINDOWS)]


def test_a_document_that_moved_takes_its_windows_with_it(store: SqlDocumentStore, index: NumpyIndex) -> None:
    before, after = article("a", "x" * 25), article("moved", "x" * 25)
    store.save([before])
    run(store, index)
    store.save([after])
    store.delete(Category.ARTICLES, [before.id])
    _, report = run(store, index)
    assert (report.n_documents, report.n_gone) == (1, 1)
    assert Counter(attributions_in(index)) == {(after.id, after.author_id): 3}


def test_a_document_that_cannot_be_cut_stops_no_other_and_is_tried_again(
    store: SqlDocumentStore, index: NumpyIndex
) -> None:
    store.save([article("a", "worse"), article("b", "good")])
    _, report = run(store, index)
    assert list(report.failures.values()) == ["the text cannot be cut"]
    assert (report.n_documents, report.totals[LEDGER_COLLECTION]) == (1, 1)
    assert run(store, index)[1].n_unchanged == 1


def test_going_back_after_a_killed_run_leaves_no_window_of_either_side(
    store: SqlDocumentStore, index: NumpyIndex
) -> None:
    store.save([article("a", "x" * 100)])
    run(store, index)
    store.save([article("a", "y" * 100)])
    with pytest.raises(BackendUnavailableError):
        run(store, index, embed=CountingEmbedder(fails_at=5))
    store.save([article("a", "x" * 100)])
    assert run(store, index)[1].totals[WINDOWS] == 10


def test_a_document_that_changed_hands_is_not_gone(store: SqlDocumentStore, index: NumpyIndex) -> None:
    for author in ("Ada Lovelace", "Alan Turing"):
        store.get_or_create(author)
    store.save([article("a", "x" * 10)])
    run(store, index)
    store.save([article("a", "x" * 10, "Alan Turing")])
    assert run(store, index, authors=["Ada Lovelace"])[1].n_gone == 0
    assert index.count(WINDOWS) == 1


def test_a_document_that_became_unreadable_is_no_longer_found(store: SqlDocumentStore, index: NumpyIndex) -> None:
    store.save([article("a", "x" * 30), article("b", "y" * 30), article("c", "z" * 10)])
    run(store, index)
    store.save([article("a", "bad"), article("b", "worse")])
    cleaning, report = run(store, index)
    assert (len(cleaning.failures), len(report.failures)) == (1, 1)
    assert report.totals[WINDOWS] == report.totals[LEDGER_COLLECTION] == 1
    assert report.totals[CLEANED_COLLECTIONS[Category.ARTICLES]] == 1


@pytest.mark.parametrize("is_new", [True, False])
def test_what_a_killed_run_left_of_a_document_that_is_gone_since_is_taken_out(
    store: SqlDocumentStore, index: NumpyIndex, is_new: bool
) -> None:
    store.save([article("b", "y" * 10)])
    if not is_new:
        store.save([article("a", "w" * 60)])
    run(store, index)
    store.save([article("a", "x" * 60)])
    with pytest.raises(BackendUnavailableError):
        run(store, index, embed=CountingEmbedder(fails_at=5))
    store.delete(Category.ARTICLES, [article("a", "").id])
    _, report = run(store, index)
    assert report.n_gone == 1
    assert report.totals[WINDOWS] == report.totals[LEDGER_COLLECTION] == 1
    assert report.totals[CLEANED_COLLECTIONS[Category.ARTICLES]] == 1


def test_a_run_for_one_author_finishes_what_a_killed_run_left_of_another(
    store: SqlDocumentStore, index: NumpyIndex
) -> None:
    for author in ("Ada Lovelace", "Alan Turing"):
        store.get_or_create(author)
    store.save([article("a", "x" * 60), article("c", "z" * 60)])
    with pytest.raises(BackendUnavailableError):
        run(store, index, embed=CountingEmbedder(fails_at=5))
    store.save([article("b", "y" * 10, "Alan Turing")])
    cleaning, report = run(store, index, authors=["Alan Turing"])
    assert (cleaning.plan.n_new, cleaning.plan.n_changed, report.n_documents) == (3, 0, 3)
    assert report.totals[WINDOWS] == 13


def test_a_document_that_goes_while_the_run_is_at_work_is_taken_out(tmp_path: Path, index: NumpyIndex) -> None:
    class Going(SqlDocumentStore):
        """Has a document deleted between the comparison and the reading."""

        goes: tuple[str, ...] = ()

        def find(
            self, category: Category, *, ids: Sequence[str] | None = None, author_ids: Sequence[str] | None = None
        ) -> Iterator[Document]:
            self.delete(category, self.goes)
            return super().find(category, ids=ids, author_ids=author_ids)

    going = Going(f"sqlite:///{tmp_path / 'going.sqlite'}")
    going.save([article("a", "x" * 30), article("b", "y" * 30)])
    run(going, index)
    going.save([article("a", "z" * 20)])
    going.goes = (article("a", "").id,)
    assert run(going, index)[1].totals[LEDGER_COLLECTION] == 1
    assert index.count(WINDOWS) == 3
    going.close()


@pytest.mark.parametrize("fails_at", [CLEANED_COLLECTIONS[Category.ARTICLES], WINDOWS, LEDGER_COLLECTION])
def test_an_error_of_the_index_ends_the_run(store: SqlDocumentStore, fails_at: str) -> None:
    class Failing(NumpyIndex):
        def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
            if collection == fails_at:
                raise BackendError("the index failed")
            super().upsert(collection, points)

    store.save([article("a", "x" * 10)])
    with pytest.raises(BackendError, match="the index failed"):
        run(store, Failing(dimension=2))


def test_progress_counts_characters_never_back_and_reaches_the_end(store: SqlDocumentStore, index: NumpyIndex) -> None:
    store.save([article("a", "x" * 95), article("b", "worse"), article("c", "z" * 15)])
    seen: list[tuple[int, int]] = []
    run(store, index, on_progress=lambda n_done, n_total: seen.append((n_done, n_total)))
    assert {n_total for _, n_total in seen} == {115}
    assert [n_done for n_done, _ in seen] == sorted(n_done for n_done, _ in seen)
    assert {20, 40, 60, 80} <= {n_done for n_done, _ in seen}
    assert seen[-1] == (115, 115)
