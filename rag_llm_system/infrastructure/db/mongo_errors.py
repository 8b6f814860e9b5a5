"""What MongoDB's errors mean to a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rag_llm_system.domain.errors import (
    BackendError,
    BackendUnavailableError,
    ConfigurationError,
    DiskFullError,
    IntegrityError,
    MissingExtraError,
    RagError,
)

# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
_DUPLICATE_KEY = 11000
_WRONG_PASSWORD = {18, 8000}
_NOT_ALLOWED = {13, 33}
_DISK_FULL = {14031}
_OTHER_INDEX = {85, 86}
_CONCERN_THAT_NOBODY_MEETS = {79, 100}
_LATER = {6, 7, 50, 64, 89, 91, 112, 134, 189, 262, 9001, 10058, 10107, 11600, 11602, 13435, 13436}


@contextmanager
def own_errors(place: str) -> Iterator[None]:
    """Turns MongoDB's errors into ours; `place` names the database in the messages.

    The text of an error is never passed on: it may hold a document, or the answer to a wrong password.

    Raises:
        MissingExtraError: the extra mongo is not installed.
        ConfigurationError: address, options, user, password or rights are not as they must be.
        BackendUnavailableError: the server is away, not the primary, or too slow.
        DiskFullError: its disk is full.
        IntegrityError: what is stored cannot be read, or two documents have one link.
        BackendError: anything else; the message names the kind of error alone.
    """
    try:
        from bson.errors import BSONError
        from pymongo.errors import PyMongoError
    except ImportError:
        raise MissingExtraError("MongoDB", "mongo") from None
    try:
        yield
    except PyMongoError as error:
        raise _translated(error, place) from None
    except BSONError:
        raise IntegrityError(f"{place} holds data that cannot be read: restore a backup") from None


def is_duplicate(error: Exception) -> bool:
    """Says whether another writer was first to store a document of that id or link."""
    return _DUPLICATE_KEY in _codes(error)


def _translated(error: Exception, place: str) -> RagError:
    from pymongo import errors

    # An AutoReconnect that carries a code is told by the code; among the others are time-outs and "not primary".
    coded = _by_code(_codes(error), place)
    if coded:
        return coded
    if isinstance(error, errors.ConfigurationError | errors.InvalidName):
        what = f"{place}: the address, its DNS record or an option cannot be used ({type(error).__name__})"
        return ConfigurationError(f"{what}: check DATABASE_HOST and DATABASE_NAME")
    if isinstance(error, errors.ConnectionFailure | errors.ExecutionTimeout | errors.WTimeoutError):
        return BackendUnavailableError(f"{place} does not answer: start it, or check host, port and TLS options")
    if isinstance(error, errors.DuplicateKeyError):
        return IntegrityError(f"{place} holds several documents of one link: remove all but one of them")
    kind = type(error).__name__
    return BackendError(f"{place} refused what it was asked ({kind}): see the database's own log")


def _by_code(codes: set[int], place: str) -> RagError | None:
    if codes & _WRONG_PASSWORD:
        return ConfigurationError(f"{place} refuses this user or password: check DATABASE_HOST and its authSource")
    if codes & _NOT_ALLOWED:
        return ConfigurationError(f"{place} does not let this user do that: grant it the role readWrite there")
    if codes & _DISK_FULL:
        return DiskFullError(f"the disk of {place} is full: make room there; what was saved before is kept")
    if codes & _OTHER_INDEX:
        return ConfigurationError(f"{place} has other indexes on link, author_id or folded_name: drop those")
    if codes & _CONCERN_THAT_NOBODY_MEETS:
        return ConfigurationError(f"{place} has too few members for the write concern: correct w in DATABASE_HOST")
    if codes & _LATER:
        return BackendUnavailableError(f"{place} has no primary that can do this now: try again later")
    return None


def _codes(error: Exception) -> set[int]:
    """Gives the codes of an error, and of those that a bulk write gathered."""
    details: Any = getattr(error, "details", None)
    details = details if isinstance(details, dict) else {}
    concerns = [*details.get("writeConcernErrors", ()), details.get("writeConcernError") or {}]
    nested = [*details.get("writeErrors", ()), *concerns]
    codes = [getattr(error, "code", None), details.get("code"), *(inner.get("code") for inner in nested)]
    return {code for code in codes if isinstance(code, int)}
