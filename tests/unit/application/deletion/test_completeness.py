"""A draft that lacks what the index has is not published by a deletion."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_llm_system.application.deletion.completeness import require_complete
from rag_llm_system.application.indexing.ledger import Ledger
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.deletions import DocumentReference, Targets
from rag_llm_system.domain.documents import Category, Document, DocumentDigest
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.index_points import EVERYTHING
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from tests.unit.application.deletion.test_targets import GRACES, ONE, TWO, add, post

WINDOWS = CHUNK_COLLECTIONS[Category.POSTS]
TARGETS = Targets(documents=(DocumentReference(category=Category.POSTS, id=ONE.id),))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlDocumentStore]:
    store = SqlDocumentStore(f"sqlite:///{tmp_path / 'documents.sqlite'}")
    store.save([ONE, TWO])
    yield store
    store.close()


def index_of(*documents: object) -> NumpyIndex:
    index = NumpyIndex(dimension=16)
    for document in documents:
        add(index, document)  # type: ignore[arg-type]
    return index


def test_a_draft_may_lack_what_is_to_go_and_what_is_gone(store: SqlDocumentStore) -> None:
    require_complete(index_of(TWO), [index_of(ONE, TWO, GRACES)], store, TARGETS)
    require_complete(index_of(), [], store, TARGETS)


def test_a_draft_that_lacks_another_document_is_refused_whatever_else_it_has(store: SqlDocumentStore) -> None:
    others = [post(f"https://b.org/{number}") for number in range(3)]
    with pytest.raises(InputError, match="unfinished build"):
        require_complete(index_of(ONE, *others), [index_of(ONE, TWO)], store, TARGETS)


def test_a_draft_that_has_a_document_without_its_windows_is_refused(store: SqlDocumentStore) -> None:
    draft = index_of(ONE, TWO)
    draft.delete(WINDOWS, EVERYTHING)
    with pytest.raises(InputError, match="unfinished build"):
        require_complete(draft, [index_of(ONE, TWO)], store, TARGETS)


def test_a_draft_with_a_document_half_way_in_is_refused_unless_that_one_goes(store: SqlDocumentStore) -> None:
    draft = index_of(ONE, TWO)
    note_unfinished(draft, ONE)
    require_complete(draft, [index_of(ONE, TWO)], store, TARGETS)
    note_unfinished(draft, TWO)
    with pytest.raises(InputError, match="half way in: end it by"):
        require_complete(draft, [index_of(ONE, TWO)], store, TARGETS)


def note_unfinished(index: NumpyIndex, document: Document) -> None:
    """As the indexer does before it writes anything of a document."""
    digest = DocumentDigest(
        id=document.id,
        category=document.category,
        author_id=document.author_id,
        content_hash=document.content_hash(),
    )
    Ledger(index, settings_fingerprint="unfinished").record([digest])
