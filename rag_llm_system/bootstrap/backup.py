"""For backing everything up, and for restoring it into an empty home."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from rag_llm_system import __version__
from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.half_restored import (
    SETTINGS,
    begin_restore,
    clear_restore,
    complete_restore,
    discard_restore,
    mark_complete,
    require_same_archive,
    restore_state,
    staging_folder,
)
from rag_llm_system.bootstrap.home import HOME_VERSION, home_version, locked_home, open_home, write_home_version
from rag_llm_system.bootstrap.vector_index import index_path, server_options
from rag_llm_system.domain.backups import BackupDescription
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import DiskFullError, InputError, NotFoundError
from rag_llm_system.domain.links import holds_password, origin_of, without_credentials
from rag_llm_system.domain.ports.backup import Progress
from rag_llm_system.settings import MB, Settings, known_keys

if TYPE_CHECKING:
    from rag_llm_system.application.backup.backing_up import BackupFacts
    from rag_llm_system.infrastructure.archives.backup_archive import BackupArchiveReader
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.index_files import EdgeIndexFiles

_BUILD = "./poe index build brings it back"
_OF_ONE_PLACE = {"rag_home", "rag_profile"}
_BYTES_PER_BYTE = 3
"""Of disk for a byte of documents: a table, and SQLite's log beside it until it is closed."""


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was restored, and what a person has to know of it, one line each."""

    description: BackupDescription
    notes: tuple[str, ...]


def back_up(
    settings: Settings,
    path: Path,
    *,
    passphrase: str | None = None,
    replace: bool = False,
    on_index: Progress | None = None,
    on_documents: Progress | None = None,
) -> BackupDescription:
    """Writes documents, users, the embedded index's live generation and the settings without secrets into one file.

    Nothing has to be stopped for it, and nothing is changed.

    Args:
        settings: say what is backed up.
        path: the file.
        passphrase: encrypts the file; None: anybody who has the file can read it.
        replace: whether there may be such a file already.
        on_index: is told how many bytes of the index are done.
        on_documents: is told how many documents are done.

    Raises:
        NotFoundError: there is nothing to back up.
        InputError: there is such a file already, or no such folder.
        DiskFullError: there is no room for it; nothing of it is left.
        IntegrityError: the index is damaged.
    """
    from rag_llm_system.application.backup.backing_up import BackingUp
    from rag_llm_system.infrastructure.archives.backup_archive import BackupArchiveWriter
    from rag_llm_system.infrastructure.archives.unfinished_file import written_at_once

    open_home(settings, create=False)
    with written_at_once(path, replace=replace) as file, open_document_store(settings, create=False) as store:
        archive = BackupArchiveWriter(file, passphrase=passphrase)
        return BackingUp(store, store, _index_files(settings)).run(
            archive, _facts(settings), on_index=on_index, on_documents=on_documents
        )


def needs_passphrase(path: Path) -> bool:
    """Says whether a backup is encrypted."""
    from rag_llm_system.infrastructure.archives.backup_archive import is_encrypted

    return is_encrypted(path)


def check_backup(
    path: Path, *, passphrase: str | None = None, on_progress: Progress | None = None
) -> BackupDescription:
    """Reads a whole backup, and gives what it says of itself.

    Args:
        path: the file.
        passphrase: of an encrypted one; it is not looked at otherwise.
        on_progress: is told how many bytes of the file are done.

    Raises:
        InputError: it is no backup.
        ConfigurationError: a newer version wrote it.
        AccessError: it is encrypted, and the passphrase is missing or another one.
        IntegrityError: it is damaged or cut short.
    """
    return _checked(_reader(path, passphrase), on_progress)


def restore(
    settings: Settings,
    path: Path,
    *,
    passphrase: str | None = None,
    on_check: Progress | None = None,
    on_restore: Progress | None = None,
) -> RestoreReport:
    """Restores a backup into the home, and the stores, that the settings name, all of which must be empty.

    The backup is checked to its end before anything is written. What is written lies beside until all of it is there:
    killed at any moment, the home is empty or whole. A server that keeps the documents may have a part of them then;
    restoring the same backup again completes it. Servers and pipelines that use the home have to be stopped before:
    where something was saved meanwhile, nothing is restored.

    Args:
        settings: say where everything belongs.
        path: the backup.
        passphrase: of an encrypted one; it is not looked at otherwise.
        on_check: is told how many bytes of the file are checked.
        on_restore: is told how many bytes of the file are restored.

    Raises:
        InputError: it is no backup, or the home or the document store is not empty.
        ConfigurationError: a newer version wrote the backup.
        AccessError: it is encrypted, and the passphrase is missing or another one.
        IntegrityError: it is damaged or cut short.
        DiskFullError: there is no room for what it holds.
    """
    reader = _reader(path, passphrase)
    with locked_home(settings.home):
        home_version(settings.home)  # refuses what a newer version made
        _end_what_was_left(settings.home)
        _require_no_index(settings.home)
        description = _checked(reader, on_check)
        name = hashlib.sha256(description.model_dump_json().encode()).hexdigest()
        if _keeps_documents_elsewhere(settings):
            require_same_archive(settings.home, name)
        _require_space(settings, description)
        goes_on = begin_restore(settings.home, name)
        with _kept_clean(settings):
            if not (goes_on and _keeps_documents_elsewhere(settings)):
                _require_no_documents(settings)
            _read_all(settings, reader, on_restore)
            _require_nothing_new(settings)
            mark_complete(settings.home)
        complete_restore(settings.home)
        write_home_version(settings.home)
        discard_restore(settings.home)
    return RestoreReport(description, _notes_after(settings, description))


def _reader(path: Path, passphrase: str | None) -> "BackupArchiveReader":
    from rag_llm_system.infrastructure.archives.backup_archive import BackupArchiveReader

    return BackupArchiveReader(path, passphrase=passphrase)


def _checked(reader: "BackupArchiveReader", on_progress: Progress | None) -> BackupDescription:
    from rag_llm_system.application.backup.restoring import check_archive

    return check_archive(reader, _schemas(), on_progress)


def _schemas() -> dict[str, int]:
    from rag_llm_system.application.backup import document_lines
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import FORMAT

    return {"home": HOME_VERSION, "documents": document_lines.SCHEMA, "index": FORMAT}


def _index_files(settings: Settings) -> "EdgeIndexFiles | None":
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.index_files import EdgeIndexFiles

    if server_options(settings) is not None:
        return None
    return EdgeIndexFiles(index_path(settings), staging_folder(settings.home) / "sealed")


def _facts(settings: Settings) -> "BackupFacts":
    from rag_llm_system.application.backup.backing_up import BackupFacts

    values, secrets = settings_that_are_set(settings)
    elsewhere = server_options(settings) is not None
    return BackupFacts(
        program=__version__,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        schemas=_schemas(),
        settings=values,
        secrets=secrets,
        notes=(f"the index is on a Qdrant server and not in the backup: {_BUILD}, or a snapshot of the server",)
        if elsewhere
        else (),
    )


def settings_that_are_set(settings: Settings) -> tuple[dict[str, str], tuple[str, ...]]:
    """Gives the settings that are not left to their defaults, by key, and the keys of those that are secret.

    Where things lie on this machine is left out. Of an address that holds more than is to be shown, such as a query,
    the origin is given, and its key is among the secret ones too.
    """
    keys: dict[str, str] = {}
    for key, field in known_keys().items():
        keys.setdefault(field, key)
    values: dict[str, str] = {}
    secrets: list[str] = []
    for field in sorted(settings.model_fields_set - _OF_ONE_PLACE):
        value: Any = getattr(settings, field)
        if isinstance(value, SecretStr) or (isinstance(value, str) and holds_password(value)):
            secrets.append(keys[field])
        elif isinstance(value, str) and _may_hold_secret(value):
            secrets.append(keys[field])
            values[keys[field]] = origin_of(value)
        elif value is not None:
            values[keys[field]] = str(value).lower() if isinstance(value, bool) else str(value)
    return values, tuple(secrets)


def _may_hold_secret(value: str) -> bool:
    is_more = "?" in value or "#" in value or without_credentials(value) != value
    return "://" in value and is_more


def _keeps_documents_elsewhere(settings: Settings) -> bool:
    return bool(settings.database_host or settings.database_url)


def _end_what_was_left(home: Path) -> None:
    """Completes a restore that only had to be moved to its place; then the home is not empty, and says so."""
    if restore_state(home) == "complete":
        complete_restore(home)
        write_home_version(home)
        discard_restore(home)


def _require_no_index(home: Path) -> None:
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.index_files import holds_index

    if holds_index(home / "index"):
        way = "stop servers and pipelines, and set RAG_HOME to an empty folder or move that one away"
        raise InputError(f"{home} holds an index: {way}")


def _require_nothing_new(settings: Settings) -> None:
    """Looks again, since who had the home open before does not know of its lock. A server's documents were counted."""
    _require_no_index(settings.home)
    if not _keeps_documents_elsewhere(settings):
        _require_no_documents(settings)


