"""Files and folders: everything that is writing or code comes, and everything else says why not."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import NotFoundError
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.crawlers.files import FileCrawler


def write(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def crawl(link: str | Path, **options: int) -> tuple[list[str], dict[str, str]]:
    """Gives the paths of what came, in order, and the reasons of what did not, by file name."""
    found = list(FileCrawler(**options).crawl(str(link)))
    paths = [item.path for item in found if isinstance(item, Fetched)]
    return paths, {i.link.rpartition("/")[2]: i.reason for i in found if isinstance(i, FetchFailure)}


def test_a_folder_comes_in_the_order_of_its_paths_with_types_and_categories(tmp_path: Path) -> None:
    files = {
        "b.md": "# B",
        "a/z.py": "pass",
        "a/page.HTML": "<p>",
        "notes.rst": "x",
        "c.txt": "c",
        "Dockerfile": "FROM x",
    }
    found = list(FileCrawler().crawl(str(write(tmp_path / "home", files))))
    assert [(f.path, f.media_type, f.category) for f in found if isinstance(f, Fetched)] == [
        ("Dockerfile", "text/x-dockerfile", Category.REPOSITORIES),
        ("a/page.HTML", "text/html", None),
        ("a/z.py", "text/x-python", Category.REPOSITORIES),
        ("b.md", "text/markdown", None),
        ("c.txt", "text/plain", None),
        ("notes.rst", "text/x-rst", None),
    ]
    python = found[2]
    assert isinstance(python, Fetched)
    assert (python.body, python.platform, python.link) == (b"pass", "file", (tmp_path / "home/a/z.py").as_uri())
    assert python.metadata == {"folder": "home", "size_bytes": 4}


def test_hidden_and_machine_made_folders_are_left_out(tmp_path: Path) -> None:
    left_out = [
        ".git/config.txt",
        ".hidden.md",
        "node_modules/x/a.js",
        "__pycache__/a.txt",
        "env/b.py",
        "x.egg-info/c.txt",
    ]
    write(tmp_path, {**dict.fromkeys(left_out, "x"), "env/pyvenv.cfg": "home = /usr", "kept.md": "x"})
    assert crawl(tmp_path) == (["kept.md"], {})


def test_build_output_is_left_out_beside_a_build_file_only(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"project/pyproject.toml": "[x]", "project/dist/a.txt": "x", "project/src/build/b.md": "x", "build/c.md": "x"},
    )
    assert crawl(tmp_path) == (["build/c.md", "project/pyproject.toml", "project/src/build/b.md"], {})


def test_what_is_not_text_empty_or_too_large_is_reported(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "photo.jpg": b"\xff\xd8\0\0",
        "a.pdf": b"%PDF-1.7 text only",
        "none.txt": b"",
        "big.txt": b"x" * 101,
        "ok": "text",
    }
    paths, reasons = crawl(write(tmp_path, files), max_file_bytes=100)
    assert paths == ["ok"]
    assert reasons == {
        "a.pdf": "is not text, and there is no parser for '.pdf' files yet",
        "big.txt": "has 101 bytes; the limit is 100",
        "none.txt": "is empty",
        "photo.jpg": "is not text, and there is no parser for '.jpg' files yet",
    }


def test_text_in_utf_16_is_text(tmp_path: Path) -> None:
    assert crawl(write(tmp_path, {"a.dat": "Grüße".encode("utf-16")})) == (["a.dat"], {})


def test_symbolic_links_lead_nowhere_else(tmp_path: Path) -> None:
    write(tmp_path, {"outside.md": "secret", "home/a.md": "a", "home/deep/b.md": "b"})
    (tmp_path / "home/out.md").symlink_to(tmp_path / "outside.md")
    (tmp_path / "home/up").symlink_to(tmp_path)
    (tmp_path / "home/gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "home/again.md").symlink_to(tmp_path / "home/a.md")
    (tmp_path / "home/deep/loop").symlink_to(tmp_path / "home")
    paths, reasons = crawl(tmp_path / "home")
    assert paths == ["a.md", "deep/b.md"]
    assert reasons == {
        "gone": "is a symbolic link that leads nowhere",
        "out.md": "is a symbolic link that leads out of the folder",
        "up": "is a symbolic link that leads out of the folder",
    }


def test_a_pipe_is_reported_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert crawl(tmp_path) == ([], {"pipe.txt": "is not a regular file"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "a", "b.md": "b"})
    (tmp_path / "a.md").chmod(0)
    assert crawl(tmp_path) == (["b.md"], {"a.md": "cannot be read (Permission denied)"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
def test_a_folder_that_may_be_listed_but_not_entered_ends_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a/b.md": "b", "a/deep/c.md": "c", "d.md": "d"})
    (tmp_path / "a").chmod(0o744)
    reason = "cannot be read (Permission denied)"
    try:
        assert crawl(tmp_path) == (["d.md"], {"b.md": reason, "deep": reason})
    finally:
        (tmp_path / "a").chmod(0o755)


def test_an_entry_whose_path_is_too_long_ends_nothing(tmp_path: Path) -> None:
    longest = os.pathconf(tmp_path, "PC_PATH_MAX")
    folder = tmp_path / "a"
    while len(os.fsencode(folder)) < longest - 200:
        folder /= "x" * 90
    folder.mkdir(parents=True)
    write(tmp_path, {"b.md": "b"})
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.close(os.open("y" * 240, os.O_CREAT, dir_fd=opened))
        assert crawl(tmp_path) == (["b.md"], {"y" * 240: "cannot be read (File name too long)"})
    finally:
        os.close(opened)


def test_a_single_file_may_be_hidden_and_given_as_a_url(tmp_path: Path) -> None:
    path = write(tmp_path, {"my notes/.ü.md": "x"}) / "my notes" / ".ü.md"
    assert crawl(path) == crawl(path.as_uri()) == ([".ü.md"], {})


def test_one_file_has_one_link_however_it_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"a/b.md": "x"})
    (tmp_path / "alias").symlink_to(tmp_path / "a")
    links = {
        next(iter(FileCrawler().crawl(f"{tmp_path}/{path}"))).link for path in ("a/b.md", "a/../a/b.md", "alias/b.md")
    }
    assert links == {(tmp_path / "a/b.md").as_uri()}


@pytest.mark.parametrize("link", ["missing.md", "file:///missing/folder", "file://other-host/a.md", "a\0b"])
def test_what_is_not_there_is_an_error(tmp_path: Path, link: str) -> None:
    with pytest.raises(NotFoundError):
        list(FileCrawler().crawl(link if ":" in link else f"{tmp_path}/{link}"))
