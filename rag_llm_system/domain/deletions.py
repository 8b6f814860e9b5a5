"""Deletions: what is asked to go, what that is, and the receipt that says it went."""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.fingerprints import Fingerprints

CriterionKind = Literal["document", "link", "author"]


class Criterion(BaseModel):
    """One thing by which documents are chosen. What meets any criterion of a list is chosen.

    Args:
        kind: "document": an id, or category/id where several categories have it; "link": the whole link;
            "author": a full name in any spelling, or the id of an author.
        value: what it must be.
    """

    model_config = ConfigDict(frozen=True)

    kind: CriterionKind
    value: str


class DocumentReference(BaseModel):
    """A document that is to go."""

    model_config = ConfigDict(frozen=True)

    category: Category
    id: str


class Targets(BaseModel):
    """All that is to go, by its ids and names; no text.

    Args:
        documents: in the order of category and id.
        links: of those documents.
        author_ids: of users who go as well, since nothing of theirs stays.
        author_names: of those users.
        windows: how many windows by chunk collection.
    """

    model_config = ConfigDict(frozen=True)

    documents: tuple[DocumentReference, ...]
    links: tuple[str, ...] = ()
    author_ids: tuple[str, ...] = ()
    author_names: tuple[str, ...] = ()
    windows: Mapping[str, int] = {}

    def ids_of(self, category: Category) -> list[str]:
        """Gives the ids of the documents of one category."""
        return [document.id for document in self.documents if document.category == category]

    def needles(self) -> list[str]:
        """Gives every word that must not be left in a history of runs."""
        ids = [document.id for document in self.documents]
        return sorted({word for word in (*ids, *self.spelled_links(), *self.author_ids, *self.author_names) if word})

    def spelled_links(self) -> list[str]:
        """Gives the links, and the paths of those that lead to files: a run was given the path."""
        paths = (unquote(link.removeprefix("file://")) for link in self.links if link.startswith("file:///"))
        return sorted({*self.links, *paths})


class FileScan(BaseModel):
    """What was found in the files of one store.

    Args:
        store: the name of a file or folder in the home.
        n_files: how many were read.
        n_bytes: how much; holes of sparse files are not read.
        found: how many different fingerprints of each kind were found.
        files: those with anything in them, by their paths in the home, with the number found there.
    """

    model_config = ConfigDict(frozen=True)

    store: str
    n_files: int
    n_bytes: int
    found: Mapping[str, int] = {}
    files: Mapping[str, int] = {}

    @property
    def n_found(self) -> int:
        """How many fingerprints were found, of any kind."""
        return sum(self.found.values())


class Intent(BaseModel):
    """A deletion that has begun: all that is needed to end it, whatever is gone already.

    Args:
        id: of the deletion.
        begun_at: ISO 8601, UTC.
        criteria: a salted hash of each criterion, as in the receipt.
        before: how many things each store held of the targets.
        generations: all that there were.
        scans_before: what the files held.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    begun_at: str
    criteria: tuple[tuple[str, str], ...]
    targets: Targets
    fingerprints: Fingerprints
    before: Mapping[str, int]
    generations: tuple[int, ...]
    scans_before: tuple[FileScan, ...]


class StoreCount(BaseModel):
    """How many things a store held of what was deleted, before and afterwards."""

    model_config = ConfigDict(frozen=True)

    store: str
    before: int
    after: int


class Receipt(BaseModel):
    """Says what was deleted, and how it was made sure of. It holds ids and counts; no name, no link, no text.

    Args:
        format: of this receipt.
        id: of the deletion.
        deleted_at: ISO 8601, UTC.
        version: of this system.
        criteria: for each, its kind and the SHA-256 (hex) over the salt of the fingerprints, a zero byte, the kind, a
            zero byte and the value.
        documents: what went.
        author_ids: of users who went as well.
        windows: how many windows went, by collection.
        stores: what each store held.
        generations_dropped: their numbers.
        fingerprints: of what went.
        scans_before: what the files held: that the fingerprints were found then is what makes "not found" a proof.
        scans_after: what they hold now.
        not_looked_into: places that may hold something and could not be asked; left out of what is signed where none.
        public_key: Ed25519 (RFC 8032), hex.
        signature: over all the rest as canonical JSON, hex; "" before it is signed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    id: str
    deleted_at: str
    version: str
    criteria: tuple[tuple[str, str], ...]
    documents: tuple[DocumentReference, ...]
    author_ids: tuple[str, ...]
    windows: Mapping[str, int]
    stores: tuple[StoreCount, ...]
    generations_dropped: tuple[int, ...]
    fingerprints: Fingerprints
    scans_before: tuple[FileScan, ...]
    scans_after: tuple[FileScan, ...]
    not_looked_into: tuple[str, ...] = ()
    public_key: str
    signature: str = ""

    @property
    def n_left(self) -> int:
        """How much was left when it was signed."""
        return sum(count.after for count in self.stores) + sum(scan.n_found for scan in self.scans_after)
