"""A disk that runs full: an error in one line, nothing acknowledged lost, and on it goes once there is room."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import DiskFullError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from tests.integration.qdrant_edge_writer import BATCH_POINTS, COLLECTION, batch, open_index

CAP_SYS_ADMIN = 1 << 21


def may_mount() -> bool:
    """Whether this process has the capability that mounting takes (Linux)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return any(int(line.split()[1], 16) & CAP_SYS_ADMIN for line in lines if line.startswith("CapEff:"))


pytestmark = pytest.mark.skipif(not may_mount(), reason="making a small disk needs root on Linux")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB: an index with one collection takes half of it before its first batch is in."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def make_room(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=256m", disk], check=True)


def write_until_full(index: QdrantEdgeIndex) -> tuple[int, DiskFullError]:
    """Gives how many batches were acknowledged, and the error that ended it."""
    for number in range(10_000):
        try:
            index.upsert(COLLECTION, batch(number))
        except DiskFullError as error:
            return number, error
    raise AssertionError("the disk never ran full")


def assert_goes_on(disk: Path, index: QdrantEdgeIndex, n_acknowledged: int) -> None:
    """With room, the same index holds what was acknowledged, takes the rest, and can be read afterwards."""
    make_room(disk)
    assert index.count(COLLECTION) >= n_acknowledged * BATCH_POINTS
    for number in range(n_acknowledged, n_acknowledged + 3):
        index.upsert(COLLECTION, batch(number))
    index.close()

    reader = open_index(disk / "index", "read")
    assert reader.count(COLLECTION) == len(list(reader.scroll(COLLECTION))) == (n_acknowledged + 3) * BATCH_POINTS
    reader.close()


def test_too_little_free_space_stops_a_write_before_the_disk_is_full(small_disk: Path) -> None:
    index = open_index(small_disk / "index", min_free_bytes=3_000_000, min_free_to_open_bytes=0)
    n_acknowledged, error = write_until_full(index)

    assert "MB free" in str(error)
    assert n_acknowledged > 0
    assert index.count(COLLECTION) == n_acknowledged * BATCH_POINTS
    assert_goes_on(small_disk, index, n_acknowledged)


def test_a_disk_that_runs_full_all_the_same_loses_nothing_that_was_acknowledged(small_disk: Path) -> None:
    index = open_index(small_disk / "index", min_free_to_open_bytes=0)
    n_acknowledged, error = write_until_full(index)

    assert "full" in str(error)
    assert "\n" not in str(error)
    assert n_acknowledged > 0
    with pytest.raises(DiskFullError):
        index.upsert(COLLECTION, [*batch(n_acknowledged), *batch(n_acknowledged + 1)])
    assert_goes_on(small_disk, index, n_acknowledged)


def test_an_index_on_a_full_disk_is_not_opened_to_be_read(small_disk: Path) -> None:
    index = open_index(small_disk / "index", min_free_to_open_bytes=0)
    write_until_full(index)
    index.close()

    with pytest.raises(DiskFullError, match="MB free"):
        open_index(small_disk / "index", "read")
