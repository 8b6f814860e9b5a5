"""What a deletion that can be proved asks of the outside world, beside the stores themselves."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from rag_llm_system.domain.deletions import FileScan, Intent, Receipt
from rag_llm_system.domain.fingerprints import Fingerprints
from rag_llm_system.domain.ports.document_store import DocumentStore, ErasingStore, UserStore
from rag_llm_system.domain.ports.vector_index import PointSource, VectorIndex


class ErasableDocuments(DocumentStore, ErasingStore, UserStore, Protocol):
    """Raw documents and their authors, in a store that can erase them."""


class OpenedGeneration(VectorIndex, PointSource, Protocol):
    """A generation that is looked into."""


class OpenGeneration(Protocol):
    """Opens one generation of the index to be read, and closes it."""

    def __call__(self, number: int, /) -> AbstractContextManager[OpenedGeneration]:
        """Gives the generation.

        Raises:
            NotFoundError: there is no such generation.
        """


class FileScanner(Protocol):
    """Reads all files of the home, byte by byte."""

    def scan(self, fingerprints: Fingerprints) -> list[FileScan]:
        """Says what is found, store by store in the order of their names. Models and deletions at work are left out.

        Raises:
            BackendError: a file cannot be read: what is not read is not proved.
        """


class RunHistory(Protocol):
    """A place where runs of pipelines are written down, with what they were given and what they reported."""

    @property
    def name(self) -> str:
        """What people call it."""

    def count(self, needles: Sequence[str]) -> int:
        """Counts the runs, and what has no run, that name any of these ids, links or names."""

    def forget(self, needles: Sequence[str]) -> int:
        """Removes those, their files too, leaves no byte of them, and says how many there were."""


class ReceiptSigner(Protocol):
    """Signs receipts by Ed25519 (RFC 8032)."""

    def public_key(self, *, create: bool = False) -> str:
        """Gives the public key (hex); made at first use where `create` says so, "" where there is none."""

    def sign(self, message: bytes) -> str:
        """Gives the signature (hex); the key is made at first use."""

    def holds(self, public_key: str, signature: str, message: bytes) -> bool:
        """Says whether the signature is that key's over that message."""


class DeletionRecords(Protocol):
    """Where deletions at work and receipts are kept. What a call has written survives a kill."""

    def alone(self) -> AbstractContextManager[None]:
        """Keeps other processes from deleting meanwhile.

        Raises:
            IndexBusyError: another process is deleting.
        """

    def pending(self) -> list[Intent]:
        """Gives the deletions that have begun and not ended, the oldest first."""

    def begin(self, intent: Intent) -> None:
        """Writes down that a deletion begins; twice the same replaces."""

    def end(self, receipt: Receipt) -> Path:
        """Keeps the receipt, and only then takes the deletion out of those at work. Gives the receipt's file."""
