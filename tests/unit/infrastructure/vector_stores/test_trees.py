"""Directories of large files with holes."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import (
    checksums,
    copy_tree,
    damaged_file,
    directory_bytes,
    link_tree,
    remove_leftovers,
    remove_tree,
)

MB = 1 << 20


def write_at(file: Path, size_bytes: int, pieces: dict[int, bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as opened:
        for offset, piece in pieces.items():
            opened.seek(offset)
            opened.write(piece)
        opened.truncate(size_bytes)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = tmp_path / "tree"
    write_at(path / "a" / "holes.dat", 6 * MB, {0: b"begin", 5 * MB - 3: b"across", 4 * MB + 77: b"later"})
    write_at(path / "a" / "only_a_hole.dat", 3 * MB, {})
    write_at(path / "a" / "b" / "ends_with_data.dat", 3 * MB + 5, {3 * MB: b"12345"})
    write_at(path / "empty.dat", 0, {})
    (path / "small.json").write_text("{}")
    return path


def test_a_copy_has_the_bytes_and_the_holes_of_its_original(tree: Path, tmp_path: Path) -> None:
    copy_tree(tree, tmp_path / "copy")

    for file in (file for file in tree.rglob("*") if file.is_file()):
        copied = tmp_path / "copy" / file.relative_to(tree)
        assert copied.read_bytes() == file.read_bytes()
        assert copied.stat().st_ino != file.stat().st_ino
    assert directory_bytes(tmp_path / "copy") == directory_bytes(tree) < MB


def test_checksums_are_the_same_with_holes_and_without(tree: Path, tmp_path: Path) -> None:
    for file in (file for file in tree.rglob("*") if file.is_file()):
        full = tmp_path / "full" / file.relative_to(tree)
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(file.read_bytes())

    assert directory_bytes(tmp_path / "full") > 9 * MB
    assert checksums(tmp_path / "full") == checksums(tree)
    assert list(checksums(tree)) == [
        "a/b/ends_with_data.dat",
        "a/holes.dat",
        "a/only_a_hole.dat",
        "empty.dat",
        "small.json",
    ]


@given(st.dictionaries(st.integers(0, 5 * MB), st.binary(min_size=1, max_size=9), max_size=4), st.integers(0, 6 * MB))
@settings(max_examples=30, deadline=None)
def test_a_file_has_the_checksum_of_its_bytes_wherever_its_holes_are(pieces: dict[int, bytes], size_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        write_at(path / "one" / "x", size_bytes, pieces)
        copy_tree(path / "one", path / "copied")
        (path / "full").mkdir()
        (path / "full" / "x").write_bytes((path / "one" / "x").read_bytes())
        assert checksums(path / "copied") == checksums(path / "full") == checksums(path / "one")


def test_a_changed_byte_a_hole_that_is_filled_a_cut_and_a_loss_are_noticed(tree: Path) -> None:
    expected = checksums(tree)
    assert damaged_file(tree, expected) is None
    file = tree / "a" / "only_a_hole.dat"
    with file.open("r+b") as opened:
        opened.seek(2 * MB)
        opened.write(b"\x01")
    assert damaged_file(tree, expected) == "a/only_a_hole.dat"
    os.truncate(file, 0)
    os.truncate(file, 3 * MB)
    assert damaged_file(tree, expected) is None
    os.truncate(file, 3 * MB - 1)
    assert damaged_file(tree, expected) == "a/only_a_hole.dat"
    file.unlink()
    assert damaged_file(tree, expected) == "a/only_a_hole.dat"
    # The same bytes in another place of the file.
    write_at(tree / "a" / "only_a_hole.dat", 3 * MB, {})
    write_at(tree / "a" / "b" / "ends_with_data.dat", 3 * MB + 5, {2 * MB: b"12345"})
    assert damaged_file(tree, expected) == "a/b/ends_with_data.dat"


def test_files_are_shared_but_for_those_that_are_to_be_copied(tree: Path, tmp_path: Path) -> None:
    link_tree(tree, tmp_path / "linked", copied=frozenset({"small.json"}))

    shared = {
        file.name: file.stat().st_ino == (tree / file.relative_to(tmp_path / "linked")).stat().st_ino
        for file in (tmp_path / "linked").rglob("*")
        if file.is_file()
    }
    assert shared.pop("small.json") is False
    assert set(shared.values()) == {True}
    assert checksums(tmp_path / "linked") == checksums(tree)


def test_where_a_file_cannot_be_linked_it_is_copied(tree: Path) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tree.stat().st_dev:
        pytest.skip("there is no second file system")
    target = elsewhere / f"linked-{os.getpid()}"
    try:
        link_tree(tree, target)
        assert checksums(target) == checksums(tree)
        assert directory_bytes(target) < MB
    finally:
        shutil.rmtree(target)


def test_what_is_removed_is_gone_with_what_an_earlier_removal_left(tree: Path) -> None:
    left = tree.with_name(f".{tree.name}.removed")
    (left / "half").mkdir(parents=True)
    (left / "half" / "file").write_text("")
    remove_tree(tree)
    remove_tree(tree)

    assert list(tree.parent.iterdir()) == []


def test_a_file_can_be_removed_too_and_leaves_nothing_that_a_later_removal_stumbles_over(tmp_path: Path) -> None:
    (tmp_path / ".manifest.json.new").write_text("half")
    remove_tree(tmp_path / ".manifest.json.new")
    (tmp_path / ".x.removed").write_text("half")
    remove_leftovers(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_of_a_directory_that_is_not_there_nothing_is_taken_or_left(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "nowhere")
    assert directory_bytes(tmp_path / "nowhere") == 0
    assert checksums(tmp_path / "nowhere") == {}
