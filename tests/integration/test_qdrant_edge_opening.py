"""Who may open an index directory, and what is noticed when it is opened."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import (
    CapabilityError,
    ConfigurationError,
    DiskFullError,
    IndexBusyError,
    IntegrityError,
    RagError,
)
from rag_llm_system.domain.index_points import EVERYTHING, DenseQuery, KeywordQuery, SearchQuery
from tests.integration.qdrant_edge_writer import BATCH_POINTS, COLLECTION, DIMENSION, batch, open_index

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed index with two batches; to be copied, not changed."""
    path = tmp_path_factory.mktemp("written")
    index = open_index(path)
    index.upsert(COLLECTION, [*batch(0), *batch(1)])
    index.close()
    return path


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "index"))


def change_manifest(path: Path, **fields: object) -> None:
    manifest = path / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **fields}))


def test_reading_an_index_that_was_never_written_finds_nothing(tmp_path: Path) -> None:
    index = open_index(tmp_path / "none" / "yet", "read")

    assert index.count(COLLECTION) == 0
    assert list(index.scroll("cleaned_posts")) == []
    assert index.search(COLLECTION, [KeywordQuery("words", 3)]) == [[]]
    index.close()
    open_index(tmp_path / "none" / "yet").close()


def test_a_reader_cannot_write(path: Path) -> None:
    index = open_index(path, "read")
    for work in (
        lambda: index.upsert(COLLECTION, batch(2)),
        lambda: index.upsert(COLLECTION, []),
        lambda: index.delete(COLLECTION, EVERYTHING),
    ):
        with pytest.raises(CapabilityError):
            work()
    assert index.count(COLLECTION) == 2 * BATCH_POINTS
    index.close()


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        open_index(tmp_path, "append")


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_second_process_is_told_in_one_line_who_holds_the_index(path: Path, mode: str) -> None:
    index = open_index(path, mode, purpose="the main API")
    command = [sys.executable, "-m", "tests.integration.qdrant_edge_writer", str(path), "5", "1"]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    index.close()

    last_line = second.stderr.strip().splitlines()[-1]
    assert "IndexBusyError" in last_line
    assert f"process {os.getpid()} (the main API, since " in last_line
    assert "stop it" in last_line


def test_a_second_index_object_of_the_same_process_is_kept_out_too(path: Path) -> None:
    index = open_index(path, "read")
    with pytest.raises(IndexBusyError):
        open_index(path, "read")
    index.close()
    open_index(path, "read").close()


