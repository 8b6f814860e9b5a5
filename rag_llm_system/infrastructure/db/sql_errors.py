"""What a database's errors mean to a person."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from rag_llm_system.domain.errors import (
    BackendError,
    BackendUnavailableError,
    ConfigurationError,
    DiskFullError,
    IntegrityError,
    RagError,
)

_AWAY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NOT_ALLOWED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}


@contextmanager
def own_errors(place: str) -> Iterator[None]:
    """Turns the database's errors into ours; `place` names the database in the messages.

    Raises:
        BackendUnavailableError: it is locked or away.
        DiskFullError: the disk is full.
        IntegrityError: the file is not a database, or is damaged.
        ConfigurationError: the path cannot be read or written.
        BackendError: anything else; the message names the kind of error alone, since its text may hold content.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise _translated(error, place) from None


def _translated(error: SQLAlchemyError, place: str) -> RagError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _translated_sqlite(cause, place)
    if isinstance(error, PoolTimeoutError | OperationalError | InterfaceError):
        return BackendUnavailableError(f"{place} does not answer: start it, or try again later")
    kind = type(cause).__name__
    return BackendError(f"{place} refused what it was asked ({kind}): see the database's own log")


def _translated_sqlite(cause: sqlite3.Error, place: str) -> RagError:
    # Extended result codes hold the primary one in their lowest byte (https://sqlite.org/rescode.html).
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _AWAY:
        return BackendUnavailableError(f"{place} is locked by another process: try again when it is done")
    if code == sqlite3.SQLITE_FULL:
        return DiskFullError(f"the disk that holds {place} is full: make room there; what was saved before is kept")
    if code in _DAMAGED:
        return IntegrityError(f"{place} is not a database, or is damaged: choose another file or restore a backup")
    if code in _NOT_ALLOWED:
        return ConfigurationError(f"{place} cannot be opened or written: check the path and its permissions")
    name = getattr(cause, "sqlite_errorname", type(cause).__name__)
    return BackendError(f"{place} failed ({name}): check the disk, then try again")
