"""Directories of large files with holes in them: shared, copied, measured, made durable, compared with checksums."""

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

_BLOCK_BYTES = 1 << 20
_PASSING = (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR)
_ZEROS = bytes(_BLOCK_BYTES)


def link_tree(source: Path, target: Path, *, copied: frozenset[str] = frozenset()) -> None:
    """Makes `target` hold the same files as `source`, as hard links; `copied` names those that are copied instead.

    Where the file system has no hard links, all are copied.

    Raises:
        FileNotFoundError: a file of the source is gone.
        OSError: it cannot be written.
    """
    for file in _files(source):
        there = target / file.relative_to(source)
        there.parent.mkdir(parents=True, exist_ok=True)
        if file.name in copied:
            _copy_file(file, there)
            continue
        try:
            os.link(file, there)
        except FileNotFoundError:
            raise
        except OSError:
            _copy_file(file, there)


def copy_tree(source: Path, target: Path) -> None:
    """Copies all files with their holes, durably.

    Raises:
        OSError: it cannot be read or written.
    """
    for file in _files(source):
        there = target / file.relative_to(source)
        there.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(file, there)
    fsync_tree(target)


def remove_tree(path: Path) -> None:
    """Removes a directory or a file, if it is there. What dies on the way leaves no half of it under its name.

    Raises:
        OSError: it cannot be removed.
    """
    dying = path.with_name(f".{path.name}.removed")
    _remove(dying)
    if path.exists():
        path.rename(dying)
        _remove(dying)


def remove_leftovers(home: Path) -> None:
    """Removes what `remove_tree` had begun with within that directory when its process died."""
    for dying in sorted(home.glob(".*.removed")):
        with suppress(OSError):
            _remove(dying)


def fsync_tree(path: Path) -> None:
    """Makes all files below durable, and their names."""
    for file in _files(path):
        _fsync(file)
    for directory, _, _ in os.walk(path):
        fsync_directory(Path(directory))


def fsync_directory(path: Path) -> None:
    """Makes renames within the directory durable."""
    _fsync(path)


def directory_bytes(path: Path) -> int:
    """Gives the space that the files below take on the disk, holes not counted; 0 where there is no such directory."""
    n_bytes = 0
    for file in path.rglob("*"):
        try:
            n_bytes += file.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return n_bytes


def checksums(path: Path) -> dict[str, str]:
    """Gives for each file below, by its relative name in order, the SHA-256 (hex) of its size and its data.

    Zeros count as if they were holes, so that a copy has the checksum of its original whichever of them has holes.
    """
    return {file.relative_to(path).as_posix(): _checksum(file) for file in _files(path)}


def damaged_file(path: Path, expected: Mapping[str, str]) -> str | None:
    """Gives the first file below that is missing, unreadable or has another checksum; None where all is well.

    Raises:
        OSError: a file cannot be opened for a reason that may pass, such as too many open files.
    """
    for name, checksum in expected.items():
        try:
            if _checksum(path / name) != checksum:
                return name
        except OSError as error:
            if error.errno in _PASSING:
                raise
            return name
    return None


def _remove(path: Path) -> None:
    """Removes a directory or a file; another process may be removing it as well."""
    with suppress(FileNotFoundError):
        if path.is_dir():
            for below in sorted(path.iterdir()):
                _remove(below)
            path.rmdir()
        else:
            path.unlink()


def _files(path: Path) -> Iterator[Path]:
    return (entry for entry in sorted(path.rglob("*")) if entry.is_file())


def _checksum(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb", buffering=0) as opened:
        digest.update(os.fstat(opened.fileno()).st_size.to_bytes(8, "big"))
        for offset, block in _data(opened.fileno()):
            digest.update(offset.to_bytes(8, "big"))
            digest.update(block)
    return digest.hexdigest()


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb", buffering=0) as read, target.open("wb", buffering=0) as written:
        for start, end in _extents(read.fileno()):
            for offset in range(start, end, _BLOCK_BYTES):
                written.seek(offset)
                left = memoryview(os.pread(read.fileno(), min(_BLOCK_BYTES, end - offset), offset))
                while left:
                    left = left[written.write(left) :]
        written.truncate(os.fstat(read.fileno()).st_size)


def _data(fd: int) -> Iterator[tuple[int, bytes]]:
    """Gives the blocks that hold anything but zeros, at multiples of the block's size, with their offsets."""
    done = 0
    for start, end in _extents(fd):
        for offset in range(max(done, start // _BLOCK_BYTES * _BLOCK_BYTES), end, _BLOCK_BYTES):
            block = os.pread(fd, _BLOCK_BYTES, offset)
            if block != _ZEROS[: len(block)]:
                yield offset, block
            done = offset + _BLOCK_BYTES


def _extents(fd: int) -> Iterator[tuple[int, int]]:
    """Gives where data starts and ends between the holes."""
    end, size = 0, os.fstat(fd).st_size
    while end < size:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return  # nothing but a hole is left
        end = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, end


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
