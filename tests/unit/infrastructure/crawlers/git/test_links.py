"""Links to git repositories: which are taken, how they are fetched and named, and what is refused."""

from pathlib import Path

import pytest

from rag_llm_system.domain.errors import InputError, NotFoundError
from rag_llm_system.infrastructure.crawlers.git.links import is_git_link, parse_git_link

HEAD = (("", ""),)

FORGES = {
    "https://github.com/ada/engine": ("https://github.com/ada/engine", HEAD),
    "https://github.com/ada/engine/": ("https://github.com/ada/engine", HEAD),
    "https://www.github.com/ada/engine.git": ("https://github.com/ada/engine", HEAD),
    "https://GitHub.com/ada/engine?tab=readme-ov-file#start": ("https://github.com/ada/engine", HEAD),
    "git+https://github.com/ada/engine@v1": ("https://github.com/ada/engine", (("v1", ""),)),
    "https://github.com/ada/engine/tree/main/": ("https://github.com/ada/engine", (("main", ""),)),
    "https://github.com/ada/engine/tree/a/b/c%20d": (
        "https://github.com/ada/engine",
        (("a/b", "c d"), ("a", "b/c d")),  # a branch has no space
    ),
    "https://github.com/ada/engine/tree/a/b": ("https://github.com/ada/engine", (("a/b", ""), ("a", "b"))),
    "https://github.com/ada/engine/blob/main/README.md": (
        "https://github.com/ada/engine",
        (("main/README.md", ""), ("main", "README.md")),
    ),
    "https://gitlab.com/group/sub/engine": ("https://gitlab.com/group/sub/engine", HEAD),
    "https://gitlab.com/group/sub/engine/-/tree/main": ("https://gitlab.com/group/sub/engine", (("main", ""),)),
    "https://bitbucket.org/ada/engine/src/main/": ("https://bitbucket.org/ada/engine", (("main", ""),)),
    "https://codeberg.org/ada/engine/src/branch/main": ("https://codeberg.org/ada/engine", (("main", ""),)),
}

OTHERS = {
    "https://git.example.org/x/engine.git": ("https://git.example.org/x/engine.git", "git", "engine", 443),
    "git+https://git.example.org:8443/x/engine": ("https://git.example.org:8443/x/engine", "git", "engine", 8443),
    "https://[2001:db8::1]/engine.git": ("https://[2001:db8::1]/engine.git", "git", "engine", 443),
    "https://bücher.example/engine.git": ("https://xn--bcher-kva.example/engine.git", "git", "engine", 443),
    "git@github.com:ada/engine.git": ("git@github.com:ada/engine.git", "github", "engine", 22),
    "me@git.example.org:engine.git": ("me@git.example.org:engine.git", "git", "engine", 22),
    "ssh://git@git.example.org:2222/x/engine.git": (
        "ssh://git@git.example.org:2222/x/engine.git",
        "git",
        "engine",
        2222,
    ),
    "git+ssh://git@gitlab.com/a/b/engine.git": ("ssh://git@gitlab.com/a/b/engine.git", "gitlab", "engine", 22),
}

NO_GIT_LINKS = [
    "",
    "notes",
    "a/b.md",
    "packages://direct",
    "https://example.org/page",
    "https://github.com/ada",
    "https://github.com/topics/python",
    "https://github.com/ada/engine/issues/3",
    "https://gitlab.com/group/engine/-/issues",
    "https://gitlab.com/group",
    "https://bitbucket.org/ada/engine/pull-requests",
    "https://codeberg.org/explore/repos",
    "https://github.com.example.org/ada/engine",
    "https://[broken/ada/engine.git",
    "file:///home/ada/notes",
    "ada@example.org",
]

REFUSED = {
    "http://git.example.org/engine.git": "not encrypted",
    "http://github.com/ada/engine": "not encrypted",
    "git://git.example.org/engine.git": "not encrypted",
    "git+http://git.example.org/engine": "not encrypted",
    "git+ftp://git.example.org/engine": "not fetched by ftp",
    "git+ext://sh/engine": "not fetched by ext",
    "ssh://-oProxyCommand=x/engine.git": "host in the link",
    "ssh://-x@git.example.org/engine.git": "user name in the link",
    "https://git.example.org:99999/engine.git": "host and port",
    "https://0x7f.1/engine.git": "no address of a host",
    "https://2130706433/engine.git": "no address of a host",
    "https://127.1/engine.git": "no address of a host",
    "https://a_b$c/engine.git": "host in the link",
    "https:///engine.git": "host in the link",
    "https://git.example.org/a b.git": "spaces or control",
    "https://git.example.org/a\\b.git": "spaces or control",
    "https://git.example.org/a\n.git": "spaces or control",
    "git+https://git.example.org/engine@--upload-pack=x": "does not allow",
    "https://github.com/ada/engine/tree/a..b": "does not allow",
    "https://github.com/ada/engine/tree/main/../../x": "folder in the link",
    "git+https://git.example.org/engine#subdirectory=../x": "folder in the link",
    "git+https://github.com/ada/engine/issues": "no page of a repository",
    "https://github.com/ada/engine/tree/" + "a/" * 41: "more than 40 deep",
}