def _require_no_documents(settings: Settings) -> None:
    there = settings
    if not _keeps_documents_elsewhere(settings):
        file = settings.home / "documents.sqlite"
        if not file.exists():
            return
        there = _changed(settings, database_url=SecretStr(f"sqlite:///{file}"))
    try:
        with open_document_store(_staged(there), create=False) as store:
            is_empty = not store.users() and not any(store.count(category) for category in Category)
    except NotFoundError:
        return
    if not is_empty:
        what = "the document store that the settings name" if there is settings else str(settings.home)
        way = "stop servers and pipelines, and restore into an empty one (RAG_HOME, DATABASE_URL)"
        raise InputError(f"{what} holds documents or users already: {way}")


def _require_space(settings: Settings, description: BackupDescription) -> None:
    n_bytes = description.index_bytes + settings.rag_min_free_mb * MB
    if not _keeps_documents_elsewhere(settings):
        n_bytes += _BYTES_PER_BYTE * description.documents_bytes
    n_free = shutil.disk_usage(settings.home).free
    if n_free < n_bytes:
        what = f"the disk that holds {settings.home} has {n_free / MB:,.0f} MB free, {n_bytes / MB:,.0f} are needed"
        raise DiskFullError(f"{what}: make room there")


@contextmanager
def _kept_clean(settings: Settings) -> Iterator[None]:
    """Leaves nothing behind where the block fails, but for what says that a server has a part of the documents."""
    try:
        yield
    except BaseException:
        if _keeps_documents_elsewhere(settings):
            clear_restore(settings.home)
        else:
            discard_restore(settings.home)
        raise


