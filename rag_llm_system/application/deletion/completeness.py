"""Whether a deletion may publish a draft: one that was left by an unfinished build may lack most of the index."""

from collections.abc import Sequence

from rag_llm_system.application.deletion.targets import id_parts
from rag_llm_system.application.indexing.ledger import Ledger, document_point_id
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS, CLEANED_COLLECTIONS, LEDGER_COLLECTION
from rag_llm_system.domain.deletions import Targets
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.index_points import PointFilter
from rag_llm_system.domain.ports.document_store import DocumentStore
from rag_llm_system.domain.ports.vector_index import VectorIndex

_UNFINISHED = "unfinished"
"""What the indexer notes documents with before their last window is in."""


def require_complete(
    draft: VectorIndex, live: Sequence[VectorIndex], documents: DocumentStore, targets: Targets
) -> None:
    """Makes sure that publishing the draft takes no document from the index but what is to go, or is gone already.

    Args:
        live: the generation that questions are answered from; none where there is none yet: nothing is published then.

    Raises:
        InputError: the draft lacks documents, or all windows of some, that the index has and the document store too;
            or some that are to stay are half in it.
    """
    for index in live:
        _require_finished(draft, targets)
        for category in Category:
            staying = {digest.id for digest in documents.digests(category)} - {*targets.ids_of(category)}
            indexed = [document_id for document_id in _indexed_ids(index, category) if document_id in staying]
            for ids in id_parts(indexed):
                if _lacks_documents(draft, index, category, ids) or _lacks_windows(draft, index, category, ids):
                    what = "an unfinished build of the index lacks documents that are not to go"
                    raise InputError(f"{what}: end it by ./poe index build, then delete. The index is as it was.")


def _require_finished(draft: VectorIndex, targets: Targets) -> None:
    """Makes sure that no document that stays is in the draft by half: windows of two versions may stand there."""
    going = {(reference.category, reference.id) for reference in targets.documents}
    unfinished = Ledger(draft, settings_fingerprint=_UNFINISHED)
    for digest, fingerprint in unfinished.entries():
        if fingerprint == unfinished.fingerprint(digest) and (digest.category, digest.id) not in going:
            what = "an unfinished build of the index has documents half way in"
            end_it = "end it by ./poe run-feature-engineering-pipeline or ./poe index build"
            raise InputError(f"{what}: {end_it}, then delete. The index is as it was.")


def _indexed_ids(index: VectorIndex, category: Category) -> list[str]:
    """Gives the ids of the documents that are in an index, by its ledger."""
    payloads = (point.payload for point in index.scroll(LEDGER_COLLECTION))
    return [str(payload["id"]) for payload in payloads if payload.get("category") == category]


def _lacks_documents(draft: VectorIndex, index: VectorIndex, category: Category, ids: Sequence[str]) -> bool:
    where = PointFilter(ids=[document_point_id(category, document_id) for document_id in ids])
    collection = CLEANED_COLLECTIONS[category]
    return draft.count(collection, where) < index.count(collection, where)


def _lacks_windows(draft: VectorIndex, index: VectorIndex, category: Category, ids: Sequence[str]) -> bool:
    """Says whether a document has windows in the index and none in the draft; a shorter one may have fewer."""
    collection = CHUNK_COLLECTIONS[category]
    everything = PointFilter(any_of={"document_id": ids})
    if draft.count(collection, everything) >= index.count(collection, everything):
        return False
    each = (PointFilter(any_of={"document_id": [document_id]}) for document_id in ids)
    return any(not draft.count(collection, where) and index.count(collection, where) for where in each)
