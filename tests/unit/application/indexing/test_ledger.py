"""The ledger: what it keeps of a document, and what earlier releases kept."""

from rag_llm_system.application.indexing.ledger import Ledger, document_point_id
from rag_llm_system.domain.collections import LEDGER_COLLECTION
from rag_llm_system.domain.documents import Category, DocumentDigest
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex

DIGEST = DocumentDigest(
    id="1",
    category=Category.POSTS,
    author_id="ada",
    content_hash="abc",
    link="https://a",
    saved_at="2026-11-21",
)


def test_an_entry_holds_the_link_and_not_the_time() -> None:
    index = NumpyIndex(dimension=2)
    ledger = Ledger(index, settings_fingerprint="s")
    ledger.record([DIGEST])
    assert list(ledger.entries()) == [(DIGEST.model_copy(update={"saved_at": ""}), ledger.fingerprint(DIGEST))]
    before = [point.payload for point in index.scroll(LEDGER_COLLECTION)]
    ledger.record([DIGEST.model_copy(update={"saved_at": "2027-01-01"})])
    assert [point.payload for point in index.scroll(LEDGER_COLLECTION)] == before


def test_an_entry_of_the_first_release_is_read_and_still_counts() -> None:
    index = NumpyIndex(dimension=2)
    ledger = Ledger(index, settings_fingerprint="s")
    entry = {"id": "1", "category": "posts", "author_id": "ada", "content_hash": "abc"}
    fingerprint = "c0a8a2a5a5f0a6e6f6c7a7a8"
    point = IndexPoint(id=document_point_id(Category.POSTS, "1"), payload={**entry, "fingerprint": fingerprint})
    index.upsert(LEDGER_COLLECTION, [point])
    expected = DocumentDigest(id="1", category=Category.POSTS, author_id="ada", content_hash="abc")
    assert list(ledger.entries()) == [(expected, fingerprint)]
    assert ledger.fingerprint(expected) == ledger.fingerprint(DIGEST)
