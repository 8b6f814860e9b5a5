"""Repositories of other machines: over https and ssh, of servers that behave and of those that do not."""

import base64
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from rag_llm_system.domain.errors import (
    AccessError,
    BackendError,
    BackendUnavailableError,
    InputError,
    NotFoundError,
    RagError,
)
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard
from rag_llm_system.infrastructure.crawlers.git.crawler import GithubCrawler
from tests.integration.git_repositories import bare_repository, git
from tests.integration.git_server import HOST, Answer, git_server, make_certificate, silent_server

LOOPBACK = ("127.0.0.0/8",)
ADVERTISEMENT = {"Content-Type": "application/x-git-upload-pack-advertisement"}
RESULT = {"Content-Type": "application/x-git-upload-pack-result"}
N_REQUESTS = 5
"""Two to learn what there is, three to fetch it; the last answer holds the pack."""

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the server's certificate, and is not installed")
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """Gives a folder with a repository whose server can leave large files out."""
    path = bare_repository(tmp_path / "served" / "engine.git", {"a.py": "a = 1\n", "big.py": "#" * 5000})
    git(path, "config", "uploadpack.allowFilter", "true")
    return path.parent


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


def looks_up(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    """Gives a resolver that knows one host."""
    return lambda host, port: addresses if host == HOST else ()


def crawler(room: Path, certificate: tuple[Path, Path] | None = None, **options: object) -> GithubCrawler:
    environment = {"PATH": os.environ["PATH"], "HTTPS_PROXY": "http://127.0.0.1:1"}
    if certificate:
        environment["GIT_SSL_CAINFO"] = str(certificate[0])
    guard = AddressGuard(LOOPBACK, look_up=looks_up("127.0.0.1"))
    chosen = {
        "environment": environment,
        "temporary_folder": room,
        "max_file_bytes": 1000,
        "timeout_s": 20.0,
        **options,
    }
    return GithubCrawler(guard, **chosen)  # type: ignore[arg-type]


def test_a_repository_comes_over_https_from_the_address_that_the_guard_gave(
    served: Path, certificate: tuple[Path, Path], room: Path
) -> None:
    with git_server(served, certificate) as server:
        found = list(crawler(room, certificate).crawl(server.link("engine.git")))
    shown = f"git+https://{HOST}:{server.port}/engine.git"
    assert [(f.link, f.body) for f in found if isinstance(f, Fetched)] == [(f"{shown}#a.py", b"a = 1\n")]
    assert found[1] == FetchFailure(f"{shown}#big.py", "has more than 1000 bytes, which is the limit")


def test_what_is_too_large_does_not_even_cross_the_network(
    tmp_path: Path, served: Path, certificate: tuple[Path, Path], room: Path
) -> None:
    bare_repository(served / "engine.git", {"a.py": "a", "big.py": os.urandom(3_000_000)})
    with git_server(served, certificate) as server:
        found = list(crawler(room, certificate, max_repository_bytes=500_000).crawl(server.link("engine.git")))
    assert [type(item) for item in found] == [Fetched, FetchFailure]


@pytest.mark.parametrize("given_as", ["in the link", "as a token"])
def test_a_private_repository_opens_with_credentials_that_show_nowhere(
    given_as: str, served: Path, certificate: tuple[Path, Path], room: Path
) -> None:
    expected = "Basic " + base64.b64encode(b"x-access-token:hush-hush").decode()
    refused = Answer(401, {"WWW-Authenticate": 'Basic realm="x"'})
    seen: list[str] = []

    def says(path: str, headers: dict[str, str]) -> Answer | None:
        for process in psutil.process_iter(["cmdline"]):
            seen.extend(process.info["cmdline"] or ())
        return None if headers.get("Authorization") == expected else refused

    login, tokens = ("x-access-token:hush-hush@", {}) if given_as == "in the link" else ("", {HOST: "no"})
    with git_server(served, certificate, says) as server:
        if tokens:
            tokens[f"{HOST}:{server.port}"] = "hush-hush"
        found = list(crawler(room, certificate, tokens=tokens).crawl(server.link("engine.git", login=login)))
    assert isinstance(found[0], Fetched)
    assert "hush" not in repr(found)
    assert any(word.endswith("engine.git") for word in seen)
    assert not [word for word in seen if "hush" in word or expected in word]


def test_a_token_goes_to_its_own_host_and_port_alone(served: Path, certificate: tuple[Path, Path], room: Path) -> None:
    tokens = {"github.com": "hush", HOST: "hush", f"{HOST}:443": "hush"}
    with git_server(served, certificate) as server:
        list(crawler(room, certificate, tokens=tokens).crawl(server.link("engine.git")))
    assert all("Authorization" not in headers for _path, headers in server.requests)


@pytest.mark.parametrize(
    ("status", "login", "error", "words"),
    [
        (301, "", NotFoundError, "has moved"),
        (302, "ada:hush@", NotFoundError, "has moved"),
        (401, "", NotFoundError, "needs a login"),
        (401, "ada:hush@", AccessError, "does not let these credentials"),
        (404, "", NotFoundError, "needs a login"),
        (503, "", BackendUnavailableError, "try again later"),
    ],
)
def test_a_server_that_says_no_is_asked_once_and_followed_nowhere(
    status: int, login: str, error: type[RagError], words: str, served: Path, certificate: tuple[Path, Path], room: Path
) -> None:
    headers = {"Location": f"https://{HOST}:1/x.git/info/refs?service=git-upload-pack", "WWW-Authenticate": "Basic"}
    answers = git_server(served, certificate, lambda path, sent: Answer(status, headers))
    with answers as server, pytest.raises(error, match=words) as caught:
        list(crawler(room, certificate).crawl(server.link("engine.git", login=login)))
    assert len(server.requests) == 1
    assert "hush" not in caught.value.message


def test_a_certificate_that_nobody_vouches_for_is_not_taken(
    served: Path, certificate: tuple[Path, Path], room: Path
) -> None:
    with git_server(served, certificate) as server, pytest.raises(BackendError, match="GIT_SSL_CAINFO"):
        list(crawler(room).crawl(server.link("engine.git")))
    assert server.requests == []


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"<html>hello", NotFoundError), (b"zzzz", BackendError), (b"001e# service=git-upload-pack\n0000", BackendError)],
)
def test_a_server_that_talks_nonsense_is_an_error(
    body: bytes, error: type[RagError], served: Path, certificate: tuple[Path, Path], room: Path
) -> None:
    headers = {"Content-Type": "text/html"} if body.startswith(b"<") else ADVERTISEMENT
    answers = git_server(served, certificate, lambda path, sent: Answer(200, headers, body))
    with answers as server, pytest.raises(error):
        list(crawler(room, certificate).crawl(server.link("engine.git")))


