"""What of a link may be shown and kept."""

import pytest

from rag_llm_system.domain.links import holds_password, origin_of, without_credentials


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://ada:hush@example.org/a@b", "https://example.org/a@b"),
        ("git+https://hush@example.org/a.git", "git+https://example.org/a.git"),
        ("ssh://git@example.org/a.git", "ssh://example.org/a.git"),
        ("https://ada:hu@sh@example.org", "https://example.org"),
        ("https://example.org/?to=ada@example.org", "https://example.org/?to=ada@example.org"),
        ("git@example.org:ada/a.git", "git@example.org:ada/a.git"),
        ("/a//b@c", "/a//c"),
        ("notes/a@b.md", "notes/a@b.md"),
    ],
)
def test_user_and_password_are_taken_out(link: str, shown: str) -> None:
    assert without_credentials(link) == shown


@pytest.mark.parametrize(
    "link",
    [
        "https://ada:hush@db.example.org:6333/hush?hush=hush",
        "https://ada:hu/sh@db.example.org:6333",
        "https://db.example.org:6333?hush@hush",
        "https://db.example.org:6333#hush",
    ],
)
def test_an_origin_holds_nothing_that_may_be_secret(link: str) -> None:
    assert origin_of(link) == "https://db.example.org:6333"


@pytest.mark.parametrize(
    "link",
    [
        "https://ada:hush@example.org",
        "http://hush@example.org",
        "git+https://hush@a.b/c",
        "ssh://git:hush@a.b/c",
        "git+HTTPS://hush@a.b/c",
        " https://hush@a.b",
        "HTTPS://hush@a.b",
        "https://ada:hu/sh@a.b",
    ],
)
def test_a_password_is_noticed(link: str) -> None:
    assert holds_password(link)


@pytest.mark.parametrize(
    "link", ["https://example.org/a@b", "https://a.b:8443/c@d", "ssh://git@a.b/c", "git@a.b:c/d.git", "a@b.md"]
)
def test_what_is_no_password_passes(link: str) -> None:
    assert not holds_password(link)
