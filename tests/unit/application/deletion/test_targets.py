"""What criteria mean, which pieces are looked for, and what has been kept too long: on SQLite and a plain index."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from rag_llm_system.application.deletion.pieces import collect_pieces, text_pieces
from rag_llm_system.application.deletion.retention import find_expired
from rag_llm_system.application.deletion.targets import holding_filters, resolve
from rag_llm_system.application.indexing.ledger import Ledger, document_point_id
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS, CLEANED_COLLECTIONS
from rag_llm_system.domain.deletions import Criterion, DocumentReference, Targets
from rag_llm_system.domain.documents import Category, Document, DocumentDigest, PostDocument, document_id
from rag_llm_system.domain.errors import InputError, NotFoundError
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.domain.users import user_id
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex

TEXT = "What a post says is long enough to be cut into pieces, and says it without any quotes. " * 20


def post(name: str, author: str = "Ada Lovelace", text: str = TEXT) -> PostDocument:
    return PostDocument(
        id=document_id(Category.POSTS, name),
        platform="test",
        link=name,
        author_id=user_id(author),
        author_full_name=author,
        content=text,
    )


ONE, TWO, GRACES = post("https://a.org/1"), post("https://a.org/2"), post("https://a.org/3", "Grace Hopper")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlDocumentStore]:
    store = SqlDocumentStore(f"sqlite:///{tmp_path / 'documents.sqlite'}")
    for document in (ONE, TWO, GRACES):
        store.get_or_create(document.author_full_name)
    store.save([ONE, TWO, GRACES])
    yield store
    store.close()


@pytest.fixture
def index() -> NumpyIndex:
    return NumpyIndex(dimension=16)


def add(index: NumpyIndex, document: Document, seed: int = 0) -> None:
    """Indexes a document with one window."""
    facts = {"author_id": document.author_id, "author_full_name": document.author_full_name, "link": document.link}
    point_id = document_point_id(document.category, document.id)
    index.upsert(
        CLEANED_COLLECTIONS[document.category],
        [IndexPoint(point_id, {"id": document.id, "text": str(document.content), **facts})],
    )
    vector = np.random.default_rng(seed).standard_normal(16).astype(np.float32)
    window = IndexPoint(document.id, {"document_id": document.id, **facts}, vector / np.linalg.norm(vector), "words")
    index.upsert(CHUNK_COLLECTIONS[document.category], [window])
    digest = DocumentDigest(
        id=document.id, category=document.category, author_id=document.author_id, content_hash="", link=document.link
    )
    Ledger(index, settings_fingerprint="a").record([digest])


def chosen(store: SqlDocumentStore, index: NumpyIndex, *criteria: tuple[str, str]) -> Targets:
    asked = [Criterion.model_validate({"kind": kind, "value": value}) for kind, value in criteria]
    return resolve(asked, store, store, [index])


@pytest.mark.parametrize("value", [ONE.id, f"posts/{ONE.id}"])
def test_an_id_chooses_with_and_without_its_category(store: SqlDocumentStore, index: NumpyIndex, value: str) -> None:
    assert chosen(store, index, ("document", value)).documents == (reference(ONE),)


def test_an_id_of_another_category_chooses_nothing(store: SqlDocumentStore, index: NumpyIndex) -> None:
    assert chosen(store, index, ("document", f"articles/{ONE.id}")).documents == ()


def test_criteria_add_up(store: SqlDocumentStore, index: NumpyIndex) -> None:
    targets = chosen(store, index, ("link", ONE.link), ("author", "grace hopper"), ("document", ONE.id))
    assert targets.documents == tuple(sorted([reference(ONE), reference(GRACES)], key=lambda r: r.id))
    assert targets.links == (ONE.link, GRACES.link)


def test_an_author_of_whom_nothing_stays_goes_too(store: SqlDocumentStore, index: NumpyIndex) -> None:
    assert chosen(store, index, ("author", "GRACE hopper")).author_names == ("Grace Hopper",)
    assert chosen(store, index, ("author", "Ada Lovelace")).author_ids == (ONE.author_id,)
    assert chosen(store, index, ("document", GRACES.id)).author_ids == ()


@pytest.mark.parametrize(
    ("kind", "value"),
    [("link", ONE.link), ("document", ONE.id), ("author", "ada lovelace"), ("author", ONE.author_id)],
)
def test_what_only_an_index_has_is_chosen(tmp_path: Path, index: NumpyIndex, kind: str, value: str) -> None:
    add(index, ONE)
    add(index, GRACES)
    empty = SqlDocumentStore(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    targets = chosen(empty, index, (kind, value))
    empty.close()
    assert targets.documents == (reference(ONE),)
    assert targets.windows == {CHUNK_COLLECTIONS[Category.POSTS]: 1}


def test_a_blank_criterion_is_refused(store: SqlDocumentStore, index: NumpyIndex) -> None:
    with pytest.raises(InputError, match="blank"):
        chosen(store, index, ("link", " "))


def test_many_documents_are_asked_for_in_parts() -> None:
    references = [DocumentReference(category=Category.POSTS, id=str(number)) for number in range(1_000)]
    filters = list(holding_filters(references))
    assert len(filters) == 12
    assert sum(len(where.any_of["document_id"]) for _, where in filters if where.any_of) == 1_000


def test_pieces_are_taken_of_everything_that_is_kept(store: SqlDocumentStore, index: NumpyIndex) -> None:
    add(index, ONE, seed=1)
    add(index, TWO, seed=2)
    pieces = collect_pieces(chosen(store, index, ("link", ONE.link)), store, [], [index])
    assert {len(piece) for piece in pieces["text"]} == {32}
    assert all(piece.decode() in TEXT for piece in pieces["text"])
    assert ONE.id.encode()[-32:] in [*pieces["ids"]]
    assert len([*pieces["vectors"]]) == 2


def test_a_vector_that_another_window_has_too_is_no_piece(store: SqlDocumentStore, index: NumpyIndex) -> None:
    add(index, ONE, seed=1)
    add(index, TWO, seed=1)
    assert not [*collect_pieces(chosen(store, index, ("link", ONE.link)), store, [], [index])["vectors"]]


def test_pieces_are_spread_over_a_text_and_are_not_too_many() -> None:
    text = "\n".join(f'"quoted" line {number:05d} and some more words of it' for number in range(5_000))
    pieces = text_pieces([text], 16)
    assert len(pieces) == 16
    assert all(b'"' not in piece and b"\n" not in piece for piece in pieces)
    places = [text.index(piece.decode()) for piece in pieces]
    assert min(places) < len(text) / 10
    assert max(places) > len(text) * 0.9


@pytest.mark.parametrize("text", ["", "short", "-" * 400, "é" * 400, '"quoted" ' * 100])
def test_what_has_no_plain_run_has_no_piece(text: str) -> None:
    assert text_pieces([text], 16) == []


def test_an_address_is_a_piece_only_where_there_is_no_prose() -> None:
    address = "https://example.org/a/very/long/path/to/somewhere"
    assert all(b"//" not in piece for piece in text_pieces([f"{address}\n{TEXT}"], 64))
    assert text_pieces([address], 64) == [address[:32].encode()]


def test_what_was_kept_too_long_is_found(store: SqlDocumentStore) -> None:
    now = datetime.now(UTC)
    assert find_expired(store, store, saved_before=now - timedelta(days=1)).criteria == ()
    later = now + timedelta(minutes=1)
    assert len(find_expired(store, store, saved_before=later).criteria) == 3
    assert find_expired(store, store, saved_before=later, categories=[Category.ARTICLES]).criteria == ()
    (one,) = find_expired(store, store, saved_before=later, author_full_name="grace  hopper").criteria
    assert one == Criterion(kind="document", value=f"posts/{GRACES.id}")
    with pytest.raises(NotFoundError, match="no author"):
        find_expired(store, store, saved_before=later, author_full_name="Nobody")


def reference(document: Document) -> DocumentReference:
    return DocumentReference(category=document.category, id=document.id)


def test_a_file_is_looked_for_by_its_path_too() -> None:
    targets = Targets(documents=(), links=("file:///home/ada/my%20notes.md", "https://a.org/1"))
    assert targets.needles() == ["/home/ada/my notes.md", "file:///home/ada/my%20notes.md", "https://a.org/1"]
