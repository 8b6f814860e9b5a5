"""Vectors in a SQLite file, beside the index whose making they make cheap."""

import shutil
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from loguru import logger
from numpy.typing import NDArray

from rag_llm_system.domain.errors import BackendError, DiskFullError
from rag_llm_system.domain.ports.vector_cache import CacheSize
from rag_llm_system.infrastructure.caches.sqlite_file import WAL_BYTES, SqliteFile, error_name, is_damage

_VERSION = 1
# What says when a vector was last used stands apart from it: noting that would else write every vector anew.
_TABLES = (
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, used_on INTEGER NOT NULL)",
    "CREATE INDEX entries_by_use ON entries (used_on)",
    "CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL)",
)
_PAGE_BYTES = 8_192
"""Holds five vectors of 384 components."""

_ENTRY_BYTES = 150
_KEYS_PER_STATEMENT = 500
_CHECKSUM_BYTES = 4
_FREED_SHARE = 0.01
_MUCH_OVER = 1.1
_DAY_S = 86_400


def days_since_1970() -> int:
    """Gives the day, in UTC."""
    return int(time.time() // _DAY_S)


class SqliteVectorCache:
    """A `VectorCache` in one file. Its vectors carry checksums: one that was damaged on the disk is not there.

    A damaged file is thrown away, unless other processes have it open: then this one does without. When a vector was
    used is known to the day, so that using one costs a write a day.

    Args:
        path: the file; it and its folder are made at first use.
        max_bytes: what the file may take; SQLite's log beside it takes up to 8 MB more.
        min_free_bytes: free space on the disk that keeping vectors must leave.
        busy_timeout_s: how long a writer waits for the others; then the vectors are not kept.
        today: gives the day as a number.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        max_bytes: int = 1_000_000_000,
        min_free_bytes: int = 200_000_000,
        busy_timeout_s: float = 5.0,
        today: Callable[[], int] = days_since_1970,
    ) -> None:
        self._path = Path(path).absolute()
        self._file = SqliteFile(
            self._path, tables=_TABLES, version=_VERSION, page_bytes=_PAGE_BYTES, busy_timeout_s=busy_timeout_s
        )
        self._max_bytes = max_bytes
        self._min_free_bytes = min_free_bytes
        self._today = today
        self._turn = threading.RLock()
        self._may_shrink = True
        self._troubles: dict[str, str] = {}

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        found: dict[bytes, NDArray[np.float32]] = {}
        unnoted: list[int] = []
        with self._forgiving("get"):
            for number, key, blob, used_on in self._rows(keys) if self._file.exists else ():
                vector = _unpacked(key, blob)
                if vector is None:
                    logger.warning("embedding_cache_vector_damaged id={}", number)
                    continue
                found[key] = vector
                if used_on != self._today():
                    unnoted.append(number)
        if unnoted:
            with self._forgiving("note_use"):
                self._note_use(unnoted)
        return found

    def put(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        if not vectors:
            return
        with self._forgiving("put"):
            rows = [(key, _packed(key, vector)) for key, vector in vectors.items()]
            n_new_bytes = sum(len(blob) + _ENTRY_BYTES for _, blob in rows)
            self._require_space(n_new_bytes)
            with self._file.writing() as connection:
                self._insert(connection, rows)
                self._make_room(connection, n_new_bytes // len(rows))
            self._shrink(connection)

    def erase(self, keys: Sequence[bytes]) -> int:
        """As the port says; the file is written anew, which takes seconds for each GB, and as much free space."""
        return self._removed(lambda connection: sum(_delete(connection, some) for some in _slices(keys)))

    def clear(self) -> int:
        return self._removed(_delete_all)

    def size(self) -> CacheSize:
        n_vectors = 0
        with self._forgiving("size"):
            if self._file.exists:
                (n_vectors,) = self._file.opened().execute("SELECT count(*) FROM entries").fetchone()
        return CacheSize(n_vectors, self._file.size_bytes)

    def close(self) -> None:
        with self._turn:
            self._file.close()

    def _rows(self, keys: Sequence[bytes]) -> Iterator[tuple[int, bytes, bytes, int]]:
        connection = self._file.opened()
        for some in _slices(keys):
            yield from connection.execute(
                "SELECT id, key, vector, used_on FROM entries JOIN vectors USING (id) "
                f"WHERE key IN ({_marks(some)}) ORDER BY id",
                some,
            )

    def _note_use(self, numbers: Sequence[int]) -> None:
        with self._file.writing() as connection:
            rows = [(self._today(), number) for number in numbers]
            connection.executemany("UPDATE entries SET used_on = ? WHERE id = ?", rows)

    def _insert(self, connection: sqlite3.Connection, rows: Sequence[tuple[bytes, bytes]]) -> None:
        for key, blob in rows:
            (number,) = connection.execute(
                "INSERT INTO entries (key, used_on) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET used_on = excluded.used_on RETURNING id",
                (key, self._today()),
            ).fetchone()
            connection.execute("INSERT OR REPLACE INTO vectors (id, vector) VALUES (?, ?)", (number, blob))

    def _make_room(self, connection: sqlite3.Connection, bytes_per_vector: int) -> None:
        """Removes what was used least lately, of one day what was put first, until the rest is within the limit."""
        while (n_over := self._bytes(connection, used_only=True) - self._max_bytes) > 0:
            # A little more than necessary, so that not every call has to make room.
            n_vectors = int(n_over + _FREED_SHARE * self._max_bytes) // bytes_per_vector + 1
            oldest = connection.execute("SELECT id FROM entries ORDER BY used_on, id LIMIT ?", (n_vectors,)).fetchall()
            if not oldest:
                return
            connection.executemany("DELETE FROM vectors WHERE id = ?", oldest)
            connection.executemany("DELETE FROM entries WHERE id = ?", oldest)

    def _shrink(self, connection: sqlite3.Connection) -> None:
        """Gives the disk back what is free in the file where that is much: the limit was lowered. Tried once."""
        may_shrink, self._may_shrink = self._may_shrink, False
        if may_shrink and self._bytes(connection, used_only=False) > _MUCH_OVER * self._max_bytes + WAL_BYTES:
            self._file.scrub()

    def _bytes(self, connection: sqlite3.Connection, *, used_only: bool) -> int:
        (n_pages,) = connection.execute("PRAGMA page_count").fetchone()
        (n_free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        return int(page_bytes * (n_pages - n_free if used_only else n_pages))

    def _require_space(self, n_new_bytes: int) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._path.parent).free < self._min_free_bytes + n_new_bytes:
            raise DiskFullError(f"the disk of {self._path} has too little free space: make room there")

    def _removed(self, remove: Callable[[sqlite3.Connection], int]) -> int:
        with self._turn:
            try:
                if not self._file.exists:
                    return 0
                with self._file.writing() as connection:
                    n_removed = remove(connection)
                # Also where there was nothing to remove: one who removed it before may have been killed here.
                self._file.scrub()
            except (sqlite3.Error, OSError) as error:
                if is_damage(error) and self._file.make_anew():
                    return 0
                raise self._file.own_error(error) from None
            return n_removed

    @contextmanager
    def _forgiving(self, doing: str) -> Iterator[None]:
        """Lets one thread in at a time, and turns what goes wrong into a line in the log, where it is new."""
        with self._turn:
            try:
                yield
            except (sqlite3.Error, OSError, BackendError) as error:
                self._note(doing, error)
            else:
                self._troubles.pop(doing, None)

    def _note(self, doing: str, error: Exception) -> None:
        if is_damage(error):
            outcome = "made_anew" if self._file.make_anew() else "not_used"
            logger.warning("embedding_cache_damaged doing={} error={} outcome={}", doing, error_name(error), outcome)
        elif self._troubles.get(doing) != error_name(error):
            self._troubles[doing] = error_name(error)
            logger.warning("embedding_cache_trouble doing={} error={}", doing, error_name(error))


def _packed(key: bytes, vector: NDArray[np.float32]) -> bytes:
    """Gives the components as little-endian float32, and a checksum of key and components after them."""
    components = np.asarray(vector, "<f4").tobytes()
    return components + zlib.crc32(key + components).to_bytes(_CHECKSUM_BYTES, "little")


def _unpacked(key: bytes, blob: bytes) -> NDArray[np.float32] | None:
    """Gives the vector; None where the checksum does not fit."""
    components, checksum = blob[:-_CHECKSUM_BYTES], blob[-_CHECKSUM_BYTES:]
    if zlib.crc32(key + components).to_bytes(_CHECKSUM_BYTES, "little") != checksum:
        return None
    return np.frombuffer(components, "<f4")


def _delete(connection: sqlite3.Connection, keys: Sequence[bytes]) -> int:
    which = f"SELECT id FROM entries WHERE key IN ({_marks(keys)})"
    connection.execute(f"DELETE FROM vectors WHERE id IN ({which})", keys)
    return connection.execute(f"DELETE FROM entries WHERE key IN ({_marks(keys)})", keys).rowcount


def _delete_all(connection: sqlite3.Connection) -> int:
    connection.execute("DELETE FROM vectors")
    return connection.execute("DELETE FROM entries").rowcount


def _marks(values: Sequence[bytes]) -> str:
    return ", ".join("?" * len(values))


def _slices(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (keys[start : start + _KEYS_PER_STATEMENT] for start in range(0, len(keys), _KEYS_PER_STATEMENT))
