"""Files that are there as a whole or not at all, whatever ends the process, and that their owner alone can read."""

import os
import secrets
from pathlib import Path


def write_safely(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Writes a file under another name, on the disk, and then gives it its name.

    Raises:
        FileExistsError: it is there already, and `replace` is false.
        OSError: it cannot be written; what was there before is kept.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def remove_safely(path: Path) -> None:
    """Removes a file, and makes sure that it stays removed.

    Raises:
        OSError: it cannot be removed.
    """
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder onto the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
