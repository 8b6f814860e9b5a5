"""Looks for fingerprints of deleted content in every byte of the home's files."""

import errno
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rag_llm_system.domain.deletions import FileScan
from rag_llm_system.domain.errors import BackendError
from rag_llm_system.domain.fingerprints import KINDS, FingerprintMatcher, Fingerprints

RECORDS = "deletions"
"""Receipts and deletions at work: they name ids by design, and no deletion at work is a leftover."""

_PENDING = "pending"
_MODELS = "models"
_BLOCK_BYTES = 1 << 20
_BESIDE_A_DATABASE = ("-wal", "-shm", "-journal")


class FileTraces:
    """`FileScanner` over a folder, and over files and folders elsewhere that belong to it.

    A file that has several names (readers hold links to the index's files) is read once. Holes of sparse files hold
    zeros and are not read. A megabyte is in memory at a time.

    Args:
        home: scanned but for `models` and the deletions at work.
        elsewhere: such as a database outside of the home.
    """

    def __init__(self, home: Path, *, elsewhere: Sequence[Path] = ()) -> None:
        self._home = home.absolute()
        self._elsewhere = [path.absolute() for path in elsewhere]

    def scan(self, fingerprints: Fingerprints) -> list[FileScan]:
        """See the port."""
        matcher = FingerprintMatcher(fingerprints)
        kind_of = {f: kind for kind in KINDS for f in fingerprints.by_kind.get(kind, ())}
        tallies: dict[str, _Tally] = {}
        seen: set[tuple[int, int]] = set()
        for store, path in self._files():
            try:
                facts = path.stat(follow_symlinks=False)
                if (facts.st_dev, facts.st_ino) in seen:
                    continue
                seen.add((facts.st_dev, facts.st_ino))
                found, n_bytes = _find(path, matcher)
            except FileNotFoundError:  # removed meanwhile, as a reader's view is when it moves on
                continue
            except OSError as error:
                what = f"{path} cannot be read ({error.strerror}), and what is not read is not proved"
                raise BackendError(f"{what}: make it readable and run it again.") from None
            allowed = {"ids"} if store == RECORDS else set()
            found = {f for f in found if kind_of[f] not in allowed}
            tallies.setdefault(store, _Tally()).add(self._shown(path), found, n_bytes)
        return [tallies[store].result(store, kind_of) for store in sorted(tallies)]

    def _files(self) -> Iterator[tuple[str, Path]]:
        left_out = {self._home / _MODELS, self._home / RECORDS / _PENDING}
        for path in _regular_files(self._home, left_out):
            yield _store_of(path.relative_to(self._home).parts[0]), path
        for root in self._elsewhere:
            if root.is_dir():
                for path in _regular_files(root, set()):
                    yield root.name, path
            for path in (root, *(root.with_name(root.name + suffix) for suffix in _BESIDE_A_DATABASE)):
                if path.is_file():
                    yield root.name, path

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._home) if path.is_relative_to(self._home) else path)


class _Tally:
    """What was found in one store so far."""

    def __init__(self) -> None:
        self._found: set[str] = set()
        self._files: dict[str, int] = {}
        self._n_files = 0
        self._n_bytes = 0

    def add(self, name: str, found: set[str], n_bytes: int) -> None:
        self._found |= found
        self._n_files += 1
        self._n_bytes += n_bytes
        if found:
            self._files[name] = len(found)

    def result(self, store: str, kind_of: Mapping[str, str]) -> FileScan:
        counts = Counter(kind_of[f] for f in self._found)
        return FileScan(
            store=store,
            n_files=self._n_files,
            n_bytes=self._n_bytes,
            found={kind: counts[kind] for kind in KINDS if counts[kind]},
            files=self._files,
        )


def _regular_files(root: Path, left_out: set[Path]) -> Iterator[Path]:
    """Gives all regular files beneath a folder in the order of their names; links are not followed."""
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        what = f"{root} cannot be read ({error.strerror}), and what is not read is not proved"
        raise BackendError(f"{what}: make it readable and run it again.") from None
    for entry in entries:
        path = Path(entry.path)
        if path in left_out or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _regular_files(path, left_out)
        elif entry.is_file():
            yield path


def _store_of(name: str) -> str:
    for suffix in _BESIDE_A_DATABASE:
        name = name.removesuffix(suffix)
    return name


def _find(path: Path, matcher: FingerprintMatcher) -> tuple[set[str], int]:
    found: set[str] = set()
    n_bytes = 0
    with path.open("rb", buffering=0) as file:
        for start, end in _extents(file.fileno()):
            file.seek(start)
            tail = b""
            while start < end:
                block = file.read(min(_BLOCK_BYTES, end - start))
                if not block:
                    break
                start += len(block)
                n_bytes += len(block)
                found |= matcher.find(tail + block)
                tail = (tail + block)[-matcher.overlap_bytes :]
    return found, n_bytes


def _extents(descriptor: int) -> Iterator[tuple[int, int]]:
    """Gives the parts of a file that hold data, from byte to byte."""
    size = os.fstat(descriptor).st_size
    if not hasattr(os, "SEEK_DATA"):
        yield 0, size
        return
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # a hole up to the end
                return
            start, end = end, size  # a file system that knows no holes
        yield start, end
