"""kill -9, Ctrl-C and a full disk at any point of a backup or a restore: whole or nothing, and the next one works."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.bootstrap.backup import back_up, check_backup, restore
from rag_llm_system.bootstrap.half_restored import restore_state
from rag_llm_system.bootstrap.home import open_home
from rag_llm_system.domain.errors import DiskFullError, InputError, RagError
from rag_llm_system.settings import Settings
from tests.backup_homes import files_of, light_state_of, make_light_home, settings_of

_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "open", "sqlite3.connect")
CAP_SYS_ADMIN = 1 << 21


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home that no test changes."""
    return make_light_home(tmp_path_factory.mktemp("whole") / "home")


@pytest.fixture(scope="module")
def whole(home: Settings) -> dict[str, Any]:
    """All that this home holds."""
    return light_state_of(home.home)


@pytest.fixture(scope="module")
def archive(home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "twin.tar.zst"
    back_up(home, path)
    return path


def killed_at(n_changes: int, work: Callable[[], object]) -> bool:
    """Does the work in a process that is killed before its nth change to files, and says whether it came to that."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        left = n_changes

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if event in _CHANGES:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), 9)

        sys.addaudithook(count)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, -9)
    return status == -9


def points_of_death(first: int, step: int, work: Callable[[int], bool]) -> int:
    """Runs the work with later and later deaths until it ends by itself, and gives how many there were."""
    n_deaths = 0
    while work(first + n_deaths * step):
        n_deaths += 1
    return n_deaths


def test_a_backup_that_is_killed_leaves_a_part_or_a_whole_and_the_next_one_works(
    home: Settings, whole: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "backup"

    def round_of(n_changes: int) -> bool:
        path.unlink(missing_ok=True)
        was_killed = killed_at(n_changes, lambda: back_up(home, path))
        if path.exists():
            check_backup(path)
        assert set(files_of(tmp_path)) <= {"backup", "backup.part"}
        return was_killed

    assert points_of_death(1, 3, round_of) > 5
    back_up(home, path, replace=True)
    check_backup(path)
    assert files_of(tmp_path) == ["backup"]
    assert files_of(home.home / "index" / "views") == []
    assert light_state_of(home.home) == whole


def test_a_restore_that_is_killed_leaves_nothing_or_all_and_the_next_one_completes_it(
    whole: dict[str, Any], archive: Path, tmp_path: Path
) -> None:
    states: list[str] = []

    def round_of(n_changes: int) -> bool:
        settings = settings_of(tmp_path / str(n_changes))
        was_killed = killed_at(n_changes, lambda: restore(settings, archive))
        states.append(restore_state(settings.home))
        if states[-1] == "complete":
            open_home(settings)
        else:
            restore_what_is_not_there(settings, archive)
        assert light_state_of(settings.home) == whole
        assert restore_state(settings.home) == "none"
        return was_killed

    assert points_of_death(1, 3, round_of) > 15
    assert {"none", "half", "complete"} == set(states)


def restore_what_is_not_there(settings: Settings, archive: Path) -> None:
    if (settings.home / "home.json").exists():
        with pytest.raises(InputError, match="holds an index"):
            restore(settings, archive)
    else:
        restore(settings, archive)


def test_the_completion_of_a_restore_may_be_killed_as_often_as_it_likes(
    whole: dict[str, Any], archive: Path, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path / "home")
    n_changes = 30
    while restore_state(settings.home) != "complete":
        assert killed_at(n_changes, lambda: restore(settings, archive))
        n_changes += 1
    for number in range(1, 6):
        killed_at(number, lambda: open_home(settings))
    open_home(settings)
    assert light_state_of(settings.home) == whole


def test_ctrl_c_leaves_nothing(home: Settings, archive: Path, tmp_path: Path) -> None:
    def interrupt(n_done: int, n_all: int) -> None:
        raise KeyboardInterrupt

    settings = settings_of(tmp_path / "home")
    with pytest.raises(KeyboardInterrupt):
        back_up(home, tmp_path / "backup", on_documents=interrupt)
    for when in ("on_check", "on_restore"):
        with pytest.raises(KeyboardInterrupt):
            restore(settings, archive, **{when: interrupt})  # type: ignore[arg-type]
    assert files_of(tmp_path) == []
    assert files_of(home.home / "index" / "views") == []


def test_two_backups_into_one_file_do_not_mix(home: Settings, tmp_path: Path) -> None:
    refused: list[str] = []

    def begin_another(n_done: int, n_all: int) -> None:
        if not refused:
            with pytest.raises(RagError) as error:
                back_up(home, tmp_path / "backup")
            refused.append(str(error.value))

    back_up(home, tmp_path / "backup", on_documents=begin_another)
    assert "another process is writing" in refused[0]
    check_backup(tmp_path / "backup")


def may_mount() -> bool:
    """Whether this process has the capability that mounting takes (Linux)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return any(int(line.split()[1], 16) & CAP_SYS_ADMIN for line in lines if line.startswith("CapEff:"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.skipif(not may_mount(), reason="making a small disk needs root on Linux")
def test_a_full_disk_is_one_line_and_leaves_nothing(
    home: Settings, whole: dict[str, Any], archive: Path, small_disk: Path
) -> None:
    (small_disk / "others").write_bytes(bytes(50_000))
    with pytest.raises(DiskFullError, match="make room") as backup_error:
        back_up(home, small_disk / "backup")
    settings = settings_of(small_disk / "home")
    with pytest.raises(DiskFullError, match="make room") as restore_error:
        restore(settings, archive)
    assert "\n" not in f"{backup_error.value}{restore_error.value}"
    assert files_of(small_disk) == ["others"]

    subprocess.run(["mount", "-o", "remount,size=16m", small_disk], check=True)
    back_up(home, small_disk / "backup")
    restore(settings, small_disk / "backup")
    assert light_state_of(settings.home) == whole


@pytest.mark.skipif(not may_mount(), reason="making a small disk needs root on Linux")
def test_a_disk_that_runs_full_on_the_way_leaves_the_home_empty(archive: Path, small_disk: Path) -> None:
    """The space that the archive asks for is there at first; somebody else takes it."""

    def take_all(n_done: int, n_all: int) -> None:
        if not (small_disk / "others").exists():
            with suppress(OSError), (small_disk / "others").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))

    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    settings = settings_of(small_disk / "home")
    with pytest.raises(DiskFullError, match="make room"):
        restore(settings, archive, on_restore=take_all)
    assert files_of(settings.home) == []
