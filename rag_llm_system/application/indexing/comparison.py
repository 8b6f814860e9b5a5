"""What is new, changed, unfinished or gone: the document store compared with the ledger of an index."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from rag_llm_system.application.indexing.ledger import Ledger
from rag_llm_system.application.indexing.selection import DocumentSelection, IndexPlan
from rag_llm_system.domain.documents import Category, DocumentDigest
from rag_llm_system.domain.ports.document_store import DocumentStore


class PackedDigests:
    """Digests by category, as JSON: 0.3 KB each, and not the 1.6 KB that one takes as an object."""

    def __init__(self) -> None:
        self._packed: dict[Category, list[bytes]] = {category: [] for category in Category}

    def __len__(self) -> int:
        return sum(map(len, self._packed.values()))

    def add(self, digest: DocumentDigest) -> None:
        """Puts a digest behind those of its category, without the time when its document was stored."""
        self._packed[digest.category].append(digest.model_dump_json(exclude={"saved_at"}).encode())

    def batches(self, n_documents: int) -> Iterator[tuple[Category, list[DocumentDigest]]]:
        """Gives up to so many digests at a time, all of one category."""
        for category, packed in self._packed.items():
            for start in range(0, len(packed), n_documents):
                some = packed[start : start + n_documents]
                yield category, [DocumentDigest.model_validate_json(each) for each in some]


@dataclass(slots=True)
class Comparison:
    """What a run has to do. `n_changed` of those to be done stand in the index as they were before."""

    to_do: PackedDigests = field(default_factory=PackedDigests)
    gone: PackedDigests = field(default_factory=PackedDigests)
    n_changed: int = 0
    n_unchanged: int = 0

    @property
    def plan(self) -> IndexPlan:
        """The same in numbers."""
        return IndexPlan(
            n_new=len(self.to_do) - self.n_changed,
            n_changed=self.n_changed,
            n_unchanged=self.n_unchanged,
            n_gone=len(self.gone),
        )


def compare(documents: DocumentStore, selection: DocumentSelection, ledger: Ledger, unfinished: Ledger) -> Comparison:
    """Compares the selected documents, as they are now, with the ledger.

    What an earlier run left unfinished is to be done, whoever wrote it: nobody shall find half a document. In memory
    are a key and a fingerprint for each entry of the ledger, and the digests of what is to be done.

    Args:
        documents: the document store.
        selection: whose documents.
        ledger: of what is wholly in the index.
        unfinished: the same ledger, as unfinished documents are noted in it.
    """
    known = {
        document_key(digest): b"" if fingerprint == unfinished.fingerprint(digest) else bytes.fromhex(fingerprint)
        for digest, fingerprint in ledger.entries()
    }
    comparison = Comparison()
    for digest in _digests(documents, selection):
        fingerprint = known.pop(document_key(digest), None)
        if fingerprint == bytes.fromhex(ledger.fingerprint(digest)):
            comparison.n_unchanged += 1
        else:
            comparison.to_do.add(digest)
            comparison.n_changed += bool(fingerprint)
    if selection.author_ids is not None:
        _take_out_other_authors(known, ledger, selection.author_ids)
        _add_unfinished(comparison.to_do, known, documents)
    for digest, _ in ledger.entries() if known else ():
        if document_key(digest) in known:
            comparison.gone.add(digest)
    return comparison


def document_key(digest: DocumentDigest) -> str:
    """Gives "category/document id"."""
    return f"{digest.category}/{digest.id}"


def _digests(documents: DocumentStore, selection: DocumentSelection) -> Iterator[DocumentDigest]:
    return chain.from_iterable(documents.digests(category, author_ids=selection.author_ids) for category in Category)


def _take_out_other_authors(known: dict[str, bytes], ledger: Ledger, author_ids: tuple[str, ...]) -> None:
    """Leaves what is these authors', and what is unfinished."""
    for digest, _ in ledger.entries() if known else ():
        key = document_key(digest)
        if known.get(key) and digest.author_id not in author_ids:
            del known[key]


def _add_unfinished(to_do: PackedDigests, known: dict[str, bytes], documents: DocumentStore) -> None:
    """Adds the unfinished documents of other authors, and leaves of what is known what is stored no longer.

    A document that was these authors' may be another one's now: it is not gone.
    """
    for digest in _digests(documents, DocumentSelection()) if known else ():
        if known.pop(document_key(digest), None) == b"":
            to_do.add(digest)
