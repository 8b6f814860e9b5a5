"""One file that holds everything, and the files of an index that go into it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from rag_llm_system.domain.backups import BackupDescription
from rag_llm_system.domain.documents import Document
from rag_llm_system.domain.ports.document_store import SaveOutcome

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is."""


@runtime_checkable
class DatedStore(Protocol):
    """A document store that can take documents as stored at an earlier time: retention does not start again."""

    def save_dated(self, documents: Sequence[Document], saved_at: Mapping[str, str]) -> SaveOutcome:
        """Inserts or replaces as `DocumentStore.save` does.

        Args:
            documents: what is saved.
            saved_at: when each was stored, by the id it is given with; see `DocumentDigest`. "" or none: now.
        """


class BackupWriter(Protocol):
    """An archive that is being written, member by member, under names with slashes."""

    def add(self, name: str, body: bytes) -> None:
        """Adds a member.

        Raises:
            DiskFullError: there is no room.
        """

    def add_file(self, name: str, path: Path, on_bytes: Callable[[int], None]) -> None:
        """Adds a file, a block in memory at a time; `on_bytes` is told how many more are done.

        Raises:
            DiskFullError: there is no room.
        """

    def complete(self, description: BackupDescription) -> None:
        """Adds the manifest: the description, and size and SHA-256 of every member."""


class BackupMember(Protocol):
    """A member of an archive while it is read. What of it is not read is checked all the same."""

    @property
    def name(self) -> str:
        """Relative, with slashes, without "." and ".."."""

    @property
    def size_bytes(self) -> int:
        """Its length."""

    def blocks(self) -> Iterator[bytes]:
        """Gives its bytes, of which none were given before, a block at a time."""


class BackupReader(Protocol):
    """An archive that is read from beginning to end, as often as it is asked for."""

    def members(self, on_progress: Progress | None = None) -> Iterator[BackupMember]:
        """Gives the members in the order in which they were added. Only at the end is everything known to be sound.

        Raises:
            InputError: it is no archive of this system.
            ConfigurationError: a newer version wrote it.
            AccessError: it is encrypted, and the passphrase is not the one.
            IntegrityError: it is damaged or cut short.
        """

    @property
    def description(self) -> BackupDescription:
        """What it says of itself; known once all members were read."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file of an index, under its name relative to the generation's directory."""

    name: str
    path: Path
    size_bytes: int


@dataclass(frozen=True, slots=True)
class LiveFiles:
    """All files of a generation, which stay as they are while they are held."""

    generation: int
    files: Sequence[IndexFile]
    disk_bytes: int


class IndexFiles(Protocol):
    """An embedded index as files: the live generation to be read, or a new one to be put together."""

    def live(self) -> AbstractContextManager[LiveFiles | None]:
        """Gives the files of the live generation, whatever is switched or dropped meanwhile; None where there is none.

        Raises:
            IntegrityError: a file is not what the generation's manifest says.
        """

    def place(self, member: BackupMember, name: str) -> None:
        """Writes a file of the generation that is put together, durably, with its holes.

        Raises:
            DiskFullError: there is no room.
        """
