"""A restore on its way into the home: everything is made beside, and renamed at the end.

It lies in `restoring/`, which holds `begun.json` from the beginning and `complete` once all is there. Cut off before
that, nothing of it counts; afterwards, whoever opens the home next ends it.
"""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Literal

from rag_llm_system.domain.errors import InputError

_FOLDER = "restoring"
_BEGUN = "begun.json"
_COMPLETE = "complete"
_DOCUMENTS = "documents.sqlite"
SETTINGS = "settings_of_backup.env"


def staging_folder(home: Path) -> Path:
    """Gives where a restore puts what it reads."""
    return home / _FOLDER


def restore_state(home: Path) -> Literal["none", "half", "complete"]:
    """Says whether a restore was left in the home, and whether all is there that it was to bring."""
    if not (home / _FOLDER).exists():
        return "none"
    return "complete" if (home / _FOLDER / _COMPLETE).exists() else "half"


def begin_restore(home: Path, archive: str) -> bool:
    """Makes an empty `restoring/`, and says whether a restore of the same archive was cut off here before.

    Args:
        home: which is empty, but for what such a restore left.
        archive: names the archive by what it holds.

    Raises:
        OSError: it cannot be written.
    """
    folder = home / _FOLDER
    is_same = _begun(folder) == archive
    if not is_same:
        discard_restore(home)
        folder.mkdir()
        write_durably(folder / _BEGUN, json.dumps({"archive": archive}).encode())
    clear_restore(home)
    return is_same


def clear_restore(home: Path) -> None:
    """Removes what a restore has read so far, but not that it was begun.

    Raises:
        OSError: it cannot be removed.
    """
    for entry in sorted((home / _FOLDER).iterdir()):
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != _BEGUN:
            entry.unlink()


def require_same_archive(home: Path, archive: str) -> None:
    """Makes sure that a restore that was cut off is gone on with, where a server may hold a part of it already.

    Raises:
        InputError: another archive was begun.
    """
    before = _begun(home / _FOLDER)
    if before not in (None, archive):
        what = "a restore of another backup was cut off, and a part of it is in the document store"
        raise InputError(f"{what}: restore that one again, or empty the store and remove {home / _FOLDER}")


def mark_complete(home: Path) -> None:
    """Says that all is there: from now on the restore will be ended, whatever happens.

    Raises:
        OSError: it cannot be written.
    """
    write_durably(home / _FOLDER / _COMPLETE, b"")


def complete_restore(home: Path) -> None:
    """Moves everything to its place. Killed on the way, it is done by the next one; the caller holds the home's lock.

    Raises:
        OSError: it cannot be moved.
    """
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.index_files import EdgeIndexFiles

    folder = home / _FOLDER
    EdgeIndexFiles(home / "index", folder / "sealed").adopt()
    if (folder / _DOCUMENTS).exists():
        for leftover in ("-wal", "-shm", "-journal"):
            (home / (_DOCUMENTS + leftover)).unlink(missing_ok=True)
        (folder / _DOCUMENTS).replace(home / _DOCUMENTS)
    if (folder / SETTINGS).exists():
        (folder / SETTINGS).replace(home / SETTINGS)
    _fsync(home)


def discard_restore(home: Path) -> None:
    """Removes `restoring/`.

    Raises:
        OSError: it cannot be removed.
    """
    dying = home / f".{_FOLDER}.removed"
    shutil.rmtree(dying, ignore_errors=True)
    # Renamed first, since one that lacks a part of what it held would pass for a restore that was cut off.
    with suppress(FileNotFoundError):
        (home / _FOLDER).rename(dying)
    shutil.rmtree(dying, ignore_errors=True)


def write_durably(file: Path, body: bytes) -> None:
    """Replaces a file at once.

    Raises:
        OSError: it cannot be written.
    """
    new = file.with_name(f".{file.name}.new")
    with new.open("wb") as opened:
        opened.write(body)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
    _fsync(file.parent)


def _begun(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / _BEGUN).read_bytes())["archive"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
