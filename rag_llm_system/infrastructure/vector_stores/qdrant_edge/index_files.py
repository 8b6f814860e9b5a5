"""An embedded index as files, for backups."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag_llm_system.domain.errors import BackendError, DiskFullError, IntegrityError
from rag_llm_system.domain.ports.backup import BackupMember, IndexFile, LiveFiles
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import MANIFEST_NAME, REPAIR, read_manifest
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import damaged_file, directory_bytes, fsync_tree
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.views import View

_PAGE_BYTES = 4096
_ZEROS = bytes(1 << 20)
_TRIES = 5


class EdgeIndexFiles:
    """The `IndexFiles` of an index directory.

    Args:
        path: the index directory.
        sealed: where a new generation is put together: a directory on the same file system.
    """

    def __init__(self, path: Path, sealed: Path) -> None:
        self._path = path
        self._sealed = sealed

    @contextmanager
    def live(self) -> Iterator[LiveFiles | None]:
        """Gives the files of the live generation; see the port."""
        view = self._view()
        if view is None:
            yield None
            return
        generation, held = view
        try:
            damaged = damaged_file(held.path, read_manifest(held.path).checksums)
            if damaged:
                raise IntegrityError(f"{damaged} of the index at {self._path} is damaged: {REPAIR}, then back up again")
            paths = [path for path in sorted(held.path.rglob("*")) if path.is_file()]
            files = [IndexFile(path.relative_to(held.path).as_posix(), path, path.stat().st_size) for path in paths]
            yield LiveFiles(generation, files, directory_bytes(held.path))
        finally:
            held.release()

    def place(self, member: BackupMember, name: str) -> None:
        """Writes a file of the generation that is put together; see the port."""
        target = self._sealed / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb", buffering=0) as file:
                for block in member.blocks():
                    _write_with_holes(file.fileno(), block)
                file.truncate(member.size_bytes)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFullError(f"the disk that holds {self._path.parent} is full: make room there") from None
            raise BackendError(f"{target} cannot be written ({error.strerror}): check its owner") from None

    def adopt(self) -> None:
        """Makes what was put together the live generation; done twice, or after a death on the way, it is done once.

        Raises:
            IntegrityError: the catalogue is damaged.
            BackendError: it cannot be written.
        """
        generations = Generations(self._path)
        if (self._sealed / MANIFEST_NAME).exists():
            fsync_tree(self._sealed)
            self._path.mkdir(parents=True, exist_ok=True)
            generations.adopt(self._sealed)
        elif generations.numbers():
            generations.tidy()
            if generations.catalogue().live is None:
                generations.switch(generations.numbers()[-1])

    def _view(self) -> tuple[int, View] | None:
        generations = Generations(self._path)
        for _ in range(_TRIES):
            live = generations.catalogue().live
            if live is None:
                return None
            try:
                return live, View(self._path, live, generations.path_of(live))
            except FileNotFoundError:
                continue  # dropped since; another one is live now
        raise IntegrityError(f"the live generation of the index at {self._path} is gone: {REPAIR}")


def holds_index(path: Path) -> bool:
    """Says whether there is an index in the directory, or a draft of one, of any format."""
    return any((path / name).exists() for name in (MANIFEST_NAME, "draft")) or bool(Generations(path).numbers())


def _write_with_holes(fd: int, block: bytes) -> None:
    """Writes a block where the file stands, but for the zeros at its beginning and its end."""
    if block == _ZEROS[: len(block)]:
        os.lseek(fd, len(block), os.SEEK_CUR)
        return
    n_front = (len(block) - len(block.lstrip(b"\0"))) // _PAGE_BYTES * _PAGE_BYTES
    n_data = len(block.rstrip(b"\0"))
    at = os.lseek(fd, 0, os.SEEK_CUR)
    left = memoryview(block)[n_front : max(n_front, n_data)]
    position = at + n_front
    while left:
        n_written = os.pwrite(fd, left, position)
        left, position = left[n_written:], position + n_written
    os.lseek(fd, at + len(block), os.SEEK_SET)
