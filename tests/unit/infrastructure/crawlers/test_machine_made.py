"""What tools have made is left out of folders and repositories alike."""

from pathlib import Path

import pytest

from rag_llm_system.domain.ports.source import Fetched
from rag_llm_system.infrastructure.crawlers.files import FileCrawler
from rag_llm_system.infrastructure.crawlers.machine_made import is_machine_made_file, is_machine_made_folder


@pytest.mark.parametrize("name", ["package-lock.json", "uv.lock", "Cargo.lock", "go.sum", "app.min.js", "app.js.map"])
def test_lock_files_and_what_minifiers_leave_are_machine_made(name: str) -> None:
    assert is_machine_made_file(name)


@pytest.mark.parametrize("name", ["package.json", "lock.py", "sum.go", "admin.js", "notes.lock"])
def test_files_that_people_write_are_not(name: str) -> None:
    assert not is_machine_made_file(name)


@pytest.mark.parametrize(
    ("name", "is_built_here", "names_within", "expected"),
    [
        ("node_modules", False, [], True),
        ("x.egg-info", False, [], True),
        ("vendor", True, [], True),
        ("vendor", False, [], False),
        ("my-env", False, ["pyvenv.cfg"], True),
        ("src", True, ["a.py"], False),
    ],
)
def test_a_folder_is_known_by_its_name_its_neighbours_or_what_is_in_it(
    name: str, is_built_here: bool, names_within: list[str], expected: bool
) -> None:
    assert is_machine_made_folder(name, is_built_here=is_built_here, names_within=names_within) is expected


def test_a_folder_of_files_comes_without_them_and_a_single_one_when_it_is_asked_for(tmp_path: Path) -> None:
    for name in ("a.py", "uv.lock"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert [f.path for f in FileCrawler().crawl(str(tmp_path)) if isinstance(f, Fetched)] == ["a.py"]
    assert [f.path for f in FileCrawler().crawl(str(tmp_path / "uv.lock")) if isinstance(f, Fetched)] == ["uv.lock"]
