"""Repositories that were made to do harm: nothing of them is ever run, followed, or written where it says."""

import json
import os
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import BackendError, IntegrityError
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard
from rag_llm_system.infrastructure.crawlers.git.crawler import GithubCrawler
from tests.integration.git_repositories import (
    FILE,
    FOLDER,
    SUBMODULE,
    SYMLINK,
    bare_repository,
    commit_tree,
    git,
    write_blob,
    write_tree,
)

SECRET = b"nobody may read this"
IMPOSSIBLE = "has a path that git itself does not allow, or is too deep within folders"

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """Gives the folder of the crawler's temporary ones, beside a file that nothing may read or change."""
    folder = tmp_path / "a" / "b" / "temporary"
    folder.mkdir(parents=True)
    (tmp_path / "outside.py").write_bytes(SECRET)
    yield folder
    assert list(folder.iterdir()) == []
    assert (tmp_path / "outside.py").read_bytes() == SECRET
    assert not (tmp_path / "ran").exists()


def crawl(room: Path, link: Path, **options: int) -> tuple[dict[str, bytes], dict[str, str]]:
    """Gives the bodies of what came by path, and the reasons of what did not by the end of the link."""
    guard = AddressGuard()
    found = list(GithubCrawler(guard, temporary_folder=room, **options).crawl(f"git+{link}"))  # type: ignore[arg-type]
    assert not any(SECRET in item.body for item in found if isinstance(item, Fetched))
    bodies = {item.path: item.body for item in found if isinstance(item, Fetched)}
    return bodies, {i.link.rpartition("#")[2]: i.reason for i in found if isinstance(i, FetchFailure)}


def test_files_never_come_to_lie_in_the_file_system(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "x.git", {"marked-name.py": b"marked-text", "b.py": b"b"})
    found = GithubCrawler(AddressGuard(), temporary_folder=room).crawl(str(path))
    next(found)
    lying = [Path(folder) / name for folder, _, names in os.walk(room) for name in names]
    assert lying
    assert not [p for p in lying if "marked" in p.name or b"marked-" in p.read_bytes()]
    assert not [p for p in room.rglob("*") if p.is_symlink() or "hooks" in p.parts]
    list(found)


def test_symbolic_links_in_every_direction_lead_nowhere(tmp_path: Path, room: Path) -> None:
    targets = {"etc.py": "/etc/passwd", "up.py": "../../../outside.py", "proc.py": "/proc/self/environ"}
    targets |= {"home.py": "~/.ssh/id", "git.py": ".git/config", "zero.py": "a\0/../../../outside.py"}
    path = bare_repository(tmp_path / "x.git", {"a.py": "a"}, symlinks=targets)
    bodies, failures = crawl(room, path)
    assert list(bodies) == ["a.py"]
    assert list(failures) == ["etc.py", "proc.py", "up.py", "zero.py"]
    assert set(failures.values()) == {"is a symbolic link that leads out of the repository"}


def test_a_folder_that_is_a_link_and_a_folder_at_once_writes_nothing_through_the_link(
    tmp_path: Path, room: Path
) -> None:
    path = bare_repository(tmp_path / "x.git", {"a.py": "a"})
    evil = write_blob(path, b"evil")
    link = write_blob(path, b"../../../..")
    hooks = write_tree(path, (FILE, b"outside.py", evil))
    tree = write_tree(
        path, (SYMLINK, b".GIT", link), (FOLDER, b".GIT", hooks), (SYMLINK, b"d", link), (FOLDER, b"d", hooks)
    )
    commit_tree(path, tree)
    bodies, failures = crawl(room, path)
    assert bodies == {"d/outside.py": b"evil"}
    out = "is a symbolic link that leads out of the repository"
    assert failures == {".GIT": IMPOSSIBLE, ".GIT/outside.py": IMPOSSIBLE, "d": out}


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".Git"])
def test_folders_with_names_that_git_does_not_allow_are_reported(tmp_path: Path, room: Path, name: bytes) -> None:
    path = bare_repository(tmp_path / "x.git", {"a.py": "a"})
    file = write_blob(path, b"[core] fsmonitor = touch /tmp/ran")
    tree = write_tree(path, (FOLDER, name, write_tree(path, (FILE, b"config", file))), (FILE, b"ok.py", file))
    commit_tree(path, tree)
    bodies, failures = crawl(room, path)
    assert list(bodies) == ["ok.py"]
    assert set(failures.values()) <= {IMPOSSIBLE}
    assert all(".." not in body_path.split("/") for body_path in bodies)


def test_a_name_with_slashes_within_is_a_label_and_no_path(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "x.git", {"a.py": "a"})
    file = write_blob(path, b"evil")
    tree = write_tree(path, (FILE, b"../../../outside.py", file), (FILE, str(tmp_path / "outside.py").encode(), file))
    commit_tree(path, tree)
    bodies, failures = crawl(room, path)
    assert bodies == {}
    assert list(failures.values()) == [IMPOSSIBLE] * 2


