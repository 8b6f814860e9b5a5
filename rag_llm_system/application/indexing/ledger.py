"""The ledger: which documents are wholly in the index, and in which state.

It is a collection of the index itself, so that the two cannot drift apart: whoever deletes the index deletes the
ledger. An entry says "unfinished" before the first write and is completed after the last window; a run that was killed
leaves unfinished entries, and the next run does those again.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Sequence

from rag_llm_system.domain.collections import LEDGER_COLLECTION
from rag_llm_system.domain.documents import Category, DocumentDigest
from rag_llm_system.domain.index_points import EVERYTHING, IndexPoint, PointFilter
from rag_llm_system.domain.ports.vector_index import VectorIndex

_NAMESPACE = uuid.UUID("3f4a1d0e-6b7c-5a55-9a3b-8c7d2e1f0a99")


class Ledger:
    """The entries of the ledger. A digest's fingerprint is its content together with the settings it was indexed with.

    Args:
        index: where the ledger's collection is.
        settings_fingerprint: changes when documents have to be cut and embedded anew though their text is the same.
    """

    def __init__(self, index: VectorIndex, *, settings_fingerprint: str) -> None:
        self._index = index
        self._settings_fingerprint = settings_fingerprint

    def entries(self, author_ids: Sequence[str] | None = None) -> Iterator[tuple[DocumentDigest, str]]:
        """Gives what the index holds, with the fingerprint that each document was indexed at."""
        where = EVERYTHING if author_ids is None else PointFilter(any_of={"author_id": author_ids})
        for point in self._index.scroll(LEDGER_COLLECTION, where):
            payload = dict(point.payload)
            fingerprint = payload.pop("fingerprint")
            yield DocumentDigest.model_validate(payload), fingerprint

    def record(self, digests: Sequence[DocumentDigest]) -> None:
        """Notes that these documents are wholly in the index."""
        self._index.upsert(
            LEDGER_COLLECTION,
            [
                IndexPoint(
                    id=document_point_id(digest.category, digest.id),
                    # When it was stored is left out: the same documents and settings give the same index.
                    payload={
                        **digest.model_dump(mode="json", exclude={"saved_at"}),
                        "fingerprint": self.fingerprint(digest),
                    },
                )
                for digest in digests
            ],
        )

    def forget(self, digests: Iterable[DocumentDigest]) -> None:
        """Notes that these documents are no longer in the index."""
        ids = [document_point_id(digest.category, digest.id) for digest in digests]
        self._index.delete(LEDGER_COLLECTION, PointFilter(ids=ids))

    def fingerprint(self, digest: DocumentDigest) -> str:
        """Gives the SHA-256 (hex) of a document's content and of the settings."""
        return hashlib.sha256(f"{digest.content_hash}\n{self._settings_fingerprint}".encode()).hexdigest()


def document_point_id(category: Category, document_id: str) -> str:
    """Gives the UUID under which a document (not a window) stands in the index, whatever its own id looks like."""
    return str(uuid.uuid5(_NAMESPACE, f"{category}\n{document_id}"))
