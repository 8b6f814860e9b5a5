"""The cache of vectors: what it gives back, what makes room, what erasing leaves, and what goes wrong around it."""

import fcntl
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loguru import logger
from numpy.typing import NDArray

from rag_llm_system.domain.errors import BackendError, BackendUnavailableError
from rag_llm_system.domain.ports.vector_cache import CacheSize
from rag_llm_system.infrastructure.caches.sqlite_vectors import SqliteVectorCache

Open = Callable[..., SqliteVectorCache]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "embeddings.sqlite"


@pytest.fixture
def open_cache(path: Path) -> Iterator[Open]:
    opened: list[SqliteVectorCache] = []

    def open_one(**options: object) -> SqliteVectorCache:
        opened.append(SqliteVectorCache(path, **{"min_free_bytes": 0, "busy_timeout_s": 0.2, **options}))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for cache in opened:
        cache.close()


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message.record["message"])))
    yield lines
    logger.remove(sink)


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def vectors(*numbers: int, dimension: int = 8) -> dict[bytes, NDArray[np.float32]]:
    return {key(n): np.random.default_rng(n).standard_normal(dimension).astype(np.float32) for n in numbers}


def files_of(path: Path) -> bytes:
    """Everything that stands in the cache's folder."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def damage(path: Path) -> None:
    """Writes rubbish over all but the first page, and takes the log away."""
    n_bytes = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(8_192)
        file.write(b"rubbish " * ((n_bytes - 8_192) // 8))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(0, 20), max_size=8), max_size=6), st.lists(st.integers(0, 25)))
def test_what_was_put_last_comes_back_to_the_bit_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, puts: list[list[int]], asked: list[int]
) -> None:
    cache = SqliteVectorCache(tmp_path_factory.mktemp("cache") / "c.sqlite", min_free_bytes=0)
    expected: dict[bytes, NDArray[np.float32]] = {}
    for round_number, numbers in enumerate(puts):
        new = {k: vector + np.float32(round_number) for k, vector in vectors(*numbers).items()}
        cache.put(new)
        expected |= new
    found = cache.get([key(n) for n in asked])
    assert found.keys() == {key(n) for n in asked} & expected.keys()
    assert all(found[k].dtype == np.float32 and found[k].tobytes() == expected[k].tobytes() for k in found)
    assert cache.size().n_vectors == len(expected)
    cache.close()


def test_it_is_there_after_closing_and_opening(open_cache: Open) -> None:
    first = open_cache()
    first.put(vectors(1, 2))
    first.close()
    first.close()
    assert open_cache().get([key(1), key(3)]).keys() == {key(1)}
    assert first.get([key(1)]) == {}


def test_a_cache_that_nothing_was_put_into_leaves_no_file(open_cache: Open, path: Path) -> None:
    cache = open_cache()
    assert cache.get([key(1)]) == {}
    cache.put({})
    assert (cache.erase([key(1)]), cache.clear(), cache.size()) == (0, 0, CacheSize(0, 0))
    assert not path.parent.exists()


def test_more_keys_than_a_statement_takes_are_found_and_erased(open_cache: Open) -> None:
    cache = open_cache()
    cache.put(vectors(*range(1_100)))
    keys = [key(n) for n in range(2_000)]
    assert len(cache.get(keys)) == 1_100
    assert cache.erase(keys[50:]) == 1_050
    assert len(cache.get(keys)) == cache.size().n_vectors == 50


def test_of_erased_vectors_no_byte_is_left_in_the_files(open_cache: Open, path: Path) -> None:
    cache = open_cache()
    kept, erased = vectors(*range(0, 900, 3), dimension=384), vectors(*range(1, 900, 3), dimension=384)
    for number in range(300):  # one after the other, so that pages are split and joined
        cache.put(dict([list(kept.items())[number], list(erased.items())[number]]))
    before = files_of(path)
    assert all(vector.tobytes()[:64] in before for vector in erased.values())
    assert cache.erase([*erased, key(5_000)]) == 300
    left = files_of(path)
    assert not any(vector.tobytes()[at : at + 16] in left for vector in erased.values() for at in (0, 700, 1_520))
    assert not any(k[:16] in left for k in erased)
    assert {k: v.tobytes() for k, v in cache.get([*kept, *erased]).items()} == {k: v.tobytes() for k, v in kept.items()}


def test_of_vectors_that_were_replaced_or_made_room_erasing_leaves_nothing_either(open_cache: Open, path: Path) -> None:
    cache = open_cache(max_bytes=150_000)
    gone = vectors(*range(100), dimension=384)
    cache.put(gone)
    cache.put({key(0): np.ones(384, np.float32)})
    cache.put(vectors(*range(100, 180), dimension=384))
    cache.erase([])
    left = files_of(path)
    absent = gone.keys() - cache.get(list(gone)).keys()
    assert len(absent) > 50
    assert not any(gone[k].tobytes()[:16] in left for k in {*absent, key(0)})


def test_clearing_leaves_an_empty_cache_that_goes_on(open_cache: Open, path: Path) -> None:
    cache = open_cache()
    old = vectors(*range(300), dimension=384)
    cache.put(old)
    assert cache.clear() == 300
    assert cache.size().n_vectors == 0
    left = files_of(path)
    assert not any(vector.tobytes()[:16] in left for vector in old.values())
    cache.put(vectors(1))
    assert len(cache.get([key(1)])) == 1


def test_what_was_used_least_lately_makes_room(open_cache: Open, path: Path) -> None:
    days = [1]
    cache = open_cache(max_bytes=500_000, today=lambda: days[0])
    cache.put(vectors(*range(200), dimension=384))
    days[0] = 2
    used = [key(n) for n in range(0, 200, 4)]
    assert len(cache.get(used)) == 50
    days[0] = 3
    for start in range(1_000, 1_150, 10):
        cache.put(vectors(*range(start, start + 10), dimension=384))
    assert len(cache.get(used)) == 50
    assert len(cache.get([key(n) for n in range(1_000, 1_150)])) == 150
    assert len(cache.get([key(n) for n in range(200)])) < 140
    assert path.stat().st_size <= 500_000 + 8_192 * 25


def test_the_file_stays_within_the_limit_and_shrinks_when_that_is_lowered(open_cache: Open, path: Path) -> None:
    cache = open_cache(max_bytes=20_000_000)
    for start in range(0, 9_000, 500):
        cache.put(vectors(*range(start, start + 500), dimension=384))
    cache.close()
    assert 15_000_000 < path.stat().st_size < 20_000_000
    smaller = open_cache(max_bytes=1_000_000)
    smaller.put(vectors(9_001, dimension=384))
    smaller.close()
    assert path.stat().st_size < 1_000_000


def test_more_than_fits_at_once_leaves_what_fits(open_cache: Open, path: Path) -> None:
    cache = open_cache(max_bytes=200_000)
    cache.put(vectors(*range(1_000), dimension=384))
    assert 50 < cache.size().n_vectors < 130
    nothing_fits = open_cache(max_bytes=0)
    nothing_fits.put(vectors(1))
    assert nothing_fits.size().n_vectors == 0


def test_a_damaged_file_is_made_anew_with_a_line_in_the_log(open_cache: Open, path: Path, log: list[str]) -> None:
    cache = open_cache()
    cache.put(vectors(*range(100), dimension=384))
    cache.close()
    damage(path)
    cache = open_cache()
    assert cache.get([key(n) for n in range(100)]) == {}
    cache.put(vectors(1))
    assert cache.get([key(1)]).keys() == {key(1)}
    assert [line.split(" error=")[0] for line in log] == ["embedding_cache_damaged doing=get"]
    assert log[0].endswith("outcome=made_anew")


@pytest.mark.parametrize("content", [b"no database, just words " * 1_000, b"SQLite format 3\0" + b"\0" * 5_000])
def test_a_file_that_is_no_database_is_made_anew(open_cache: Open, path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    cache = open_cache()
    cache.put(vectors(1))
    cache.put(vectors(1))
    assert cache.get([key(1)]).keys() == {key(1)}


def test_a_file_of_another_version_is_made_anew(open_cache: Open, path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version=7")
        other.execute("CREATE TABLE entries (name TEXT)")
    other.close()
    cache = open_cache()
    assert cache.get([key(1)]) == {}
    cache.put(vectors(1))
    assert cache.size().n_vectors == 1


def test_erasing_from_a_damaged_file_removes_all_of_it(open_cache: Open, path: Path) -> None:
    cache = open_cache()
    old = vectors(*range(100), dimension=384)
    cache.put(old)
    cache.close()
    damage(path)
    open_cache().erase([key(1)])
    left = files_of(path)
    assert not any(vector.tobytes()[:16] in left for vector in old.values())


def test_a_damaged_file_that_another_has_open_is_left_alone_and_not_used(
    open_cache: Open, path: Path, log: list[str]
) -> None:
    cache = open_cache()
    cache.put(vectors(*range(100), dimension=384))
    cache.close()
    damage(path)
    other = (path.parent / f".{path.name}.lock").open()
    fcntl.flock(other, fcntl.LOCK_SH)
    cache = open_cache()
    assert cache.get([key(n) for n in range(100)]) == {}
    assert path.exists()
    cache.put(vectors(1))
    assert cache.get([key(1)]) == {}
    assert log[0].endswith("outcome=not_used")
    with pytest.raises(BackendError, match="cannot be changed"):
        cache.erase([key(1)])
    assert len([line for line in log if line.startswith("embedding_cache_damaged")]) == 1
    other.close()
    assert open_cache().get([key(1)]) == {}
    assert log[-1].endswith("outcome=made_anew")


def test_a_vector_with_a_flipped_bit_is_not_given_and_can_be_put_again(
    open_cache: Open, path: Path, log: list[str]
) -> None:
    cache = open_cache()
    cache.put(vectors(1, 2))
    with sqlite3.connect(path) as other:
        (blob,) = other.execute("SELECT vector FROM vectors WHERE id = 1").fetchone()
        other.execute("UPDATE vectors SET vector = ? WHERE id = 1", (bytes([blob[0] ^ 1]) + blob[1:],))
    other.close()
    assert cache.get([key(1), key(2)]).keys() == {key(2)}
    assert log == ["embedding_cache_vector_damaged id=1"]
    cache.put(vectors(1))
    assert cache.get([key(1), key(2)]).keys() == {key(1), key(2)}


def test_a_folder_that_cannot_be_made_stops_nobody_and_is_told_once(tmp_path: Path, log: list[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = SqliteVectorCache(tmp_path / "file" / "c.sqlite", min_free_bytes=0)
    for _ in range(3):
        cache.put(vectors(1))
        assert cache.get([key(1)]) == {}
    assert log == ["embedding_cache_trouble doing=put error=FileExistsError"]
    assert cache.size() == CacheSize(0, 0)


def test_too_little_free_space_keeps_nothing_and_is_told_once(open_cache: Open, log: list[str]) -> None:
    open_cache().put(vectors(1))
    cache = open_cache(min_free_bytes=10**18)
    cache.put(vectors(2))
    cache.put(vectors(3))
    assert cache.get([key(n) for n in (1, 2, 3)]).keys() == {key(1)}
    assert log == ["embedding_cache_trouble doing=put error=DiskFullError"]


def test_while_another_writes_nothing_is_kept_and_erasing_says_so(open_cache: Open, path: Path, log: list[str]) -> None:
    cache = open_cache()
    cache.put(vectors(1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    cache.put(vectors(2))
    assert cache.get([key(1), key(2)]).keys() == {key(1)}
    assert log == ["embedding_cache_trouble doing=put error=SQLITE_BUSY"]
    with pytest.raises(BackendUnavailableError, match="locked by another process"):
        cache.erase([key(1)])
    other.execute("ROLLBACK")
    other.close()
    assert cache.erase([key(1)]) == 1


def test_erasing_while_another_reads_is_no_success(open_cache: Open, path: Path) -> None:
    cache = open_cache()
    cache.put(vectors(*range(100), dimension=384))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM vectors").fetchone()
    with pytest.raises(BackendUnavailableError):
        cache.erase([key(n) for n in range(50)])
    reader.execute("COMMIT")
    reader.close()
    cache.erase([key(n) for n in range(50)])
    left = files_of(path)
    assert not any(vector.tobytes()[:16] in left for vector in vectors(*range(50), dimension=384).values())


def test_threads_share_one_cache(open_cache: Open) -> None:
    cache = open_cache(busy_timeout_s=5.0)

    def work(number: int) -> int:
        cache.put(vectors(*range(number * 10, number * 10 + 10)))
        return len(cache.get([key(n) for n in range(number * 10, number * 10 + 10)]))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(30))) == [10] * 30
    assert cache.size().n_vectors == 300
