"""Whatever MongoDB says, a person reads one line of ours."""

import pytest

pytest.importorskip("pymongo", reason="pymongo is not installed (extra mongo)")

from bson.errors import InvalidBSON
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WTimeoutError,
)
from pymongo.errors import (
    ConfigurationError as PyMongoConfigurationError,
)

from rag_llm_system.domain.errors import (
    BackendError,
    BackendUnavailableError,
    ConfigurationError,
    DiskFullError,
    IntegrityError,
    RagError,
)
from rag_llm_system.infrastructure.db.mongo_errors import is_duplicate, own_errors

PLACE = "the database twin on db:27017"

MEANINGS = {
    "away": (ServerSelectionTimeoutError("private"), BackendUnavailableError, f"{PLACE} does not answer: start it"),
    "cut": (AutoReconnect("private"), BackendUnavailableError, "does not answer"),
    "not the primary": (
        NotPrimaryError("private", {"code": 10107}),
        BackendUnavailableError,
        "no primary that can do this now",
    ),
    "slow members": (WTimeoutError("private", 64), BackendUnavailableError, "try again later"),
    "wrong password": (OperationFailure("private", 18), ConfigurationError, "refuses this user or password"),
    "wrong password for a cluster": (OperationFailure("private", 8000), ConfigurationError, "user or password"),
    "no rights": (OperationFailure("private", 13), ConfigurationError, "grant it the role readWrite"),
    "full disk": (OperationFailure("private", 14031), DiskFullError, "is full: make room there"),
    "full disk in a batch": (
        BulkWriteError({"writeErrors": [{"index": 3, "code": 14031, "errmsg": "private"}]}),
        DiskFullError,
        "is full: make room there",
    ),
    "too few members": (WriteConcernError("private", 100), ConfigurationError, "correct w in DATABASE_HOST"),
    "other index": (OperationFailure("private", 86), ConfigurationError, "has other indexes"),
    "one link twice": (DuplicateKeyError("private", 11000), IntegrityError, "several documents of one link"),
    "option": (PyMongoConfigurationError("private"), ConfigurationError, "check DATABASE_HOST"),
    "damaged": (InvalidBSON("private"), IntegrityError, "holds data that cannot be read"),
    "unknown": (OperationFailure("private", 4711), BackendError, r"refused what it was asked \(OperationFailure\)"),
}


@pytest.mark.parametrize("name", MEANINGS)
def test_an_error_means_what_a_person_can_do_about_it_and_passes_nothing_on(name: str) -> None:
    error, kind, words = MEANINGS[name]
    with pytest.raises(kind, match=words) as caught, own_errors(PLACE):
        raise error
    assert type(caught.value) is kind
    assert "private" not in repr(caught.value)
    assert "\n" not in caught.value.message


def test_our_own_errors_pass_as_they_are() -> None:
    with pytest.raises(RagError, match="as it is"), own_errors(PLACE):
        raise BackendError("as it is")


def test_another_writers_document_is_told_from_other_failures() -> None:
    assert is_duplicate(BulkWriteError({"writeErrors": [{"index": 0, "code": 11000}]}))
    assert not is_duplicate(BulkWriteError({"writeErrors": [{"index": 0, "code": 14031}]}))
