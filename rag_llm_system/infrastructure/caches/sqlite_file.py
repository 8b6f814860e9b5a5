"""A SQLite file that holds nothing which could not be made again: when it is damaged, it is thrown away."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, DiskFullError

# SQLITE_ERROR is a table that is missing: the statements never change.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
WAL_BYTES = 8_000_000
_PAUSE_S = 0.02


class SqliteFile:
    """The file, opened at first use; for one thread at a time. Processes may share it.

    Deleting a SQLite file under another process that has it open would damage the next one. So whoever has it open
    holds a lock beside it, and only who is alone may throw it away.

    Args:
        path: the file; it and its folder are made.
        tables: the statements that make its tables.
        version: of these statements; a file of another version is made anew.
        page_bytes: of a new file.
        busy_timeout_s: how long a writer waits for the others.
    """

    def __init__(
        self, path: Path, *, tables: Sequence[str], version: int, page_bytes: int, busy_timeout_s: float
    ) -> None:
        self._path = path
        self._tables = tables
        self._version = version
        self._page_bytes = page_bytes
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._lock_fd = -1
        self._is_given_up = False

    @property
    def exists(self) -> bool:
        return self._path.exists()

    @property
    def size_bytes(self) -> int:
        """What the file takes with those that SQLite puts beside it; 0 where there is none."""
        return sum(file.stat().st_size for file in self._files() if file.exists())

    def opened(self) -> sqlite3.Connection:
        """Gives the connection, whose transactions are the caller's business.

        Raises:
            sqlite3.Error, OSError: it cannot be opened.
        """
        if self._is_given_up:
            raise sqlite3.OperationalError("closed, or damaged while other processes have it open")
        if self._connection is None:
            self._hold()
            try:
                self._connection = self._connected()
            except BaseException:
                self._let_go()
                raise
        return self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Gives the connection within a transaction, which is undone where the body fails."""
        connection = self.opened()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def scrub(self) -> None:
        """Writes the file anew from what is alive in it, so that no byte of anything else is left.

        Raises:
            sqlite3.Error: it cannot be done, for want of space for instance.
            BackendUnavailableError: another process uses it, so that the log beside the file had to be left.
        """
        connection = self.opened()
        connection.execute("VACUUM")
        deadline = time.monotonic() + self._busy_timeout_s
        # Where another process empties the log at the same time, SQLite says so without any waiting.
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                what = f"{self._path} is being used by another process"
                raise BackendUnavailableError(f"{what}: try again when it is done")
            time.sleep(_PAUSE_S)

    def make_anew(self) -> bool:
        """Throws the file away and says whether that was possible; if not, it is not used any more."""
        try:
            self._close_connection()
            self._hold()
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for file in self._files():
                file.unlink(missing_ok=True)
        except OSError:
            self._is_given_up = True
        self._let_go()
        return not self._is_given_up

    def own_error(self, error: Exception) -> BackendError:
        """Gives the error in our words."""
        code = primary_code(error)
        if code in _BUSY:
            return BackendUnavailableError(f"{self._path} is locked by another process: try again when it is done")
        if code == sqlite3.SQLITE_FULL:
            return DiskFullError(f"the disk that holds {self._path} is full: make room there, then try again")
        what = f"{self._path} cannot be changed ({error_name(error)})"
        return BackendError(f"{what}: end what uses it, or remove the file, then try again")

    def close(self) -> None:
        """Closes the file for good."""
        self._is_given_up = True
        self._close_connection()
        self._let_go()

    def _files(self) -> list[Path]:
        return [self._path.with_name(self._path.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA page_size={self._page_bytes}")
        self._ask_for_wal(connection)
        # After a power failure the last vectors may be missing, which is no loss; the file itself stays sound.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute(f"PRAGMA journal_size_limit={WAL_BYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint={WAL_BYTES // self._page_bytes}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != self._version:
            self._make_tables(connection)

    def _ask_for_wal(self, connection: sqlite3.Connection) -> None:
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                # Of processes that open a new file at once, all but one are told "locked" here without any waiting.
                if primary_code(error) not in _BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_S)

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, self._version):
                raise sqlite3.DatabaseError("made by another version")
            if version == 0:
                for statement in self._tables:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={self._version}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _hold(self) -> None:
        if self._lock_fd < 0:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_fd = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
            # Who throws the file away holds it alone for a millisecond.
            fcntl.flock(self._lock_fd, fcntl.LOCK_SH)

    def _let_go(self) -> None:
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _close_connection(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()


def primary_code(error: Exception) -> int | None:
    """Gives SQLite's result code without its extension (https://sqlite.org/rescode.html); None for other errors."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def error_name(error: Exception) -> str:
    """Names the kind of error in a word."""
    return str(getattr(error, "sqlite_errorname", None) or type(error).__name__)


def is_damage(error: Exception) -> bool:
    """Says whether it means that the file is damaged, or not one of ours."""
    return primary_code(error) in _DAMAGED or type(error) is sqlite3.DatabaseError
