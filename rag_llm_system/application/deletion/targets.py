"""From criteria to all that they mean: documents, windows, links and authors, wherever any of it still stands.

A document may be gone from the document store and be in the index still, or in an older generation alone: each of them
is asked.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag_llm_system.application.indexing.ledger import document_point_id
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS, CLEANED_COLLECTIONS, LEDGER_COLLECTION
from rag_llm_system.domain.deletions import Criterion, DocumentReference, Targets
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.index_points import EVERYTHING, PointFilter
from rag_llm_system.domain.ports.document_store import DocumentStore, UserStore
from rag_llm_system.domain.ports.vector_index import VectorIndex
from rag_llm_system.domain.users import UserDocument, folded_name

_IDS_PER_FILTER = 256


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a store says of a document."""

    category: Category
    id: str
    link: str
    author_id: str
    author_full_name: str = ""


def resolve(
    criteria: Sequence[Criterion], documents: DocumentStore, users: UserStore, indexes: Sequence[VectorIndex]
) -> Targets:
    """Gives all that the criteria choose; nothing is changed. The first index is the one whose windows are counted.

    Raises:
        InputError: a criterion is blank.
    """
    wanted = _Wanted(criteria, users.users())
    facts = list(_stored(documents, wanted))
    for index in indexes:
        facts += _indexed(index, wanted)
    chosen = sorted({(found.category, found.id) for found in facts}, key=lambda key: (str(key[0]), key[1]))
    leaving = _leaving_users(wanted, documents, {*chosen})
    references = tuple(DocumentReference(category=category, id=id_) for category, id_ in chosen)
    return Targets(
        documents=references,
        links=tuple(sorted({found.link for found in facts if found.link})),
        author_ids=tuple(sorted(user.id for user in leaving)),
        author_names=tuple(sorted({user.full_name for user in leaving})),
        windows=n_windows(indexes[0], references) if indexes else {},
    )


def holding_filters(references: Iterable[DocumentReference]) -> Iterator[tuple[str, PointFilter]]:
    """Gives every collection that may hold something of these documents, with the filter that finds it there."""
    by_category: dict[Category, list[str]] = {category: [] for category in Category}
    for reference in references:
        by_category[reference.category].append(reference.id)
    for category, all_ids in by_category.items():
        for ids in id_parts(all_ids):
            points = [document_point_id(category, document_id) for document_id in ids]
            yield CHUNK_COLLECTIONS[category], PointFilter(any_of={"document_id": ids})
            yield CLEANED_COLLECTIONS[category], PointFilter(ids=points)
            yield LEDGER_COLLECTION, PointFilter(ids=points)


def n_held(index: VectorIndex, references: Iterable[DocumentReference]) -> dict[str, int]:
    """Counts by collection what an index holds of these documents."""
    counts: dict[str, int] = {}
    for collection, where in holding_filters(references):
        counts[collection] = counts.get(collection, 0) + index.count(collection, where)
    return counts


def n_windows(index: VectorIndex, references: Iterable[DocumentReference]) -> dict[str, int]:
    """Counts by chunk collection the windows of these documents."""
    chunks = {*CHUNK_COLLECTIONS.values()}
    return {name: n for name, n in n_held(index, references).items() if name in chunks}


def id_parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Gives the ids in parts that a filter takes."""
    for start in range(0, len(ids), _IDS_PER_FILTER):
        yield ids[start : start + _IDS_PER_FILTER]


class _Wanted:
    """The criteria, looked up in the list of users once."""

    def __init__(self, criteria: Sequence[Criterion], users: Sequence[UserDocument]) -> None:
        if any(not criterion.value.strip() for criterion in criteria):
            raise InputError("a document, link or author to be deleted is blank: say which one.")
        values = {kind: [c.value for c in criteria if c.kind == kind] for kind in ("document", "link", "author")}
        self.links = {*values["link"]}
        self._names = {folded_name(value) for value in values["author"]}
        self.users = [u for u in users if folded_name(u.full_name) in self._names or u.id in values["author"]]
        self.author_ids = sorted({*values["author"], *(user.id for user in self.users)})
        self.document_ids = {category: _ids_of(category, values["document"]) for category in Category}
        known = {folded_name(user.full_name) for user in self.users} | {user.id for user in self.users}
        self._has_unknown_names = bool(self._names - known)

    @property
    def needs_every_payload(self) -> bool:
        """Whether something is asked for by what no index can filter by."""
        return bool(self.links) or self._has_unknown_names

    def meets(self, facts: _Facts) -> bool:
        """Says whether a document meets any of the criteria."""
        return (
            facts.id in self.document_ids[facts.category]
            or facts.link in self.links
            or facts.author_id in self.author_ids
            or (facts.author_full_name != "" and folded_name(facts.author_full_name) in self._names)
        )


def _stored(documents: DocumentStore, wanted: _Wanted) -> Iterator[_Facts]:
    for category in Category:
        for digest in documents.digests(category):
            facts = _Facts(category, digest.id, digest.link, digest.author_id)
            if wanted.meets(facts):
                yield facts


def _indexed(index: VectorIndex, wanted: _Wanted) -> Iterator[_Facts]:
    for category in Category:
        for collection, where in _questions(category, wanted):
            for point in index.scroll(collection, where):
                facts = _facts(category, point.payload)
                if wanted.meets(facts):
                    yield facts


def _questions(category: Category, wanted: _Wanted) -> Iterator[tuple[str, PointFilter]]:
    """Gives what an index is asked, so that all that may meet the criteria is among the answers."""
    cleaned, chunks = CLEANED_COLLECTIONS[category], CHUNK_COLLECTIONS[category]
    for ids in id_parts(sorted(wanted.document_ids[category])):
        of_ids = PointFilter(ids=[document_point_id(category, document_id) for document_id in ids])
        yield cleaned, of_ids
        yield LEDGER_COLLECTION, of_ids
        yield chunks, PointFilter(any_of={"document_id": ids})
    if wanted.author_ids:
        of_authors = PointFilter(any_of={"author_id": wanted.author_ids})
        yield cleaned, of_authors
        yield chunks, of_authors
    if wanted.needs_every_payload:
        yield cleaned, EVERYTHING


def _facts(category: Category, payload: Mapping[str, Any]) -> _Facts:
    """Reads cleaned documents, windows and entries of the ledger alike."""
    document_id = payload.get("document_id") or payload.get("id") or ""
    link, author_id = payload.get("link") or "", payload.get("author_id") or ""
    return _Facts(category, document_id, link, author_id, payload.get("author_full_name") or "")


def _ids_of(category: Category, references: Iterable[str]) -> set[str]:
    """Gives the ids that are asked for and may be of that category: bare ones, and those that name it."""
    prefixes = tuple(f"{other}/" for other in Category)
    bare = {reference for reference in references if not reference.startswith(prefixes)}
    own = f"{category}/"
    return bare | {reference.removeprefix(own) for reference in references if reference.startswith(own)}


def _leaving_users(wanted: _Wanted, documents: DocumentStore, chosen: set[tuple[Category, str]]) -> list[UserDocument]:
    """Gives the authors that are asked for and of whom no document stays."""
    staying = {
        digest.author_id
        for category in Category
        for digest in documents.digests(category, author_ids=[user.id for user in wanted.users])
        if (category, digest.id) not in chosen
    }
    return [user for user in wanted.users if user.id not in staying]