def _read_all(settings: Settings, reader: "BackupArchiveReader", on_progress: Progress | None) -> None:
    from rag_llm_system.application.backup.restoring import restore_archive

    staging = staging_folder(settings.home)
    with open_document_store(_staged(settings)) as store:
        restore_archive(reader, documents=store, users=store, index=_index_files(settings), on_progress=on_progress)
    _write_settings(staging / SETTINGS, reader.description)
    for file in (staging / "documents.sqlite", staging / SETTINGS):
        if file.exists():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())


def _write_settings(file: Path, description: BackupDescription) -> None:
    """Writes a profile that RAG_PROFILE can name."""
    if not description.settings and not description.secrets:
        return
    lines = [f"# Settings of the backup of {description.created_at}. To use them: RAG_PROFILE=<path of this file>"]
    for key, value in description.settings.items():
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"{key}='{quoted}'")
    lines += [f"# {key} was set too; secrets are not backed up" for key in description.secrets]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _notes_after(settings: Settings, description: BackupDescription) -> tuple[str, ...]:
    notes = list(description.notes)
    if description.generation is not None and server_options(settings) is not None:
        notes.append(f"the index of the backup was left out, since the settings name a Qdrant server: {_BUILD}")
    elif description.generation is None and not notes:
        notes.append(f"the backup holds no index: {_BUILD}")
    if (settings.home / SETTINGS).exists():
        notes.append(f"settings of the backup: {settings.home / SETTINGS}; RAG_PROFILE with this path uses them")
    if settings.database_host and any(description.counts.get(category) for category in Category):
        notes.append("MongoDB has the documents as saved now: ./poe retention counts from today for them")
    if description.secrets:
        notes.append(f"secrets to be set again, if they are needed: {', '.join(description.secrets)}")
    return tuple(notes)


def _staged(settings: Settings) -> Settings:
    return _changed(settings, rag_home=staging_folder(settings.home))


def _changed(settings: Settings, **changes: Any) -> Settings:
    """Gives settings that differ in that; `model_copy` would keep the absolute home that was derived from the old."""
    fields = {name: getattr(settings, name) for name in Settings.model_fields}
    return Settings.model_construct(**{**fields, **changes})
