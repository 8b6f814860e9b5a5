"""The cache of vectors under bad luck: killed writers, several of them at once, a full disk."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag_llm_system.domain.errors import BackendError
from rag_llm_system.infrastructure.caches.sqlite_vectors import SqliteVectorCache
from tests.integration.embedding_cache_writer import PER_CALL, key, vectors
from tests.integration.small_disk import make_room, may_mount, mounted_disk

ROOT = Path(__file__).parents[2]


def start_writer(path: Path, first: int, n_calls: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.embedding_cache_writer", str(path), str(first), str(n_calls)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def right_vectors(cache: SqliteVectorCache, numbers: range) -> int:
    """Gives how many are there, after making sure that each is the one that was put."""
    found = cache.get([key(n) for n in numbers])
    assert all(np.array_equal(found[key(n)], np.full(384, n, np.float32)) for n in numbers if key(n) in found)
    return len(found)


def test_what_a_killed_writer_was_told_is_kept_is_there_and_the_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.sqlite"
    for round_number, delay_s in enumerate((0.0, 0.05, 0.3)):
        first = round_number * 1_000_000
        writer = start_writer(path, first, 100_000)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(delay_s)
        writer.kill()
        told = writer.communicate()[0].split()
        n_told = int(told[-1]) if told else PER_CALL
        cache = SqliteVectorCache(path, min_free_bytes=0)
        assert right_vectors(cache, range(first, first + n_told + PER_CALL)) >= n_told
        cache.put(vectors(first + 900_000))
        assert right_vectors(cache, range(first + 900_000, first + 900_000 + PER_CALL)) == PER_CALL
        assert cache.erase([key(n) for n in range(first, first + 10)]) == 10
        cache.close()


def test_two_processes_fill_one_cache_while_a_third_reads_and_erases(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.sqlite"
    cache = SqliteVectorCache(path, min_free_bytes=0)
    writers = [start_writer(path, first, 60) for first in (0, 600)]  # half of the keys are the same
    while any(writer.poll() is None for writer in writers):
        right_vectors(cache, range(0, 1_800, 7))
        cache.erase([key(5_000)])
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        writer.communicate()
    assert right_vectors(cache, range(2_000)) == cache.size().n_vectors == 1_800
    cache.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted_disk(tmp_path, size_mb=2):
        yield tmp_path


@pytest.mark.skipif(not may_mount(), reason="making a small disk needs root on Linux")
def test_a_full_disk_keeps_what_there_is_and_room_lets_it_go_on(small_disk: Path) -> None:
    cache = SqliteVectorCache(small_disk / "embeddings.sqlite", min_free_bytes=0)
    for number in range(100):
        cache.put(vectors(number * PER_CALL))
    n_kept = right_vectors(cache, range(100 * PER_CALL))
    assert 0 < n_kept < 100 * PER_CALL
    with pytest.raises(BackendError):
        cache.erase([key(0)])
    make_room(small_disk, size_mb=64)
    assert right_vectors(cache, range(1, 100 * PER_CALL)) >= n_kept - 1
    cache.put(vectors(50_000))
    assert right_vectors(cache, range(50_000, 50_000 + PER_CALL)) == PER_CALL
    cache.erase([key(0)])
    assert cache.get([key(0)]) == {}
    cache.close()


@pytest.mark.skipif(not may_mount(), reason="making a small disk needs root on Linux")
def test_a_disk_that_is_full_from_the_start_stops_nobody(small_disk: Path) -> None:
    with (small_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="space"):
        filler.writelines(b"x" * 4_096 for _ in range(1_000))
    cache = SqliteVectorCache(small_disk / "embeddings.sqlite", min_free_bytes=0)
    cache.put(vectors(0))
    assert cache.get([key(0)]) == {}
    (small_disk / "filler").unlink()
    cache.put(vectors(0))
    assert len(cache.get([key(0)])) == 1
    cache.close()
