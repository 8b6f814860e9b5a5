"""What is gone from a folder, and what only seems to be."""

import os
import shutil
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import NotFoundError
from rag_llm_system.infrastructure.crawlers.files import FileCrawler
from rag_llm_system.infrastructure.crawlers.folder_territory import FolderTerritory

NAMES = ("a.md", "deep/er/b.md", "odd/100% #1?.md", "odd/é 漢.md")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in (*NAMES, "stays.md", "deep/stays.md", "odd/stays.md"):
        path = tmp_path / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("words")
    return tmp_path / "home"


def gone(home: Path, *names: str) -> list[str]:
    """Gives those of the names that are gone."""
    links = {(home / name).as_uri(): name for name in names}
    return [links[link] for link in FolderTerritory(home).gone(links)]


def test_nothing_that_is_there_is_gone(home: Path) -> None:
    assert gone(home, *NAMES) == []


def test_a_file_that_was_deleted_or_renamed_is_gone(home: Path) -> None:
    for name in NAMES:
        (home / name).rename(home / "elsewhere.md")
    assert gone(home, *NAMES, "stays.md") == ["a.md", "odd/100% #1?.md", "odd/é 漢.md"]
    shutil.rmtree(home / "deep/er")
    assert gone(home, "deep/er/b.md") == ["deep/er/b.md"]
    shutil.rmtree(home / "deep")
    assert gone(home, "deep/er/b.md") == ["deep/er/b.md"]


def test_names_that_are_not_unicode_are_told_apart(home: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(home) + b"/\xff.md")).write_text("words")
    except OSError:
        pytest.skip("this file system takes Unicode alone")
    assert gone(home, os.fsdecode(b"\xff.md"), os.fsdecode(b"\xfe.md")) == [os.fsdecode(b"\xfe.md")]


@pytest.mark.parametrize("left", [[], [".DS_Store", ".hidden"]])
def test_where_a_folder_is_empty_a_drive_may_be_away(home: Path, left: list[str]) -> None:
    for folder in (home / "deep/er", home):
        shutil.rmtree(folder)
        folder.mkdir()
        for name in left:
            (folder / name).touch()
        assert gone(home, "a.md", "deep/er/b.md") == []


def test_nothing_is_gone_from_a_folder_that_is_missing_or_has_become_a_file(home: Path) -> None:
    shutil.rmtree(home)
    assert gone(home, "a.md", "deep/er/b.md") == []
    home.write_text("a file")
    assert gone(home, "a.md", "deep/er/b.md") == []


def test_what_lay_below_something_that_is_now_a_file_is_gone(home: Path) -> None:
    shutil.rmtree(home / "deep")
    (home / "deep").write_text("a file")
    assert gone(home, "deep/er/b.md") == ["deep/er/b.md"]


def test_what_a_symbolic_link_leads_to_is_there_and_one_that_leads_nowhere_says_nothing(home: Path) -> None:
    shutil.move(home / "deep", home.parent / "far")
    (home / "deep").symlink_to(home.parent / "far")
    assert gone(home, "deep/er/b.md") == []
    shutil.rmtree(home.parent / "far")
    assert gone(home, "deep/er/b.md") == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_nothing_is_gone_from_a_folder_that_cannot_be_read(home: Path) -> None:
    (home / "deep/er/b.md").unlink()
    (home / "deep").chmod(0)
    try:
        assert gone(home, "deep/er/b.md") == []
    finally:
        (home / "deep").chmod(0o755)


def test_a_territory_holds_what_lies_below_it_and_nothing_else(home: Path) -> None:
    territory = FileCrawler().territory(f"{home}/odd/..")
    assert territory is not None
    assert territory.holds((home / "odd/é 漢.md").as_uri())
    others = [home.as_uri(), f"{home.as_uri()}2/a.md", "https://example.com/a.md", f"git+{home.as_uri()}/a.md", ""]
    assert not any(territory.holds(link) for link in others)
    root = FileCrawler().territory("/")
    assert root is not None
    assert root.holds("file:///a.md")


def test_a_file_is_no_territory_and_nothing_is_an_error(home: Path) -> None:
    assert FileCrawler().territory((home / "a.md").as_uri()) is None
    with pytest.raises(NotFoundError):
        FileCrawler().territory(f"{home}/nothing")
