"""Everything out of an archive again."""

from collections import Counter
from collections.abc import Mapping

from rag_llm_system.application.backup import document_lines
from rag_llm_system.application.backup.backing_up import INDEX_COUNT, INDEX_FOLDER, USER_COUNT
from rag_llm_system.domain.backups import BackupDescription
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import ConfigurationError, IntegrityError
from rag_llm_system.domain.ports.backup import BackupMember, BackupReader, DatedStore, IndexFiles, Progress
from rag_llm_system.domain.ports.document_store import DocumentStore, UserStore

_N_PER_SAVE = 64
_MAX_PART_BYTES = 2_000_000_000
"""More than any document that was ever let in; a part is held in memory."""


def check_archive(
    archive: BackupReader, known_schemas: Mapping[str, int], on_progress: Progress | None = None
) -> BackupDescription:
    """Reads the whole archive, each document in it too, and gives what it says of itself; writes nothing.

    Raises:
        ConfigurationError: a newer version of this system wrote it.
        IntegrityError: it is damaged, or does not hold what it says.
    """
    counts: Counter[str] = Counter()
    for member in archive.members(on_progress):
        if member.name.startswith(INDEX_FOLDER):
            counts[INDEX_COUNT] += 1
        elif member.name == document_lines.USERS:
            counts[USER_COUNT] += len(document_lines.read_users(_lines(member)))
        elif member.name.startswith(document_lines.FOLDER):
            category = document_lines.category_of(member.name)
            counts[category] += sum(1 for _ in document_lines.read_documents(member.name, _lines(member)))
    description = archive.description
    _refuse_newer(description, known_schemas)
    if any(counts[name] != n for name, n in description.counts.items()) or counts.keys() - description.counts.keys():
        raise IntegrityError("the backup does not hold as much as it says: restore another one")
    return description


def restore_archive(
    archive: BackupReader,
    *,
    documents: DocumentStore,
    users: UserStore,
    index: IndexFiles | None,
    on_progress: Progress | None = None,
) -> None:
    """Writes what a checked archive holds; a second time changes nothing more. The archive is checked again.

    Args:
        archive: one that `check_archive` has passed.
        documents: where documents are saved; unless it is a `DatedStore`, as if they were new there.
        users: where authors are saved.
        index: where the index's files are placed; None leaves them out.
        on_progress: is told how far the archive has been read.

    Raises:
        DiskFullError: there is no room.
        IntegrityError: the archive has changed since it was checked, or the store holds more or fewer documents.
    """
    for member in archive.members(on_progress):
        if member.name.startswith(INDEX_FOLDER) and index is not None:
            index.place(member, member.name.removeprefix(INDEX_FOLDER))
        elif member.name == document_lines.USERS:
            users.save_users(document_lines.read_users(_lines(member)))
        elif member.name.startswith(document_lines.FOLDER):
            _save(member, documents)
    for category in Category:
        n_there, n_expected = documents.count(category), archive.description.counts.get(category, 0)
        if n_there != n_expected:
            what = f"the document store holds {n_there} {category} now, the backup has {n_expected}"
            raise IntegrityError(f"{what}: let nothing write to the store, and restore into an empty one")


def _save(member: BackupMember, store: DocumentStore) -> None:
    documents = document_lines.read_documents(member.name, _lines(member))
    for batch, saved_at in document_lines.batches(documents, _N_PER_SAVE):
        if isinstance(store, DatedStore):
            store.save_dated(batch, saved_at)
        else:
            store.save(batch)


def _lines(member: BackupMember) -> bytes:
    if member.size_bytes > _MAX_PART_BYTES:
        raise IntegrityError(f"the backup holds a part of {member.size_bytes} bytes: restore another one")
    return b"".join(member.blocks())


def _refuse_newer(description: BackupDescription, known: Mapping[str, int]) -> None:
    for name, schema in description.schemas.items():
        if schema > known.get(name, 0):
            raise ConfigurationError(
                f"the backup was written by version {description.program}, whose {name} has schema {schema}; this one "
                f"reads up to {known.get(name, 0)}: update rag_llm_system"
            )
