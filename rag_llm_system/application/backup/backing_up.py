"""Everything into one archive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rag_llm_system.application.backup import document_lines
from rag_llm_system.domain.backups import BackupDescription
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import NotFoundError
from rag_llm_system.domain.ports.backup import BackupWriter, IndexFiles, LiveFiles, Progress
from rag_llm_system.domain.ports.document_store import DocumentStore, UserStore

INDEX_FOLDER = "index/"
USER_COUNT = "users"
INDEX_COUNT = "index_files"


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What is written down of the system whose state is backed up; see `BackupDescription`."""

    program: str
    created_at: str
    schemas: Mapping[str, int]
    settings: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class BackingUp:
    """Writes documents, users and the live generation of the index into an archive; changes nothing.

    The index comes first: what is saved to the document store meanwhile is then at the most too new for the index of
    the backup, which the next run of the feature pipeline puts right.

    Args:
        documents: every document is read, a few in memory at a time.
        users: all are read.
        index: the embedded index; None where the index is elsewhere.
    """

    def __init__(self, documents: DocumentStore, users: UserStore, index: IndexFiles | None) -> None:
        self._documents = documents
        self._users = users
        self._index = index

    def run(
        self,
        archive: BackupWriter,
        facts: BackupFacts,
        *,
        on_index: Progress | None = None,
        on_documents: Progress | None = None,
    ) -> BackupDescription:
        """Writes the archive and gives what it says of itself.

        Raises:
            NotFoundError: there is nothing to back up.
            DiskFullError: there is no room for the archive.
            IntegrityError: the index is damaged.
        """
        counts = {str(category): 0 for category in Category}
        generation, index_bytes = self._add_index(archive, counts, on_index)
        users = self._users.users()
        counts[USER_COUNT] = len(users)
        archive.add(document_lines.USERS, document_lines.user_lines(users))
        documents_bytes = self._add_documents(archive, counts, on_documents)
        if generation is None and not any(counts.values()):
            raise NotFoundError("there is nothing to back up: no document and no index; run ./poe quickstart")
        description = BackupDescription(
            program=facts.program,
            created_at=facts.created_at,
            schemas=facts.schemas,
            counts=counts,
            documents_bytes=documents_bytes,
            index_bytes=index_bytes,
            generation=generation,
            settings=facts.settings,
            secrets=facts.secrets,
            notes=facts.notes,
        )
        archive.complete(description)
        return description

    def _add_index(
        self, archive: BackupWriter, counts: dict[str, int], on_progress: Progress | None
    ) -> tuple[int | None, int]:
        counts[INDEX_COUNT] = 0
        if self._index is None:
            return None, 0
        with self._index.live() as live:
            if live is None:
                return None, 0
            counts[INDEX_COUNT] = len(live.files)
            _add_files(archive, live, on_progress)
            return live.generation, live.disk_bytes

    def _add_documents(self, archive: BackupWriter, counts: dict[str, int], on_progress: Progress | None) -> int:
        n_there = sum(self._documents.count(category) for category in Category)
        n_done = n_bytes = 0
        for category in Category:
            for name, lines, n_documents in document_lines.document_parts(
                category, self._documents.find(category), self._documents.digests(category)
            ):
                archive.add(name, lines)
                counts[category] += n_documents
                n_bytes += len(lines)
                n_done += n_documents
                if on_progress:
                    on_progress(n_done, max(n_there, n_done))
        return n_bytes


def _add_files(archive: BackupWriter, live: LiveFiles, on_progress: Progress | None) -> None:
    show = _counted(sum(file.size_bytes for file in live.files), on_progress)
    for file in live.files:
        archive.add_file(INDEX_FOLDER + file.name, file.path, show)


def _counted(n_all: int, on_progress: Progress | None) -> Callable[[int], None]:
    n_done = 0

    def show(n_more: int) -> None:
        nonlocal n_done
        n_done += n_more
        if on_progress:
            on_progress(n_done, n_all)

    return show
