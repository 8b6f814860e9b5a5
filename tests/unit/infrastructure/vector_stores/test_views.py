"""What readers have open, and what of it stays when they die."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import RagError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import remove_tree
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.views import View, readers, remove_dead_views

ROOT = Path(__file__).parents[4]


@pytest.fixture
def generation(tmp_path: Path) -> Path:
    path = tmp_path / "generations" / "3"
    (path / "cleaned_posts" / "segments").mkdir(parents=True)
    (path / "cleaned_posts" / "segments" / "page_0.dat").write_bytes(b"x" * 100)
    (path / "cleaned_posts" / "edge_config.json").write_text("{}")
    (path / "manifest.json").write_text("{}")
    return path


def views_in(path: Path) -> list[str]:
    return sorted(entry.name for entry in (path / "views").iterdir())


def leave_a_dead_view(path: Path, generation: Path) -> int:
    """Gives the id of a process that made a view and died without a word."""
    code = f"""
import os, sys
from pathlib import Path
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.views import View
View(Path({str(path)!r}), 3, Path({str(generation)!r}))
print(os.getpid(), flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    return int(done.stdout)


def test_a_view_shares_the_files_of_its_generation_and_is_gone_when_it_is_released(
    tmp_path: Path, generation: Path
) -> None:
    view = View(tmp_path, 3, generation)
    shared = {
        file.name: file.stat().st_ino == (generation / file.relative_to(view.path)).stat().st_ino
        for file in view.path.rglob("*")
        if file.is_file()
    }
    assert shared == {"page_0.dat": True, "edge_config.json": False, "manifest.json": False}
    assert [(reader.pid, reader.generation) for reader in readers(tmp_path)] == [(os.getpid(), 3)]
    view.release()
    view.release()

    assert views_in(tmp_path) == []
    assert readers(tmp_path) == []
    assert (generation / "cleaned_posts" / "segments" / "page_0.dat").read_bytes() == b"x" * 100


def test_a_view_lives_on_when_its_generation_is_dropped(tmp_path: Path, generation: Path) -> None:
    view = View(tmp_path, 3, generation)
    generation.rename(tmp_path / "dropped")

    assert (view.path / "cleaned_posts" / "segments" / "page_0.dat").read_bytes() == b"x" * 100
    view.release()


def test_the_view_of_a_dead_reader_is_removed_and_that_of_a_live_one_is_not(tmp_path: Path, generation: Path) -> None:
    live = View(tmp_path, 3, generation)
    dead = leave_a_dead_view(tmp_path, generation)
    assert any(name.startswith(f"{dead}-") for name in views_in(tmp_path))

    remove_dead_views(tmp_path)
    assert views_in(tmp_path) == [live.path.name, f"{live.path.name}.lock"]
    live.release()


def test_the_next_reader_removes_what_a_dead_one_left_half_removed(tmp_path: Path, generation: Path) -> None:
    leave_a_dead_view(tmp_path, generation)
    (dead,) = (entry for entry in (tmp_path / "views").iterdir() if entry.is_dir())
    dead.rename(dead.with_name(f".{dead.name}.removed"))
    View(tmp_path, 3, generation).release()

    assert views_in(tmp_path) == []


def test_a_generation_that_is_gone_is_told_and_leaves_no_view(tmp_path: Path, generation: Path) -> None:
    generation.rename(generation.with_name(".3.removed"))
    with pytest.raises(FileNotFoundError):
        View(tmp_path, 3, generation)

    assert views_in(tmp_path) == []


def test_a_view_of_that_name_in_another_container_is_left_alone(tmp_path: Path, generation: Path) -> None:
    """Process ids are counted in each container from one."""
    probe = View(tmp_path, 3, generation)
    number = int(probe.path.name.rpartition("-")[2])
    probe.release()
    held = []
    for taken in (number + 1, number + 2):
        held.append(os.open(tmp_path / "views" / f"{os.getpid()}-3-{taken}.lock", os.O_RDWR | os.O_CREAT))
        fcntl.flock(held[-1], fcntl.LOCK_EX)
    view = View(tmp_path, 3, generation)

    assert view.path.name == f"{os.getpid()}-3-{number + 3}"
    view.release()
    assert len(views_in(tmp_path)) == 2
    for fd in held:
        os.close(fd)
    assert readers(tmp_path) == []


def test_a_directory_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path, generation: Path) -> None:
    (tmp_path / "views").write_text("")
    with pytest.raises(RagError):
        View(tmp_path, 3, generation)


def test_many_that_open_at_once_while_dead_ones_are_removed_do_not_disturb_each_other(
    tmp_path: Path, generation: Path
) -> None:
    for number in range(20):
        (tmp_path / "views" / f"1-3-{number}" / "cleaned_posts").mkdir(parents=True)
        (tmp_path / "views" / f"1-3-{number}.lock").touch()
    errors: list[BaseException] = []

    def open_and_close() -> None:
        try:
            for _ in range(10):
                view = View(tmp_path, 3, generation)
                assert (view.path / "manifest.json").exists()
                assert os.getpid() in [reader.pid for reader in readers(tmp_path)]
                view.release()
        except BaseException as error:
            errors.append(error)

    n_open = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    threads = [threading.Thread(target=open_and_close) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert views_in(tmp_path) == []
    if n_open:
        assert len(os.listdir("/proc/self/fd")) == n_open


def test_a_view_is_whole_or_not_made_when_its_generation_is_dropped_meanwhile(tmp_path: Path) -> None:
    names = {f"{collection}/{n}" for collection in ("articles", "repositories") for n in range(40)} | {"manifest.json"}
    for attempt in range(30):
        dropped = tmp_path / "generations" / str(attempt)
        for name in names:
            (dropped / name).parent.mkdir(parents=True, exist_ok=True)
            (dropped / name).touch()
        drop = threading.Timer(attempt / 10_000, remove_tree, (dropped,))
        drop.start()
        try:
            view = View(tmp_path, attempt, dropped)
        except FileNotFoundError:
            continue
        finally:
            drop.join()
        assert {str(file.relative_to(view.path)) for file in view.path.rglob("*") if file.is_file()} == names
        view.release()