@pytest.mark.parametrize("link", FORGES)
def test_a_page_of_a_forge_is_a_repository_with_a_branch_and_a_folder(link: str) -> None:
    found = parse_git_link(link)
    assert is_git_link(link)
    assert (found.shown, found.wanted) == FORGES[link]
    assert (found.url, found.protocol, found.port, found.name) == (f"{found.shown}.git", "https", 443, "engine")


@pytest.mark.parametrize("link", OTHERS)
def test_any_other_repository_is_fetched_as_it_is_written(link: str) -> None:
    found = parse_git_link(link)
    assert is_git_link(link)
    assert (found.url, found.platform, found.name, found.port) == OTHERS[link]


@pytest.mark.parametrize("link", NO_GIT_LINKS)
def test_other_links_are_left_to_other_crawlers(link: str) -> None:
    assert not is_git_link(link)


@pytest.mark.parametrize("link", REFUSED)
def test_what_cannot_be_fetched_safely_is_refused_with_the_reason(link: str) -> None:
    with pytest.raises(InputError, match=REFUSED[link]) as caught:
        parse_git_link(link)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("link", ["http://github.com/ada/engine", "git://example.org/x", "git+ftp://example.org/x"])
def test_links_that_are_refused_come_to_this_crawler_all_the_same(link: str) -> None:
    assert is_git_link(link)


def test_a_local_repository_is_known_by_its_name_or_by_the_prefix(tmp_path: Path) -> None:
    bare, work = tmp_path / "my engine.git", tmp_path / "work"
    bare.mkdir()
    (work / ".git").mkdir(parents=True)
    for link in (str(bare), bare.as_uri(), f"git+{bare}", f"git+{bare.as_uri()}", f"{bare}/"):
        found = parse_git_link(link)
        assert is_git_link(link)
        assert (found.shown, found.protocol, found.name) == (f"git+{bare.as_uri()}", "file", "my engine")
    assert parse_git_link(f"git+{work}").name == parse_git_link(f"{work}/.git").name == "work"
    assert parse_git_link(f"git+{work.as_uri()}@v1#subdirectory=src").wanted == (("v1", "src"),)
    assert not is_git_link(str(work))


@pytest.mark.parametrize("link", ["git+/nowhere/at-all", "nowhere.git", "git+file://other-host/x", "git+a\0b"])
def test_a_folder_that_is_not_there_is_an_error(link: str) -> None:
    with pytest.raises(NotFoundError):
        parse_git_link(link)


def test_a_password_is_kept_apart_and_shown_nowhere() -> None:
    found = parse_git_link("https://ada:hush%40hush@github.com/ada/engine")
    assert found.login == ("ada", "hush@hush")
    assert "hush" not in repr(found)
    assert "hush" not in found.url + found.shown


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://github.com/a/b", "https://github.com/a/b/blob/f/x/d/%C3%BC%20%231.py"),
        ("git@github.com:a/b.git", "https://github.com/a/b/blob/f/x/d/%C3%BC%20%231.py"),
        ("https://gitlab.com/a/b/c", "https://gitlab.com/a/b/c/-/blob/f/x/d/%C3%BC%20%231.py"),
        ("https://bitbucket.org/a/b", "https://bitbucket.org/a/b/src/f/x/d/%C3%BC%20%231.py"),
        ("https://codeberg.org/a/b", "https://codeberg.org/a/b/src/branch/f/x/d/%C3%BC%20%231.py"),
        ("https://example.org/b.git", "git+https://example.org/b.git#d/%C3%BC%20%231.py"),
        ("git+https://example.org/b.git@f/x", "git+https://example.org/b.git@f/x#d/%C3%BC%20%231.py"),
        ("ssh://me@example.org:23/b.git", "git+ssh://example.org:23/b.git#d/%C3%BC%20%231.py"),
    ],
)
def test_a_file_has_its_page_or_a_link_of_its_own(link: str, expected: str) -> None:
    assert parse_git_link(link).link_of("d/ü #1.py".encode(), "f/x", "branch") == expected


@pytest.mark.parametrize(
    ("link", "place"),
    [
        ("https://GitHub.com/ada/engine", "github.com"),
        ("https://github.com:443/ada/engine.git", "github.com"),
        ("https://github.com:8443/ada/engine.git", "github.com:8443"),
        ("https://[2001:db8::1]:8443/engine.git", "[2001:db8::1]:8443"),
        ("ssh://git@example.org:443/engine.git", "example.org:443"),
    ],
)
def test_a_place_is_the_host_with_the_port_where_it_is_not_the_usual_one(link: str, place: str) -> None:
    assert parse_git_link(link).place == place


def test_names_that_are_not_utf_8_have_links_of_their_own() -> None:
    found = parse_git_link("https://example.org/b.git")
    assert found.link_of(b"\xe4.py", "main", "branch") == "git+https://example.org/b.git#%E4.py"