@pytest.mark.parametrize("link", [f"https://{HOST}/a.git", f"git@{HOST}:a.git", f"ssh://{HOST}:2222/a.git"])
@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("169.254.169.254",), ("93.184.216.34", "127.0.0.1"), ("::1",)])
def test_a_private_address_is_not_contacted(link: str, addresses: tuple[str, ...], room: Path) -> None:
    guard = AddressGuard(look_up=looks_up(*addresses))
    with pytest.raises(AccessError, match="private network"):
        list(GithubCrawler(guard, temporary_folder=room).crawl(link))


def test_a_host_that_nobody_knows_is_an_error(room: Path) -> None:
    with pytest.raises(NotFoundError, match="no host"):
        list(crawler(room).crawl("https://nowhere.example/a.git"))


def test_a_server_that_never_answers_is_given_up_in_time(room: Path) -> None:
    with silent_server() as port:
        started = time.monotonic()
        with pytest.raises(BackendUnavailableError, match=r"could not be fetched in 0\.7 s"):
            list(crawler(room, timeout_s=0.7).crawl(f"https://{HOST}:{port}/a.git"))
        assert time.monotonic() - started < 30


def test_a_server_that_stops_in_the_middle_is_given_up_in_time(
    served: Path, certificate: tuple[Path, Path], room: Path
) -> None:
    stalled = Answer(200, {**RESULT, "Content-Length": "1000000"}, b"000dpackfile\n", then=lambda: time.sleep(4))

    def says(path: str, headers: dict[str, str]) -> Answer | None:
        return stalled if len(server.requests) == N_REQUESTS else None

    late = pytest.raises(BackendUnavailableError, match="could not be fetched in 2 s")
    with git_server(served, certificate, says) as server, late:
        list(crawler(room, certificate, timeout_s=2.0).crawl(server.link("engine.git")))


