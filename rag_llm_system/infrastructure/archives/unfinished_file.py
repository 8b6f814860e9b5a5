"""A file that is whole or not there: it is written under another name and renamed at the end."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter, FileIO
from pathlib import Path

from rag_llm_system.domain.errors import BackendError, ConfigurationError, DiskFullError, InputError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def written_at_once(path: Path, *, replace: bool) -> Iterator[BufferedWriter]:
    """Gives a file to be written, readable by its owner alone, that gets its name when the block has ended well.

    Until then it is FILE.part. Ended otherwise, that is removed; a killed process leaves it, and the next one that
    writes the same file begins it anew.

    Args:
        path: the file.
        replace: whether a file of that name may be there; it stays as it is until the new one is whole.

    Raises:
        InputError: there is such a file and it is not to be replaced, or the folder is not there.
        DiskFullError: there is no room; nothing of the new file is left.
        ConfigurationError: the file cannot be written.
        BackendError: another process writes the same file.
    """
    _refuse_what_is_there(path, replace)
    part = path.with_name(f"{path.name}.part")
    with _own_errors(path):
        file = _opened(part)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _refuse_what_is_there(path, replace)
            part.replace(path)
            _fsync_directory(path.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        finally:
            with suppress(OSError):  # what could not be flushed has been reported
                file.close()


def _refuse_what_is_there(path: Path, replace: bool) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder: give the name of a file in it")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}: make it first")
    if path.exists() and not replace:
        raise InputError(f"{path} is there already: give another name, or --force to replace it")


def _opened(part: Path) -> BufferedWriter:
    fd = os.open(part, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.fchmod(fd, 0o600)
    except BlockingIOError:
        os.close(fd)
        raise BackendError(f"another process is writing {part}: wait until it has ended") from None
    except BaseException:
        os.close(fd)
        raise
    return BufferedWriter(FileIO(fd, "wb"), 1 << 20)


@contextmanager
def _own_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFullError(
                f"the disk that holds {path.parent} is full: make room there, then run it again"
            ) from None
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}): choose another place") from None


def _fsync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
