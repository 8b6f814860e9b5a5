"""Versions of a home: which step runs when, what a kill leaves, and what is refused."""

import json
import threading
from pathlib import Path

import pytest

from rag_llm_system.bootstrap.half_restored import begin_restore, mark_complete, restore_state
from rag_llm_system.bootstrap.home import (
    HOME_VERSION,
    Upgrade,
    home_version,
    locked_home,
    open_home,
    write_home_version,
)
from rag_llm_system.domain.errors import ConfigurationError, DiskFullError, IntegrityError
from rag_llm_system.settings import Settings, load_settings


def settings(home: Path) -> Settings:
    return load_settings(rag_home=home)


def steps(ran: list[str], *, dying: str = "") -> tuple[Upgrade, ...]:
    """Steps of a time to come; one of them may die at its end."""

    def step(name: str) -> Upgrade:
        def run(home: Path) -> None:
            ran.append(name)
            if name == dying:
                raise KeyboardInterrupt

        return Upgrade(int(name), f"step {name}", run)

    return step("1"), step("2"), step("3")


def version_in(home: Path) -> int:
    version: int = json.loads((home / "home.json").read_text())["schema"]
    return version


def test_a_home_that_is_not_there_is_made_only_where_that_is_asked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_home(settings(home), create=False)
    assert not home.exists()
    open_home(settings(home))
    assert version_in(home) == HOME_VERSION
    assert json.loads((home / "home.json").read_text())["written_by"]


@pytest.mark.parametrize("sign", ["documents.sqlite", "index/manifest.json"])
def test_a_home_without_a_version_that_holds_something_is_the_first_version(sign: str, tmp_path: Path) -> None:
    (tmp_path / sign).parent.mkdir(exist_ok=True)
    (tmp_path / sign).touch()
    assert home_version(tmp_path) == 1
    ran: list[str] = []
    open_home(settings(tmp_path), upgrades=steps(ran)[:1])
    assert ran == ["1"]
    assert version_in(tmp_path) == 2


def test_steps_run_in_order_from_the_version_that_a_home_has_and_once(tmp_path: Path) -> None:
    write_home_version(tmp_path, 2)
    ran: list[str] = []
    open_home(settings(tmp_path), upgrades=steps(ran))
    assert (ran, version_in(tmp_path)) == (["2", "3"], 4)


def test_a_new_home_runs_no_step(tmp_path: Path) -> None:
    ran: list[str] = []
    open_home(settings(tmp_path / "home"), upgrades=steps(ran))
    assert (ran, version_in(tmp_path / "home")) == ([], 4)


def test_a_step_that_died_runs_again_and_those_before_it_do_not(tmp_path: Path) -> None:
    write_home_version(tmp_path, 1)
    ran: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        open_home(settings(tmp_path), upgrades=steps(ran, dying="2"))
    assert version_in(tmp_path) == 2
    open_home(settings(tmp_path), upgrades=steps(ran))
    assert ran == ["1", "2", "2", "3"]


def test_two_who_open_an_old_home_at_once_upgrade_it_once(tmp_path: Path) -> None:
    write_home_version(tmp_path, 1)
    ran: list[str] = []
    upgrades = {"upgrades": steps(ran)}
    openers = [threading.Thread(target=open_home, args=(settings(tmp_path),), kwargs=upgrades) for _ in range(4)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert ran == ["1", "2", "3"]


def test_a_home_of_a_newer_version_is_refused_in_a_line_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "home.json").write_text('{"schema": 41, "written_by": "9.9.9"}')
    with pytest.raises(ConfigurationError, match=rf"version 41, written by rag_llm_system 9\.9\.9.*to {HOME_VERSION}"):
        open_home(settings(tmp_path))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"schema": "x", "written_by": ""}', b"\xff"])
def test_a_damaged_version_is_an_error_and_not_the_first_version(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "home.json").write_bytes(body)
    with pytest.raises(IntegrityError, match="is damaged"):
        open_home(settings(tmp_path))


def test_a_home_that_is_up_to_date_is_only_read(tmp_path: Path) -> None:
    open_home(settings(tmp_path))
    (tmp_path / ".home.lock").unlink(missing_ok=True)
    before = sorted(path.name for path in tmp_path.iterdir())
    open_home(settings(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_home_that_cannot_be_made_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="RAG_HOME"):
        open_home(settings(tmp_path / "file" / "home"))


def test_a_full_disk_is_a_line(tmp_path: Path) -> None:
    def fill(home: Path) -> None:
        raise OSError(28, "No space left on device")

    write_home_version(tmp_path, 1)
    with pytest.raises(DiskFullError, match="make room"):
        open_home(settings(tmp_path), upgrades=[Upgrade(1, "fills the disk", fill)])
    assert version_in(tmp_path) == 1


@pytest.mark.parametrize("create", [True, False])
def test_a_restore_that_was_cut_off_is_not_taken_for_an_empty_home(create: bool, tmp_path: Path) -> None:
    begin_restore(tmp_path, "one")
    with pytest.raises(ConfigurationError, match="poe restore"):
        open_home(settings(tmp_path), create=create)


@pytest.mark.parametrize("create", [True, False])
def test_a_restore_that_only_had_to_be_moved_is_ended_by_whoever_opens_the_home_next(
    create: bool, tmp_path: Path
) -> None:
    with locked_home(tmp_path):
        begin_restore(tmp_path, "one")
        (tmp_path / "restoring" / "documents.sqlite").write_bytes(b"all")
        (tmp_path / "documents.sqlite-wal").write_bytes(b"of an empty one")
        mark_complete(tmp_path)
    open_home(settings(tmp_path), create=create)
    assert restore_state(tmp_path) == "none"
    assert (tmp_path / "documents.sqlite").read_bytes() == b"all"
    assert not (tmp_path / "documents.sqlite-wal").exists()
    assert version_in(tmp_path) == HOME_VERSION
