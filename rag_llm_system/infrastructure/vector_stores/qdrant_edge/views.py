"""What readers have open: for each a directory of its own with hard links to the files of a generation.

The engine opens a directory for one process alone, and tidies it up when it opens it. Reading changes no byte of the
files themselves, so that any number of readers share them, and the memory that they are mapped to.
"""

import errno
import fcntl
import itertools
import os
from pathlib import Path

from rag_llm_system.domain.errors import BackendError, DiskFullError
from rag_llm_system.domain.generations import Reader
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import MANIFEST_NAME
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import link_tree, remove_leftovers, remove_tree

_HOME = "views"
ENGINE_REWRITES = frozenset({"edge_config.json", "mutable_id_tracker.versions"})
"""Files that the engine may write to when it opens a shard."""
_NUMBERS = itertools.count(1)


class View:
    """A reader's own directory of a generation. Locked while it is in use; a dead reader's is removed by the next one.

    Args:
        index_path: the index directory.
        generation: its number.
        generation_path: its directory.

    Raises:
        FileNotFoundError: the generation was dropped meanwhile.
        DiskFullError: there is no room for the directory.
        BackendError: it cannot be made.
    """

    def __init__(self, index_path: Path, generation: int, generation_path: Path) -> None:
        home = index_path / _HOME
        self._fd = -1
        try:
            home.mkdir(parents=True, exist_ok=True)
            remove_dead_views(index_path)
            while self._fd < 0:
                # In a container another process may have the same id, and so a view of that name.
                self.path = home / f"{os.getpid()}-{generation}-{next(_NUMBERS)}"
                self._fd = _locked(self._lock_file)
            link_tree(generation_path, self.path, copied=ENGINE_REWRITES | {MANIFEST_NAME})
            # A generation that is dropped loses its name first: what has it still was whole until here.
            if not (generation_path / MANIFEST_NAME).exists():
                raise FileNotFoundError(MANIFEST_NAME)
        except FileNotFoundError:
            self.release()
            raise
        except OSError as error:
            self.release()
            if error.errno == errno.ENOSPC:
                what = f"the disk of the index at {index_path} is full"
                raise DiskFullError(f"{what}: make room and try again") from error
            raise BackendError(f"cannot open the index at {index_path} ({error.strerror}): check its owner") from error

    @property
    def _lock_file(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def fileno(self) -> int:
        """The file descriptor that carries the lock, to be inherited by a child."""
        return self._fd

    def release(self) -> None:
        """Removes the directory, and its lock; a file system that refuses leaves it to the next reader."""
        if self._fd < 0:
            return
        try:
            remove_tree(self.path)
            self._lock_file.unlink(missing_ok=True)
        except OSError:
            pass
        finally:
            os.close(self._fd)
            self._fd = -1


def remove_dead_views(index_path: Path) -> None:
    """Removes the views of readers that have died."""
    remove_leftovers(index_path / _HOME)
    for lock_file in sorted((index_path / _HOME).glob("*.lock")):
        fd = _try_lock(lock_file)
        if fd is None:
            continue
        try:
            remove_tree(lock_file.with_suffix(""))
            lock_file.unlink(missing_ok=True)
        finally:
            os.close(fd)


def readers(index_path: Path) -> list[Reader]:
    """Gives who has a view open, in the order of process ids."""
    remove_dead_views(index_path)
    names = (lock_file.stem.split("-") for lock_file in (index_path / _HOME).glob("*.lock"))
    return sorted((Reader(int(pid), int(generation)) for pid, generation, _ in names), key=lambda one: one.pid)


def _locked(file: Path) -> int:
    """Gives the descriptor of a new lock; -1 where there is a lock of that name already."""
    try:
        fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return -1
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return -1  # taken for a dead reader's, and removed, in the moment before it was locked
    except BaseException:
        os.close(fd)
        raise
    if os.fstat(fd).st_nlink:
        return fd
    os.close(fd)
    return -1


def _try_lock(file: Path) -> int | None:
    try:
        fd = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return fd
