"""An error of ours as a finding: what is wrong on one side, what to do on the other."""

import pytest

from rag_llm_system.application.diagnosis.findings import Level, failure
from rag_llm_system.domain.errors import BackendError, MissingExtraError, RagError


@pytest.mark.parametrize(
    ("message", "found", "advice"),
    [
        ("the disk is full: make room and run it again", "the disk is full", "make room and run it again"),
        ("no weights of a/b: not allowed; run: pip install c", "no weights of a/b: not allowed", "run: pip install c"),
        ("TOP_K cannot be used: too large. Change it in .env.", "TOP_K cannot be used: too large", "change it in .env"),
        ("X is no setting. Did you mean Y? Remove it.", "X is no setting. Did you mean Y?", "remove it"),
        (
            "it failed (OSError: 5): delete the index; or report it",
            "it failed (OSError: 5)",
            "delete the index; or report it",
        ),
        ("nothing can be done", "nothing can be done", "see docs/settings.md"),
    ],
)
def test_a_message_is_parted_where_it_begins_to_say_what_to_do(message: str, found: str, advice: str) -> None:
    finding = failure(BackendError(message))
    assert (finding.level, finding.found, finding.advice) == (Level.FAIL, found, advice)


def test_a_missing_extra_says_how_to_install_it() -> None:
    error: RagError = MissingExtraError("MongoDB", "mongo")
    assert failure(error).found == "MongoDB cannot be used without the extra 'mongo'"
    assert failure(error).advice.startswith("install it with pip install")
