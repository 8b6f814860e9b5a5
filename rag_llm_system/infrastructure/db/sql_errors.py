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
    InputError,
    IntegrityError,
    RagError,
)

_AWAY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_NO_ROOM_TO_START = {sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE}
"""What a full disk is called while SQLite makes the files that it works with."""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NOT_ALLOWED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}

# How the code begins -> what it means. https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES: tuple[tuple[tuple[str, ...], type[RagError], str], ...] = (
    (("28",), ConfigurationError, "{place} refuses this user or password: check DATABASE_URL"),
    (("3D",), ConfigurationError, "{place} is not there: make it with createdb, or correct DATABASE_URL"),
    (("42501",), ConfigurationError, "{place} does not let this user do that: grant it rights on schema and tables"),
    (("25006",), ConfigurationError, "{place} can only be read: let DATABASE_URL name the primary server"),
    (("22P05",), ConfigurationError, "{place} cannot hold all of Unicode: make it with ENCODING 'UTF8'"),
    (("22021",), InputError, "{place} cannot hold U+0000 in an id, a link or a name: remove it there"),
    (("54000",), InputError, "{place} cannot look up a link of more than 2,700 bytes: shorten it"),
    (("53100",), DiskFullError, "the disk of {place} is full: make room there; what was saved before is kept"),
    (("55P03",), BackendUnavailableError, "{place} is locked by another writer: try again when it is done"),
    (("08", "40", "53", "57"), BackendUnavailableError, "{place} cannot do this now: try again later"),
    (("XX001", "XX002"), IntegrityError, "{place} is damaged: restore a backup"),
)


@contextmanager
def own_errors(place: str) -> Iterator[None]:
    """Turns the database's errors into ours; `place` names the database in the messages.

    Raises:
        BackendUnavailableError: it is locked or away.
        DiskFullError: the disk is full.
        IntegrityError: the file is not a database, or is damaged.
        ConfigurationError: path, user, password, database or rights are not as they must be.
        InputError: PostgreSQL cannot hold or look up a key that was given.
        BackendError: anything else; the message names the kind of error alone, since its text may hold content.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _translated(error, place) from None
    except OSError as error:  # pg8000 lets those of its socket pass
        raise _away(place, type(error).__name__) from None


def _translated(error: SQLAlchemyError | sqlite3.Error, place: str) -> RagError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _translated_sqlite(cause, place)
    state = _sqlstate(cause)
    for states, kind, problem in _POSTGRES:
        if state.startswith(states):
            return kind(problem.format(place=place))
    if isinstance(error, PoolTimeoutError | OperationalError | InterfaceError) and not state:
        return _away(place, type(cause).__name__)
    name = state or type(cause).__name__
    return BackendError(f"{place} refused what it was asked ({name}): see the database's own log")


def _away(place: str, kind: str) -> RagError:
    return BackendUnavailableError(f"{place} does not answer ({kind}): start it, or check host and port")


def _sqlstate(cause: BaseException | None) -> str:
    """Gives PostgreSQL's five characters for what happened, as the driver hands them over; else nothing.

    A server that refuses a password hangs up; pg8000 then fails at closing, and hides the refusal behind that.
    """
    while cause is not None:
        told = cause.args[0] if cause.args else None
        state = told.get("C") if isinstance(told, dict) else getattr(cause, "sqlstate", None)
        if state:
            return str(state)
        cause = cause.__context__
    return ""


def _translated_sqlite(cause: sqlite3.Error, place: str) -> RagError:
    # Extended result codes hold the primary one in their lowest byte (https://sqlite.org/rescode.html).
    extended = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    code = extended & 0xFF
    if code in _AWAY:
        return BackendUnavailableError(f"{place} is locked by another process: try again when it is done")
    if code == sqlite3.SQLITE_FULL or extended in _NO_ROOM_TO_START:
        return DiskFullError(f"the disk that holds {place} is full: make room there; what was saved before is kept")
    if code in _DAMAGED:
        return IntegrityError(f"{place} is not a database, or is damaged: choose another file or restore a backup")
    if code in _NOT_ALLOWED:
        return ConfigurationError(f"{place} cannot be opened or written: check the path and its permissions")
    name = getattr(cause, "sqlite_errorname", type(cause).__name__)
    return BackendError(f"{place} failed ({name}): check the disk, then try again")
