"""Scanning files: every byte of every file, by store, whatever its name and its holes."""

import os
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import BackendError
from rag_llm_system.domain.fingerprints import fingerprints_of
from rag_llm_system.infrastructure.security.file_traces import FileTraces

PIECE = b"a piece of text that is deleted."
ID = b"the-id-of-a-doc!"
FINGERPRINTS = fingerprints_of("00" * 16, {"text": [PIECE], "ids": [ID]})


def found(home: Path) -> dict[str, int]:
    return {scan.store: scan.n_found for scan in FileTraces(home).scan(FINGERPRINTS)}


@pytest.mark.parametrize("start", [0, (1 << 20) - 32, (1 << 20) - 31, (1 << 20) - 1, 1 << 20, (3 << 20) - 17])
def test_a_piece_is_found_wherever_blocks_meet(tmp_path: Path, start: int) -> None:
    (tmp_path / "file").write_bytes(b"x" * start + PIECE + b"y" * 100)
    assert found(tmp_path) == {"file": 1}


def test_a_piece_is_found_behind_a_hole(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(200 << 20)
        file.seek((150 << 20) + 777)
        file.write(PIECE)
    (scan,) = FileTraces(tmp_path).scan(FINGERPRINTS)
    assert scan.found == {"text": 1}
    assert scan.n_bytes < 10 << 20


def test_a_database_and_its_log_are_one_store(tmp_path: Path) -> None:
    (tmp_path / "documents.sqlite").write_bytes(PIECE)
    (tmp_path / "documents.sqlite-wal").write_bytes(PIECE)
    (scan,) = FileTraces(tmp_path).scan(FINGERPRINTS)
    assert (scan.store, scan.n_files, scan.n_found) == ("documents.sqlite", 2, 1)
    assert scan.files == {"documents.sqlite": 1, "documents.sqlite-wal": 1}


def test_a_file_with_two_names_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "a").write_bytes(PIECE)
    os.link(tmp_path / "index" / "a", tmp_path / "index" / "b")
    (scan,) = FileTraces(tmp_path).scan(FINGERPRINTS)
    assert (scan.n_files, scan.n_bytes) == (1, len(PIECE))


def test_models_and_deletions_at_work_are_left_out(tmp_path: Path) -> None:
    for folder in ("models", "deletions/pending", "other/models"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").write_bytes(PIECE)
    assert found(tmp_path) == {"other": 1}


def test_receipts_may_name_ids_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deletions").mkdir()
    (tmp_path / "deletions" / "receipt.json").write_bytes(ID)
    assert found(tmp_path) == {"deletions": 0}
    (tmp_path / "deletions" / "receipt.json").write_bytes(ID + PIECE)
    assert found(tmp_path) == {"deletions": 1}


def test_files_elsewhere_belong_to_it(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "elsewhere.sqlite-wal").write_bytes(PIECE)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(ID)
    scanner = FileTraces(tmp_path / "home", elsewhere=[tmp_path / "elsewhere.sqlite", tmp_path / "folder"])
    assert {scan.store: scan.n_found for scan in scanner.scan(FINGERPRINTS)} == {"elsewhere.sqlite": 1, "folder": 1}


def test_no_home_is_no_trace(tmp_path: Path) -> None:
    assert FileTraces(tmp_path / "none").scan(FINGERPRINTS) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_not_proved(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(PIECE)
    (tmp_path / "file").chmod(0)
    with pytest.raises(BackendError, match="not proved"):
        found(tmp_path)
