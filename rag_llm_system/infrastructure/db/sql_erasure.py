"""Leaving no byte behind: what was deleted or replaced before is taken out of the database's files."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table

from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError, RagError
from rag_llm_system.infrastructure.db.sql_errors import own_errors

_PAUSE_S = 0.05
_TRY_MS = 100

_FIRST_READ_LOCK, _LAST_READ_LOCK = 123, 127
"""The bytes of the -shm file that readers lock: https://sqlite.org/walformat.html#wal_locks."""


@contextmanager
def told_what_remains() -> Iterator[None]:
    """Says in each error that what was to be erased is removed, and that its bytes are not."""
    try:
        yield
    except RagError as error:
        what = "what was to be erased is removed, but its bytes stay until this is done again"
        raise type(error)(f"{what}: {error.message}") from None


def rewrite_files(engine: Engine, path: str, *, timeout_s: float) -> None:
    """Writes SQLite's files anew without what was deleted, and empties the write-ahead log.

    It holds for documents.sqlite, -wal and -shm. What a file system keeps of blocks that a file no longer has, and what
    backups hold, is beyond it. It takes free space of twice the file's size there, and of once in the system's
    temporary folder.

    Args:
        engine: to the database.
        path: its file.
        timeout_s: how long to wait for others that read or write.

    Raises:
        BackendUnavailableError: others read or write all the time; the message names them where that can be known.
        DiskFullError: there is no room.
    """
    deadline = time.monotonic() + timeout_s
    pooled = engine.raw_connection()
    connection = pooled.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    pooled.detach()  # with settings that nobody else should get
    try:
        with own_errors(path):
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute(f"PRAGMA busy_timeout={_TRY_MS}")
            for rewritten in (_is_vacuumed, _is_log_empty):
                while not rewritten(connection):
                    if time.monotonic() > deadline:
                        raise BackendUnavailableError(f"{_who(_readers(path))} uses {path} all the time: end that")
                    time.sleep(_PAUSE_S)
    finally:
        pooled.close()


def rewrite_table(engine: Engine, table: Table, place: str, *, timeout_s: float) -> None:
    """Writes a table of PostgreSQL anew without what was deleted, its indexes and long values too.

    The statistics are made anew as well, since they hold samples. The server's write-ahead log, what it archives of
    that, replicas until they follow, and backups keep what they have: see to those by the server's own means.

    Args:
        engine: to the database; its time-outs must allow for the rewriting.
        table: which.
        place: names the database in messages.
        timeout_s: how long to wait for others that read.

    Raises:
        BackendUnavailableError: others read all the time; the message names the server's processes.
        ConfigurationError: this user does not own the table.
        DiskFullError: there is no room.
    """
    deadline = time.monotonic() + timeout_s
    with own_errors(place), engine.connect() as connected:
        connection = connected.execution_options(isolation_level="AUTOCOMMIT")
        before = _file_of(connection, table)
        _wait(connection, _older_readers(connection), place, deadline)
        _wait(connection, f"SELECT pid FROM pg_locks WHERE relation = '{table.name}'::regclass", place, deadline)
        # Whoever comes in between is waited for here, and the error names nobody.
        connection.exec_driver_sql(f"SET lock_timeout = {int(timeout_s * 1000)}")
        connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table.name}")
        if _file_of(connection, table) == before:  # the server only warns
            what = f"this user may not rewrite {table.name} in {place}"
            raise ConfigurationError(f"{what}: let its owner do this again, or VACUUM FULL it")


def _is_vacuumed(connection: sqlite3.Connection) -> bool:
    return _unless_busy(connection, "VACUUM") is not None


def _is_log_empty(connection: sqlite3.Connection) -> bool:
    return _unless_busy(connection, "PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]


def _unless_busy(connection: sqlite3.Connection, statement: str) -> list[Any] | None:
    try:
        return connection.execute(statement).fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return None
        raise


def _readers(path: str) -> list[int]:
    """Gives the ids of the processes that read the database, where the system tells (Linux)."""
    try:
        inode = Path(f"{path}-shm").stat().st_ino
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    readers = set()
    for line in lines:  # 1: POSIX  ADVISORY  READ 4711 08:01:1234567 123 123
        fields = line.split()
        is_there = len(fields) == 8 and fields[5].rpartition(":")[2] == str(inode)
        if is_there and _FIRST_READ_LOCK <= int(fields[6]) <= _LAST_READ_LOCK:
            readers.add(int(fields[4]))
    return sorted(readers)


def _older_readers(connection: Connection) -> str:
    """Gives the query for those who may still see what was deleted; until they end, rewriting would copy it."""
    newest = int(connection.exec_driver_sql("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").scalar_one())
    return (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_xmin IS NOT NULL"
        f" AND age(backend_xmin) > age('{newest % 2**32}'::xid)"
    )


def _wait(connection: Connection, query: str, place: str, deadline: float) -> None:
    """Waits until the query for processes gives none but this one."""
    while pids := {*connection.exec_driver_sql(query).scalars()} - {_own_pid(connection)}:
        if time.monotonic() > deadline:
            who = _who(sorted(pids))
            raise BackendUnavailableError(f"{who} uses {place} all the time: end that, or pg_terminate_backend it")
        time.sleep(_PAUSE_S)


def _own_pid(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def _file_of(connection: Connection, table: Table) -> int:
    return int(connection.exec_driver_sql(f"SELECT pg_relation_filenode('{table.name}')").scalar_one())


def _who(pids: list[int]) -> str:
    return f"process {', '.join(map(str, pids))}" if pids else "another process"
