"""Where raw documents and their authors are kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag_llm_system.domain.documents import Category, Document, DocumentDigest
from rag_llm_system.domain.users import UserDocument


@dataclass(frozen=True, slots=True)
class SaveOutcome:
    """How many of the documents that were given were new, changed, or already there to the letter."""

    n_new: int = 0
    n_changed: int = 0
    n_unchanged: int = 0

    def __add__(self, other: "SaveOutcome") -> "SaveOutcome":
        return SaveOutcome(
            self.n_new + other.n_new, self.n_changed + other.n_changed, self.n_unchanged + other.n_unchanged
        )


class DocumentStore(Protocol):
    """Raw documents. Safe to use from several threads; every call is one transaction, durable when it returns."""

    def save(self, documents: Sequence[Document]) -> SaveOutcome:
        """Inserts or replaces. A document whose category and link are known replaces that one and takes its id."""

    def find(
        self, category: Category, *, ids: Sequence[str] | None = None, author_ids: Sequence[str] | None = None
    ) -> Iterator[Document]:
        """Gives the documents in the order of their ids, a few in memory at a time; unknown ids are left out."""

    def digests(self, category: Category, *, author_ids: Sequence[str] | None = None) -> Iterator[DocumentDigest]:
        """Gives the digests in the order of their ids, without reading the documents."""

    def delete(self, category: Category, ids: Sequence[str]) -> int:
        """Removes the documents and says how many there were."""

    def count(self, category: Category) -> int:
        """Counts the documents."""

    def close(self) -> None:
        """Releases connections; the store is not used afterwards."""


class ErasingStore(Protocol):
    """Documents and authors that have to go without a trace. Doing it twice is the same as once.

    An adapter says where bytes may stay that are not its own: a server's journals, backups.
    """

    def erase(self, category: Category, ids: Sequence[str]) -> int:
        """Removes the documents, leaves no byte of them or of what they were before, and says how many there were.

        What was removed by `delete`, or by a call that failed, is erased as well: any call with ids, known or not,
        rewrites all that the store has written. Without ids nothing is done.

        Raises:
            BackendUnavailableError: others were reading all the time; the documents are gone, their bytes are not.
            DiskFullError: there is no room to rewrite the files; the documents are gone, their bytes are not.
            ConfigurationError: this user may not do that; the documents are gone where the message says so.
        """

    def erase_users(self, ids: Sequence[str]) -> int:
        """Does the same with authors, save for those who still have a document, and says how many went."""


class UserStore(Protocol):
    """Authors. Asking never creates one; `get_or_create` is for ingestion alone."""

    def get_or_create(self, full_name: str) -> UserDocument:
        """Gives the user of that name (case and repeated spaces do not count), made and stored if there is none."""

    def save_users(self, users: Iterable[UserDocument]) -> None:
        """Inserts or replaces by id."""

    def users(self) -> list[UserDocument]:
        """Gives all users in the order of their ids."""
