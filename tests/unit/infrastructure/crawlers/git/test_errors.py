"""What git complains of becomes the error that a person can act on, and nothing of its words."""

import pytest

from rag_llm_system.domain.errors import (
    AccessError,
    BackendError,
    BackendUnavailableError,
    CapabilityError,
    DiskFullError,
    NotFoundError,
    RagError,
)
from rag_llm_system.infrastructure.crawlers.git.errors import error_of
from rag_llm_system.infrastructure.crawlers.git.links import parse_git_link
from rag_llm_system.infrastructure.crawlers.git.process import Finished

URL = "https://code.example/x.git/"
COMPLAINTS: list[tuple[str, type[RagError], str]] = [
    (f"fatal: repository '{URL}' not found", NotFoundError, "or it needs a login"),
    ("fatal: could not read Username for 'https://x': terminal prompts disabled", NotFoundError, "or it needs a login"),
    (f"fatal: unable to access '{URL}': The requested URL returned error: 403", NotFoundError, "or it needs a login"),
    (f"fatal: unable to access '{URL}': The requested URL returned error: 301", NotFoundError, "has moved"),
    (f"fatal: unable to access '{URL}': The requested URL returned error: 429", BackendUnavailableError, "later"),
    (f"fatal: unable to access '{URL}': The requested URL returned error: 503", BackendUnavailableError, "later"),
    (f"fatal: unable to access '{URL}': Failed to connect to x port 1", BackendUnavailableError, "later"),
    ("fatal: the remote end hung up unexpectedly", BackendUnavailableError, "later"),
    ("fatal: early EOF\nfatal: fetch-pack: invalid index-pack output", BackendUnavailableError, "later"),
    (f"fatal: unable to access '{URL}': server certificate verification failed.", BackendError, "GIT_SSL_CAINFO"),
    ("fatal: SSL certificate problem: self-signed certificate", BackendError, "GIT_SSL_CAINFO"),
    ("git@x: Permission denied (publickey).\nfatal: Could not read from remote", AccessError, "ssh-add"),
    ("Host key verification failed.\nfatal: Could not read from remote", AccessError, "connect once by hand"),
    ("fatal: detected dubious ownership in repository at '/x'", AccessError, "belongs to another user"),
    ("fatal: write error: No space left on device", DiskFullError, "make room"),
    ("fatal: dumb http transport does not support shallow capabilities", CapabilityError, "give the clone"),
    ("fatal: remote error: upload-pack: not our ref 1234", NotFoundError, "does not have that commit"),
    ("fatal: protocol error: bad line length character: zzzz", BackendError, "exit status 128"),
]


@pytest.mark.parametrize(("complaint", "kind", "words"), COMPLAINTS)
def test_a_complaint_becomes_one_line_of_the_right_kind(complaint: str, kind: type[RagError], words: str) -> None:
    error = error_of(
        Finished(128, "", f"remote: hush\n{complaint}\n"), parse_git_link("git+https://code.example/x.git")
    )
    assert type(error) is kind
    assert words in error.message
    assert "\n" not in error.message
    assert "hush" not in error.message


def test_credentials_that_do_not_open_are_refused_without_being_shown() -> None:
    complaint = "fatal: could not read Username for 'https://code.example': terminal prompts disabled"
    error = error_of(Finished(128, "", complaint), parse_git_link("https://ada:hush@code.example/x.git"))
    assert type(error) is AccessError
    assert "hush" not in error.message


def test_a_git_that_was_killed_says_by_what() -> None:
    error = error_of(Finished(-9, "", ""), parse_git_link("https://code.example/x.git"))
    assert "signal 9" in error.message
