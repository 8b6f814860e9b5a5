"""Repositories of this machine, as git reads them: what comes, what is left out, and why."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError, InputError, NotFoundError
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard
from rag_llm_system.infrastructure.crawlers.git.crawler import GithubCrawler
from tests.integration.git_repositories import bare_repository, commit_tree, git, write_blob, write_tree

ROOT = Path(__file__).resolve().parents[2]
LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 9\n"

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Gives the folder in which the crawler makes its temporary ones; it has to be empty in the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def crawler(room: Path, **options: int | float) -> GithubCrawler:
    return GithubCrawler(AddressGuard(), temporary_folder=room, **options)  # type: ignore[arg-type]


def crawl(room: Path, link: str | Path, **options: int | float) -> tuple[dict[str, bytes], dict[str, str]]:
    """Gives the bodies of what came by path, in order, and the reasons of what did not by the end of the link."""
    found = list(crawler(room, **options).crawl(str(link)))
    assert list(room.iterdir()) == []
    bodies = {item.path: item.body for item in found if isinstance(item, Fetched)}
    return bodies, {i.link.rpartition("#")[2]: i.reason for i in found if isinstance(i, FetchFailure)}


def test_a_repository_comes_in_the_order_of_its_paths_with_types_and_categories(tmp_path: Path, room: Path) -> None:
    files = {"src/b.py": "b = 1\n", "README.md": "# Engine\n", "src/a.rs": "fn", "NOTES": "words", "docs/x.rst": "x"}
    path = bare_repository(tmp_path / "engine.git", files)
    found = [item for item in crawler(room).crawl(str(path)) if isinstance(item, Fetched)]
    assert [(f.path, f.media_type, f.category) for f in found] == [
        ("NOTES", "text/plain", None),
        ("README.md", "text/markdown", None),
        ("docs/x.rst", "text/x-rst", None),
        ("src/a.rs", "text/x-rust", Category.REPOSITORIES),
        ("src/b.py", "text/x-python", Category.REPOSITORIES),
    ]
    assert found[4].metadata == {
        "folder": "engine",
        "repository": f"git+{path.as_uri()}",
        "branch": "main",
        "blob": git(path, "rev-parse", "main:src/b.py"),
        "size_bytes": 6,
    }
    assert (found[4].link, found[4].platform) == (f"git+{path.as_uri()}#src/b.py", "git")
    assert (found[4].authors, found[4].title) == ((), "")


def test_a_commit_that_does_not_touch_a_file_leaves_all_that_is_known_of_it(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {"a.py": "a", "b.py": "b"})
    before = list(crawler(room).crawl(str(path)))
    bare_repository(path, {"a.py": "a", "b.py": "b, changed"})
    after = list(crawler(room).crawl(str(path)))
    assert (before[0], before[1] == after[1]) == (after[0], False)


def test_code_comes_to_the_byte(tmp_path: Path, room: Path) -> None:
    files = {"crlf.py": b"a = 1\r\n\tb\r\n", "latin.py": b"# \xe4\n", "odd.c": b"no newline \xff at the end"}
    files["filtered.py"] = b"$Id$ keep  \r\n"
    files[".gitattributes"] = b"* text=auto eol=lf ident filter=evil working-tree-encoding=UTF-16\n"
    bodies, failures = crawl(room, bare_repository(tmp_path / "a.git", files))
    assert (bodies, failures) == ({name: body for name, body in sorted(files.items()) if name[0] != "."}, {})


def test_what_is_hidden_made_by_tools_empty_or_no_text_is_left_out(tmp_path: Path, room: Path) -> None:
    left_out = [".github/x.yml", "node_modules/a/b.js", "web/package-lock.json", "web/dist/x.js", "go/vendor/x/y.go"]
    left_out += ["env/lib/a.py", "x.egg-info/PKG", "jquery.min.js", "uv.lock"]
    files: dict[str, bytes | str] = dict.fromkeys(left_out, "x")
    files |= {"web/package.json": "{}", "go/go.mod": "module x", "env/pyvenv.cfg": "x", "__init__.py": ""}
    files |= {"a.png": b"\x89PNG", "data.dat": b"\0\1", "report.pdf": b"%PDF-1.7", "dist/kept.md": "x"}
    bodies, failures = crawl(room, bare_repository(tmp_path / "a.git", files))
    assert (list(bodies), failures) == (["dist/kept.md", "go/go.mod", "web/package.json"], {})


def test_a_repository_without_anything_to_read_says_so(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {"a.png": b"\x89PNG", ".hidden": "x", "b.dat": b"\0"})
    assert [i.reason for i in crawler(room).crawl(str(path)) if isinstance(i, FetchFailure)] == [
        "holds nothing to read (1 hidden, 2 not text)"
    ]


def test_what_is_too_large_secret_or_elsewhere_is_reported(tmp_path: Path, room: Path) -> None:
    key = "AKIA" + "Q" * 16
    files = {"big.py": "#" * 101, "big.png": "#" * 101, "model.txt": LFS_POINTER, "deploy.py": f"k = '{key}'\n"}
    files |= {"deep/.env": "PASSWORD=hush", "server.key": "hush", ".env.example": "PASSWORD="}
    path = bare_repository(tmp_path / "a.git", files, submodules={"lib": "1" * 40}, symlinks={"out": "/etc/passwd"})
    bodies, failures = crawl(room, path, max_file_bytes=200 if len(LFS_POINTER) > 100 else 100)
    assert bodies == {"big.py": b"#" * 101}
    bodies, failures = crawl(room, path, max_file_bytes=100)
    assert (bodies, failures) == (
        {},
        {
            "big.py": "has 101 bytes; the limit is 100",
            "deep/.env": "is a file for keys or passwords by its name, and was not read",
            "deploy.py": "holds what looks like an AWS access key, and was left out: take it out and revoke it",
            "lib": "is a submodule, another repository: give its own address",
            "model.txt": f"has {len(LFS_POINTER)} bytes; the limit is 100",
            "out": "is a symbolic link that leads out of the repository",
            "server.key": "is a file for keys or passwords by its name, and was not read",
        },
    )
    assert key not in str(failures)
    assert crawl(room, path)[1]["model.txt"].startswith("is a Git LFS pointer")


def test_symbolic_links_are_never_followed(tmp_path: Path, room: Path) -> None:
    targets = {"in.py": "a.py", "deep/up.py": "../a.py", "deep/out": "../../x", "abs": str(tmp_path), "loop": "loop"}
    path = bare_repository(tmp_path / "a.git", {"a.py": "a"}, symlinks={**targets, "long": "x/" * 3000})
    bodies, failures = crawl(room, path)
    reason = "is a symbolic link that leads out of the repository"
    assert (bodies, failures) == ({"a.py": b"a"}, {"abs": reason, "deep/out": reason, "long": reason})


def test_names_that_are_no_utf_8_or_not_printable_come_with_a_link_of_their_own(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {b"\xe4.py": "1", b"\xe5.py": "2", "ü\u202e.md": "3"})
    found = [item for item in crawler(room).crawl(str(path)) if isinstance(item, Fetched)]
    assert [(f.path, f.link.rpartition("#")[2]) for f in found] == [
        ("ü\ufffd.md", "%C3%BC%E2%80%AE.md"),
        ("\ufffd.py", "%E4.py"),
        ("\ufffd.py", "%E5.py"),
    ]


def test_branches_tags_commits_and_folders_are_found(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {"old.py": "1", "src/x/a.py": "2", "src/b.py": "3", "srcs.py": "4"})
    first = git(path, "rev-parse", "main")
    git(path, "tag", "-a", "-m", "x", "v1", first)
    git(path, "branch", "topic/new", first)
    bare_repository(path, {"new.py": "5"})
    assert list(crawl(room, path)[0]) == list(crawl(room, f"git+{path}")[0]) == ["new.py"]
    for ref in ("v1", "topic/new", first):
        bodies, _ = crawl(room, f"git+{path.as_uri()}@{ref}#subdirectory=src")
        assert list(bodies) == ["src/b.py", "src/x/a.py"]
    assert list(crawl(room, f"git+{path.as_uri()}@v1#subdirectory=src/b.py")[0]) == ["src/b.py"]
    assert list(crawl(room, f"git+{path.as_uri()}@v1#src/b.py")[0]) == ["src/b.py"], "a link as it is cited"


def test_a_folder_that_is_asked_for_may_be_a_hidden_one(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {".github/ci.yml": "on: push", ".github/.x": "x", "a.py": "x"})
    assert list(crawl(room, f"git+{path.as_uri()}#subdirectory=.github")[0]) == [".github/ci.yml"]


@pytest.mark.parametrize(
    ("suffix", "reason"),
    [
        ("@nowhere", "no branch or tag 'nowhere'"),
        ("@" + "0" * 40, "does not have that commit"),
        ("#subdirectory=nowhere", "no folder 'nowhere' in 'main'"),
        ("@words", "'words' of .* is no commit"),
    ],
)
def test_what_the_repository_does_not_have_is_an_error(tmp_path: Path, room: Path, suffix: str, reason: str) -> None:
    path = bare_repository(tmp_path / "a.git", {"a.py": "x"})
    git(path, "tag", "words", write_blob(path, b"words"))
    with pytest.raises(NotFoundError, match=reason):
        crawl(room, f"git+{path.as_uri()}{suffix}")
    assert list(room.iterdir()) == []


def test_an_empty_repository_and_a_folder_that_is_none_are_errors(tmp_path: Path, room: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    (tmp_path / "folder.git").mkdir()
    with pytest.raises(NotFoundError, match="nothing on its default branch"):
        crawl(room, tmp_path / "empty.git")
    with pytest.raises(NotFoundError, match="is no git repository"):
        crawl(room, tmp_path / "folder.git")


def test_a_working_copy_is_read_as_it_was_committed_and_left_as_it_is(tmp_path: Path, room: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "--quiet", "--initial-branch=main")
    (work / "a.py").write_text("committed", encoding="utf-8")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "x")
    (work / "a.py").write_text("changed", encoding="utf-8")
    before = sorted((str(p), p.lstat().st_mtime_ns) for p in work.rglob("*"))
    found = next(iter(crawler(room).crawl(f"git+{work}")))
    assert isinstance(found, Fetched)
    assert (found.body, found.metadata["folder"]) == (b"committed", "work")
    assert sorted((str(p), p.lstat().st_mtime_ns) for p in work.rglob("*")) == before


def test_a_repository_that_is_too_large_is_refused(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {"a.bin": os.urandom(3_000_000)})
    with pytest.raises(InputError, match="more than 1 MB"):
        crawl(room, path, max_repository_bytes=1_000_000)
    assert list(room.iterdir()) == []


def test_more_files_than_allowed_are_left_out_and_said_so(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {f"{n}.py": "x" for n in range(9)})
    bodies, failures = crawl(room, path, max_files=3)
    assert list(bodies) == ["0.py", "1.py", "2.py"]
    assert list(failures.values()) == ["has more than 3 files, and the others were left out: give one of its folders"]


def test_longer_paths_in_all_than_allowed_are_left_out_and_said_so(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {f"{n}{'x' * 96}.py": "x" for n in range(9)})
    bodies, failures = crawl(room, path, max_path_bytes=399)
    assert [name[0] for name in bodies] == ["0", "1", "2"]
    assert list(failures.values()) == [
        "has paths of more than 399 bytes in all, and the others were left out: give one of its folders"
    ]
    assert (len(crawl(room, path, max_path_bytes=900)[0]), crawl(room, path, max_path_bytes=900)[1]) == (9, {})


def test_one_folder_many_times_over_does_not_run_for_ever(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {"x": "x"})
    tree = write_tree(path, *((b"100644", b"f%d.py" % n, write_blob(path, b"x")) for n in range(10)))
    for _ in range(12):
        tree = write_tree(path, *((b"40000", b"d%d" % n, tree) for n in range(10)))
    commit_tree(path, tree)
    bodies, failures = crawl(room, path, max_files=2_000)
    assert (len(bodies), len(failures)) == (2_000, 1)


def test_three_thousand_files_come_within_bounds(tmp_path: Path, room: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {f"d{n % 50}/{n}.py": f"x = {n}\n" for n in range(3_000)})
    started = time.monotonic()
    assert sum(isinstance(found, Fetched) for found in crawler(room).crawl(str(path))) == 3_000
    assert time.monotonic() - started < 30


def test_a_crawl_that_is_given_up_leaves_nothing(tmp_path: Path, room: Path) -> None:
    found = crawler(room).crawl(str(bare_repository(tmp_path / "a.git", {"a.py": "a", "b.py": "b"})))
    next(found)
    assert len(list(room.iterdir())) == 1
    found.close()  # type: ignore[attr-defined]
    assert list(room.iterdir()) == []


def test_a_temporary_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    path = bare_repository(tmp_path / "a.git", {"a.py": "a"})
    with pytest.raises(ConfigurationError, match="set TMPDIR"):
        list(crawler(tmp_path / "nowhere").crawl(str(path)))


def test_no_time_at_all_is_too_little(tmp_path: Path, room: Path) -> None:
    with pytest.raises(BackendUnavailableError, match="could not be fetched in 0 s"):
        crawl(room, bare_repository(tmp_path / "a.git", {"a.py": "a"}), timeout_s=0.0)


def test_the_package_is_imported_without_git(tmp_path: Path) -> None:
    code = "import rag_llm_system.infrastructure.crawlers.git.crawler"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={"PATH": str(tmp_path)}, check=True)