def test_hooks_filters_and_settings_of_the_repository_are_never_run(tmp_path: Path, room: Path) -> None:
    run = f"touch {tmp_path}/ran"
    files = {"a.py": "a", ".gitattributes": "* filter=evil diff=evil merge=evil\n"}
    files[".gitmodules"] = f'[submodule "x"]\n\tpath = x\n\turl = -u./payload\n\tupdate = !{run}\n'
    path = bare_repository(tmp_path / "x.git", files, submodules={"x": "2" * 40})
    for key in ("filter.evil.smudge", "filter.evil.clean", "diff.evil.textconv", "core.fsmonitor", "core.sshCommand"):
        git(path, "config", key, run)
    git(path, "config", "uploadpack.packObjectsHook", run)
    for hook in ("post-checkout", "reference-transaction", "post-upload-pack", "pre-auto-gc", "fsmonitor-watchman"):
        (path / "hooks" / hook).write_text(f"#!/bin/sh\n{run}\n", encoding="ascii")
        (path / "hooks" / hook).chmod(0o755)
    bodies, failures = crawl(room, path)
    assert (bodies, list(failures)) == ({"a.py": b"a"}, ["x"])


def test_a_repository_that_would_fetch_the_rest_by_a_command_does_not(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "x.git", {"a.py": "a", "gone.py": "gone"})
    commit = git(path, "rev-parse", "main")
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "evil",
        "remote.evil.promisor": "true",
        "remote.evil.url": f"ext::sh -c touch% {tmp_path}/ran",
        "protocol.ext.allow": "always",
        "protocol.allow": "always",
    }.items():
        git(path, "config", key, value)
    git(path, "unpack-objects", "-q", stdin=_loose(path))
    blob = git(path, "rev-parse", f"{commit}:gone.py")
    (path / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(BackendError):
        crawl(room, path)


def test_a_pack_that_swells_when_it_is_unpacked_is_held_down(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "x.git", {"a.py": "a"})
    swollen = write_blob(path, bytes(20_000_000))
    commit_tree(path, write_tree(path, (FILE, b"a.py", write_blob(path, b"a")), (FILE, b"bomb.py", swollen)))
    bodies, failures = crawl(room, path, max_file_bytes=1_000_000)
    assert bodies == {"a.py": b"a"}
    assert failures == {"bomb.py": "has 20000000 bytes; the limit is 1000000"}


def test_folders_within_folders_come_to_an_end(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "x.git", {"a.py": "a"})
    file = write_blob(path, b"x")
    tree = write_tree(path, (FILE, b"a.py", file))
    for _ in range(150):
        tree = write_tree(path, (FOLDER, b"d", tree), (FILE, b"x.py", file))
    commit_tree(path, tree)
    bodies, failures = crawl(room, path)
    assert (len(bodies), len(failures)) == (100, 51)
    assert set(failures.values()) == {IMPOSSIBLE}


def test_millions_of_folders_that_a_small_repository_names_are_not_all_remembered(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {"x": "x"})
    tree = write_tree(path, (FILE, b".hidden", write_blob(path, b"x")), (FILE, b"a.py", write_blob(path, b"x")))
    for _ in range(80):
        tree = write_tree(path, (FOLDER, b"d", tree))
    for _ in range(9):
        tree = write_tree(path, *((FOLDER, name, tree) for name in (b"a", b"b")))
    commit_tree(path, tree)
    tracemalloc.start()
    try:
        bodies, failures = crawl(room, path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(bodies), failures) == (2**9, {})
    assert peak_bytes < 5_000_000


def test_a_path_that_no_file_system_takes_ends_the_crawl(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "x.git", {"a.py": "a"})
    commit_tree(path, write_tree(path, (FILE, b"a" * 100_000, write_blob(path, b"x"))))
    with pytest.raises(IntegrityError, match="too long"):
        crawl(room, path)


def test_modes_that_do_not_exist_are_left_alone(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "x.git", {"a.py": "a"})
    file = write_blob(path, b"x")
    tree = write_tree(path, (b"100664", b"old.py", file), (b"104755", b"suid.py", file), (SUBMODULE, b"sub", "3" * 40))
    commit_tree(path, tree)
    bodies, failures = crawl(room, path)
    assert set(bodies) <= {"old.py", "suid.py"}
    assert list(failures) == ["sub"]


def test_nothing_that_a_repository_says_becomes_more_than_one_line(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "x.git", {"a.py": "a"})
    file = write_blob(path, b"x")
    commit_tree(path, write_tree(path, (FILE, b"a\nINFO all is well\r\x1b[2J.py", file), (SUBMODULE, b"s\n", "3" * 40)))
    found = list(GithubCrawler(AddressGuard(), temporary_folder=room).crawl(str(path)))
    assert len(found) == 2
    for item in found:
        assert all(sign.isprintable() for sign in item.link)
        assert not isinstance(item, Fetched) or item.path.isprintable()
        assert json.dumps(item.metadata if isinstance(item, Fetched) else item.reason)


def _loose(path: Path) -> bytes:
    """Gives all objects as a pack, and takes the pack away, so that single ones can be."""
    names = git(path, "rev-list", "--objects", "--all")
    git(path, "pack-objects", "-q", str(path / "objects" / "all"), stdin=names.encode())
    pack = next((path / "objects").glob("all-*.pack"))
    body = pack.read_bytes()
    for file in [*(path / "objects").glob("all-*"), *(path / "objects" / "pack").iterdir()]:
        file.unlink()
    return body
