"""A disk that runs full: an error in one line, nothing acknowledged lost, and on it goes once there is room."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import DiskFullError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.draft import QdrantEdgeDraft
from tests.integration.qdrant_edge_writer import (
    BATCH_POINTS,
    COLLECTION,
    batch,
    open_draft,
    open_index,
    publish_batches,
)

CAP_SYS_ADMIN = 1 << 21


def may_mount() -> bool:
    """Whether this process has the capability that mounting takes (Linux)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return any(int(line.split()[1], 16) & CAP_SYS_ADMIN for line in lines if line.startswith("CapEff:"))


pytestmark = pytest.mark.skipif(not may_mount(), reason="making a small disk needs root on Linux")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB: an index with one collection takes 23 of them before its first batch is in."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def make_room(disk: Path, size: str = "256m") -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


def fill(disk: Path) -> Path:
    """Gives a file that takes all the space that is left."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as opened:
        while True:
            opened.write(b"x" * 65_536)
    with suppress(OSError), ballast.open("ab", buffering=0) as opened:
        while True:
            opened.write(b"x")
    return ballast


def write_until_full(draft: QdrantEdgeDraft, first: int = 0) -> tuple[int, DiskFullError]:
    """Gives how many batches were acknowledged, from the first on, and the error that ended it."""
    for number in range(first, 10_000):
        try:
            draft.upsert(COLLECTION, batch(number))
        except DiskFullError as error:
            return number, error
    raise AssertionError("the disk never ran full")


def assert_goes_on(disk: Path, draft: QdrantEdgeDraft, n_acknowledged: int) -> None:
    """With room, the same draft holds what was acknowledged, takes the rest, and can be read once it is published."""
    make_room(disk)
    assert draft.count(COLLECTION) >= n_acknowledged * BATCH_POINTS
    for number in range(n_acknowledged, n_acknowledged + 3):
        draft.upsert(COLLECTION, batch(number))
    draft.publish()

    reader = open_index(disk / "index")
    assert reader.count(COLLECTION) == len(list(reader.scroll(COLLECTION))) == (n_acknowledged + 3) * BATCH_POINTS
    reader.close()


def test_too_little_free_space_stops_a_write_before_the_disk_is_full(small_disk: Path) -> None:
    draft = open_draft(small_disk / "index", min_free_bytes=3_000_000)
    n_acknowledged, error = write_until_full(draft)

    assert "MB free" in str(error)
    assert n_acknowledged > 0
    assert draft.count(COLLECTION) == n_acknowledged * BATCH_POINTS
    assert_goes_on(small_disk, draft, n_acknowledged)


def test_a_disk_that_runs_full_all_the_same_loses_nothing_that_was_acknowledged(small_disk: Path) -> None:
    draft = open_draft(small_disk / "index")
    n_acknowledged, error = write_until_full(draft)

    assert "full" in str(error)
    assert "\n" not in str(error)
    assert n_acknowledged > 0
    n_acknowledged, error = write_until_full(draft, n_acknowledged)
    assert "full" in str(error)
    assert_goes_on(small_disk, draft, n_acknowledged)


def test_an_index_on_a_full_disk_is_not_opened_and_is_as_it_was_once_there_is_room(small_disk: Path) -> None:
    make_room(small_disk, "100m")
    path = small_disk / "index"
    publish_batches(path, 0, 1)
    ballast = fill(small_disk)
    for open_it in (open_index, open_draft):
        with pytest.raises(DiskFullError, match="MB free"):
            open_it(path, min_free_bytes=1_000_000)
        # Where nobody looks before, it is the disk itself that says so.
        with pytest.raises(DiskFullError, match="full"):
            open_it(path, min_free_bytes=0)
    ballast.unlink()

    reader = open_index(path)
    assert reader.count(COLLECTION) == 2 * BATCH_POINTS
    reader.close()
    assert publish_batches(path, 2) == 2


def test_a_disk_that_is_full_when_a_draft_is_published_keeps_the_draft_and_the_live_generation(
    small_disk: Path,
) -> None:
    make_room(small_disk, "100m")
    path = small_disk / "index"
    publish_batches(path, 0)
    draft = open_draft(path)
    draft.upsert(COLLECTION, batch(1))
    ballast = fill(small_disk)
    with pytest.raises(DiskFullError, match="full"):
        draft.publish()
    ballast.unlink()

    reader = open_index(path)
    assert reader.count(COLLECTION) == BATCH_POINTS
    reader.close()
    draft = open_draft(path)
    assert draft.count(COLLECTION) == 2 * BATCH_POINTS
    draft.publish()
    reader = open_index(path)
    assert (reader.generation, reader.count(COLLECTION)) == (2, 2 * BATCH_POINTS)
    reader.close()