def test_a_server_that_sends_without_end_is_stopped(served: Path, certificate: tuple[Path, Path], room: Path) -> None:
    sent_bytes = 0

    def says(path: str, headers: dict[str, str]) -> Answer | None:
        if len(server.requests) < N_REQUESTS:
            return None
        return Answer(200, {**RESULT, "Content-Length": str(10**12)}, endless_pack())

    def endless_pack() -> bytes:
        nonlocal sent_bytes
        # A pack with one blob of 64 GB, stored as it is: https://git-scm.com/docs/pack-format
        head = b"PACK" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + bytes([0xB0]) + b"\xff" * 4 + b"\x7f\x78\x01"
        block = b"\x00\xff\xff\x00\x00" + bytes(65535)
        body = b"".join(_packet(b"\x01" + part) for part in _parts(head + block * 200))
        sent_bytes = len(body)
        commit = git(served / "engine.git", "rev-parse", "main").encode()
        return _packet(b"shallow-info\n") + _packet(b"shallow " + commit) + b"0001" + _packet(b"packfile\n") + body

    with git_server(served, certificate, says) as server, pytest.raises(InputError, match="more than 2 MB"):
        list(crawler(room, certificate, max_repository_bytes=2_000_000).crawl(server.link("engine.git")))
    assert sent_bytes > 10_000_000


def test_ssh_goes_to_the_address_of_the_guard_and_checks_the_key_of_the_host(
    tmp_path: Path, served: Path, room: Path
) -> None:
    words = tmp_path / "words"
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nfor w in "$@"; do echo "$w" >> {words}; last=$w; done\neval "$last"\n', encoding="ascii"
    )
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    link = f"ssh://git@{HOST}:2222{served}/engine.git"
    found = list(crawler(room, environment=environment).crawl(link))
    assert [item.body for item in found if isinstance(item, Fetched)] == [b"a = 1\n"]
    said = words.read_text(encoding="ascii").splitlines()
    assert {"HostName=127.0.0.1", f"HostKeyAlias=[{HOST}]:2222", "BatchMode=yes", "StrictHostKeyChecking=yes"} <= {
        *said
    }
    assert f"git@{HOST}" in said


@pytest.mark.skipif(not shutil.which("ssh"), reason="ssh is not installed")
def test_ssh_to_a_port_where_nobody_listens_is_an_error_and_asks_nothing(room: Path) -> None:
    with pytest.raises(BackendUnavailableError, match="try again later"):
        list(crawler(room).crawl(f"ssh://git@{HOST}:1/engine.git"))


@pytest.mark.parametrize("where", ["while it fetches", "while it reads"])
def test_an_interrupt_ends_git_and_removes_the_temporary_folder(where: str, tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {f"{n}.py": "x" for n in range(50)})
    with silent_server() as port:
        link = f"https://{HOST}:{port}/a.git" if where == "while it fetches" else str(path)
        code = (
            "import sys, time\nfrom pathlib import Path\n"
            "from rag_llm_system.infrastructure.crawlers.git.crawler import GithubCrawler\n"
            "from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard\n"
            "guard = AddressGuard(['127.0.0.0/8'], look_up=lambda host, port: ['127.0.0.1'])\n"
            "for found in GithubCrawler(guard, temporary_folder=Path(sys.argv[2])).crawl(sys.argv[1]):\n"
            "    time.sleep(20)\n"
        )
        process = subprocess.Popen([sys.executable, "-c", code, link, str(room)], stderr=subprocess.PIPE)
        children = _children_at_work(process.pid)
        process.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in process.communicate(timeout=60)[1]
    assert not [child for child in psutil.wait_procs(children, timeout=10)[1] if child.status() != psutil.STATUS_ZOMBIE]


def _children_at_work(pid: int) -> list[psutil.Process]:
    """Gives the processes below one, once there are some that have gone on for a moment."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children = psutil.Process(pid).children(recursive=True)
        time.sleep(0.3)
        if children and all(child.is_running() for child in children):
            return children
    raise AssertionError("git was never started")


def _packet(content: bytes) -> bytes:
    return b"%04x" % (len(content) + 4) + content


def _parts(content: bytes, n_bytes: int = 65_000) -> Iterator[bytes]:
    for start in range(0, len(content), n_bytes):
        yield content[start : start + n_bytes]