def test_the_lock_of_a_killed_holder_does_not_block(path: Path) -> None:
    code = f"""
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tests.integration.qdrant_edge_writer import open_index
index = open_index(Path({str(path)!r}), "read")
print("open", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(IndexBusyError):
            open_index(path, "read")
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        open_index(path, "read").close()


def test_a_lock_file_with_nonsense_in_it_neither_blocks_nor_confuses(path: Path) -> None:
    (path / ".lock").write_text("}{")
    index = open_index(path, "read")
    (path / ".lock").write_text('{"pid": "many"}')
    with pytest.raises(IndexBusyError, match="another process"):
        open_index(path, "read")
    index.close()


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize(
    "asked", [{"dimension": DIMENSION + 1}, {"embedder": "another"}, {"bm25_k1": 1.5}, {"bm25_avg_len": 61.0}], ids=str
)
def test_an_index_made_by_another_recipe_is_refused(path: Path, mode: str, asked: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=r"poe run-feature-engineering-pipeline") as caught:
        open_index(path, mode, **asked)
    assert "\n" not in str(caught.value)
    index = open_index(path, mode)
    assert index.count(COLLECTION) == 2 * BATCH_POINTS
    index.close()


def test_an_index_of_another_format_is_refused(path: Path) -> None:
    change_manifest(path, format=2)
    with pytest.raises(ConfigurationError):
        open_index(path, "read")


def test_a_count_that_differs_after_a_clean_close_is_noticed(path: Path) -> None:
    change_manifest(path, counts={COLLECTION: 2 * BATCH_POINTS + 1})
    for mode in ("read", "write"):
        with pytest.raises(IntegrityError, match="holds 80 points, it was closed with 81"):
            open_index(path, mode)


def test_after_an_unclean_close_the_points_are_counted_anew(path: Path) -> None:
    change_manifest(path, counts={COLLECTION: 3}, clean=False)
    open_index(path, "read").close()
    open_index(path).close()

    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["clean"] is True
    assert manifest["counts"] == {COLLECTION: 2 * BATCH_POINTS}


def test_a_writer_that_died_while_it_made_a_shard_leaves_no_trace(path: Path) -> None:
    change_manifest(path, clean=False)
    half = path / ".post_chunks_embedded.new"
    shutil.copytree(path / COLLECTION, half)
    index = open_index(path)
    index.upsert("post_chunks_embedded", batch(7))
    assert index.count("post_chunks_embedded") == BATCH_POINTS
    index.close()

    assert not half.exists()
    assert sorted(json.loads((path / "manifest.json").read_text())["counts"]) == [COLLECTION, "post_chunks_embedded"]


def _damage_manifest(path: Path) -> None:
    (path / "manifest.json").write_bytes(b'{"format": 1, "recipe"')


def _lose_manifest(path: Path) -> None:
    (path / "manifest.json").unlink()


def _lose_shard(path: Path) -> None:
    shutil.rmtree(path / COLLECTION)


def _lose_segments(path: Path) -> None:
    shutil.rmtree(path / COLLECTION / "segments")
    shutil.rmtree(path / COLLECTION / "wal")


def _damage_configuration(path: Path) -> None:
    (path / COLLECTION / "edge_config.json").write_bytes(b"\x00" * 100)


def _damage_segment_state(path: Path) -> None:
    for file in path.rglob("segment.json"):
        file.write_bytes(b"garbage")


def _cut_flags(path: Path) -> None:
    # The engine panics over this one, with an exception that is no Exception.
    for file in path.rglob("vectors/status.dat"):
        os.truncate(file, 0)


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize(
    "damage",
    [
        _damage_manifest,
        _lose_manifest,
        _lose_shard,
        _lose_segments,
        _damage_configuration,
        _damage_segment_state,
        _cut_flags,
    ],
)
def test_a_damaged_index_is_noticed_when_it_is_opened(path: Path, damage: Callable[[Path], None], mode: str) -> None:
    damage(path)

    with pytest.raises(IntegrityError, match="poe run-feature-engineering-pipeline") as caught:
        open_index(path, mode)
    assert "\n" not in str(caught.value)


def test_too_little_space_is_said_before_anything_is_written(path: Path) -> None:
    with pytest.raises(DiskFullError):
        open_index(path, "read", min_free_to_open_bytes=10**18)
    index = open_index(path, min_free_bytes=10**15)
    with pytest.raises(DiskFullError, match=r"MB free, 1,000,000,00\d\.\d MB are needed"):
        index.upsert(COLLECTION, batch(2))
    assert index.count(COLLECTION) == 2 * BATCH_POINTS
    index.close()


def test_a_directory_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RagError):
        open_index(tmp_path / "file" / "index")


def test_a_large_collection_is_optimised_when_the_writer_closes_and_answers_as_before(tmp_path: Path) -> None:
    index = open_index(tmp_path, optimize_from_points=400)
    for number in range(12):
        index.upsert(COLLECTION, batch(number))
    vector = batch(4)[0].vector
    assert vector is not None
    queries: list[SearchQuery] = [DenseQuery(vector, 30), KeywordQuery("common batch3", 60)]
    before = index.search(COLLECTION, queries)
    index.close()

    index = open_index(tmp_path, "read")
    assert index.search(COLLECTION, queries) == before
    index.close()


@pytest.mark.parametrize("mode", ["read", "write"])
def test_several_threads_may_share_an_index(path: Path, mode: str) -> None:
    index = open_index(path, mode)
    vectors = [point.vector for point in batch(0)]

    def first_hit(number: int) -> str:
        vector = vectors[number]
        assert vector is not None
        return index.search(COLLECTION, [DenseQuery(vector, 1)])[0][0].id

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(first_hit, range(BATCH_POINTS)))
    index.close()

    assert found == [point.id for point in batch(0)]


def test_only_the_named_collections_are_opened(path: Path) -> None:
    index = open_index(path, "read", collections=[COLLECTION])
    assert index.count(COLLECTION) == 2 * BATCH_POINTS
    with pytest.raises(CapabilityError, match="index_ledger"):
        index.count("index_ledger")
    index.close()
    with pytest.raises(ConfigurationError, match="opened to write"):
        open_index(path, collections=[COLLECTION])
