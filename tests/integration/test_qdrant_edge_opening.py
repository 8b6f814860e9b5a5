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
from typing import Any

import pytest

from rag_llm_system.domain.errors import (
    CapabilityError,
    ConfigurationError,
    DiskFullError,
    IndexBusyError,
    IntegrityError,
    NotFoundError,
    RagError,
)
from rag_llm_system.domain.index_points import EVERYTHING, DenseQuery, KeywordQuery, SearchQuery
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import write_json
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import copy_tree
from tests.integration.qdrant_edge_writer import (
    BATCH_POINTS,
    COLLECTION,
    DIMENSION,
    batch,
    catalogue_of,
    open_draft,
    open_index,
    publish_batches,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with two batches; to be copied, not changed."""
    path = tmp_path_factory.mktemp("written")
    publish_batches(path, 0, 1)
    return path


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    copy_tree(written, tmp_path / "index")
    return tmp_path / "index"


@pytest.fixture
def drafted(path: Path) -> Path:
    """An index with a draft in which the one collection was written to."""
    draft = open_draft(path)
    draft.upsert(COLLECTION, batch(2))
    draft.close()
    return path


def change_json(file: Path, **fields: object) -> None:
    kept = {name: value for name, value in json.loads(file.read_text()).items() if name not in ("sha256", "format")}
    write_json(file, {**kept, **fields})


def only_generation(path: Path) -> Path:
    (generation,) = (path / "generations").iterdir()
    return generation


def test_reading_an_index_that_was_never_written_finds_nothing_and_makes_nothing(tmp_path: Path) -> None:
    index = open_index(tmp_path / "none" / "yet")

    assert index.count(COLLECTION) == 0
    assert list(index.scroll("cleaned_posts")) == []
    assert index.search(COLLECTION, [KeywordQuery("words", 3)]) == [[]]
    index.close()
    assert list(tmp_path.iterdir()) == []


def test_a_reader_cannot_write(path: Path) -> None:
    index = open_index(path)
    for work in (
        lambda: index.upsert(COLLECTION, batch(2)),
        lambda: index.upsert(COLLECTION, []),
        lambda: index.delete(COLLECTION, EVERYTHING),
    ):
        with pytest.raises(CapabilityError):
            work()
    assert index.count(COLLECTION) == 2 * BATCH_POINTS
    index.close()


def test_a_second_writing_process_is_told_in_one_line_who_has_the_draft(path: Path) -> None:
    draft = open_draft(path, purpose="the main run")
    command = [sys.executable, "-m", "tests.integration.qdrant_edge_writer", str(path), "5", "1"]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    draft.close()

    last_line = second.stderr.strip().splitlines()[-1]
    assert "IndexBusyError" in last_line
    assert f"process {os.getpid()} (the main run, since " in last_line
    assert "stop it" in last_line


def test_a_second_draft_of_the_same_process_is_kept_out_too(path: Path) -> None:
    draft = open_draft(path)
    with pytest.raises(IndexBusyError):
        open_draft(path)
    draft.close()
    open_draft(path).close()


def test_readers_and_a_writer_work_side_by_side(path: Path) -> None:
    one, other = open_index(path), open_index(path, collections=[COLLECTION])
    draft = open_draft(path)
    draft.upsert(COLLECTION, batch(2))

    assert (one.count(COLLECTION), other.count(COLLECTION), draft.count(COLLECTION)) == (80, 80, 120)
    for opened in (one, other, draft):
        opened.close()


def test_several_processes_read_one_index(path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from tests.integration.qdrant_edge_writer import COLLECTION, open_index
index = open_index(Path({str(path)!r}))
print(index.count(COLLECTION), flush=True)
sys.stdin.readline()
print(index.count(COLLECTION), flush=True)
index.close()
"""
    command = [sys.executable, "-c", code]
    readers = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "80\n"
    assert sorted(reader.pid for reader in catalogue_of(path).readers()) == sorted(reader.pid for reader in readers)
    assert [reader.communicate("\n", timeout=60)[0] for reader in readers] == ["80\n"] * 3

    assert catalogue_of(path).readers() == []
    assert list((path / "views").iterdir()) == []


def test_a_killed_holder_neither_blocks_nor_leaves_its_view(path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from tests.integration.qdrant_edge_writer import open_draft, open_index
index, draft = open_index(Path({str(path)!r})), open_draft(Path({str(path)!r}))
print("open", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(IndexBusyError):
            open_draft(path)
        assert [reader.pid for reader in catalogue_of(path).readers()] == [holder.pid]
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
    open_draft(path).close()
    open_index(path).close()
    assert list((path / "views").iterdir()) == []


def test_a_lock_file_with_nonsense_in_it_neither_blocks_nor_confuses(path: Path) -> None:
    (path / ".lock").write_text("}{")
    draft = open_draft(path)
    (path / ".lock").write_text('{"pid": "many"}')
    with pytest.raises(IndexBusyError, match="another process"):
        open_draft(path)
    draft.close()


OTHER_RECIPES: list[dict[str, Any]] = [
    {"dimension": DIMENSION + 1},
    {"embedder": "another"},
    {"bm25_k1": 1.5},
    {"bm25_b": 0.5},
    {"bm25_avg_len": 61.0},
    {"bm25_language": "german"},
    {"chunking": "other chunks"},
    {"compression": "int8"},
]


@pytest.mark.parametrize("asked", OTHER_RECIPES, ids=str)
def test_an_index_made_by_another_recipe_is_refused_with_the_command_to_run(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    open_draft(tmp_path, chunking="chunks").publish()
    for open_it in (open_index, open_draft):
        with pytest.raises(ConfigurationError, match=r"\./poe index build") as caught:
            open_it(tmp_path, **{"chunking": "chunks", **asked})
        assert f"{next(iter(asked))} " in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"\./poe index build"):
        catalogue_of(tmp_path, **{"chunking": "chunks", **asked}).switch(1)
    assert (tmp_path / "draft").exists() is False


def test_an_index_whose_chunking_nobody_told_fits_any(path: Path) -> None:
    index = open_index(path, chunking="chunks")
    assert index.count(COLLECTION) == 2 * BATCH_POINTS
    index.close()


@pytest.mark.parametrize("file", ["catalogue.json", "generations/1/manifest.json"])
def test_an_index_of_a_newer_version_is_refused(path: Path, file: str) -> None:
    change_json(path / file, format=3)
    for open_it in (open_index, open_draft):
        with pytest.raises(ConfigurationError, match="update rag_llm_system"):
            open_it(path)


def test_a_count_that_differs_after_a_clean_close_is_noticed(path: Path) -> None:
    change_json(only_generation(path) / "manifest.json", counts={COLLECTION: 2 * BATCH_POINTS + 1})
    with pytest.raises(IntegrityError, match="holds 80 points, it was closed with 81"):
        open_index(path)


def test_after_an_unclean_close_the_points_of_a_draft_are_counted_anew(drafted: Path) -> None:
    change_json(drafted / "draft" / "manifest.json", counts={COLLECTION: 3}, clean=False)
    open_draft(drafted).close()

    manifest = json.loads((drafted / "draft" / "manifest.json").read_text())
    assert manifest["clean"] is True
    assert manifest["counts"] == {COLLECTION: 3 * BATCH_POINTS}


def test_a_writer_that_died_while_it_made_a_shard_leaves_no_trace(drafted: Path) -> None:
    change_json(drafted / "draft" / "manifest.json", clean=False)
    half = drafted / "draft" / ".post_chunks_embedded.new"
    copy_tree(drafted / "draft" / COLLECTION, half)
    draft = open_draft(drafted)
    draft.upsert("post_chunks_embedded", batch(7))
    assert draft.count("post_chunks_embedded") == BATCH_POINTS
    generation = draft.publish()

    assert generation is not None
    assert sorted(generation.counts) == [COLLECTION, "post_chunks_embedded"]
    assert [entry.name for entry in sorted((drafted / "generations" / "2").iterdir())] == [
        COLLECTION,
        "manifest.json",
        "post_chunks_embedded",
    ]


def _damage_manifest(path: Path) -> None:
    (path / "manifest.json").write_bytes(b'{"format": 1, "recipe"')


def _lose_manifest(path: Path) -> None:
    (path / "manifest.json").unlink()


def _lose_shard(path: Path) -> None:
    shutil.rmtree(path / COLLECTION)


def _lose_segments(path: Path) -> None:
    shutil.rmtree(path / COLLECTION / "segments")


def _damage_configuration(path: Path) -> None:
    (path / COLLECTION / "edge_config.json").write_bytes(b"\x00" * 100)


def _damage_segment_state(path: Path) -> None:
    for file in (path / COLLECTION).rglob("segment.json"):
        file.write_bytes(b"garbage")


def _cut_flags(path: Path) -> None:
    # The engine panics over this one, with an exception that is no Exception.
    for file in (path / COLLECTION).rglob("vectors/status.dat"):
        os.truncate(file, 0)


DAMAGES = [
    _damage_manifest,
    _lose_manifest,
    _lose_shard,
    _lose_segments,
    _damage_configuration,
    _damage_segment_state,
    _cut_flags,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_generation_is_noticed_when_it_is_opened(path: Path, damage: Callable[[Path], None]) -> None:
    damage(only_generation(path))

    expected = NotFoundError if damage is _lose_manifest else IntegrityError
    for open_it in (open_index, open_draft):
        with pytest.raises((expected, IntegrityError), match=r"poe index (repair|list)") as caught:
            open_it(path)
        assert "\n" not in str(caught.value)
    assert list(path.glob("views/*")) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_draft_that_is_damaged_is_begun_anew_as_the_live_generation(
    drafted: Path, damage: Callable[[Path], None]
) -> None:
    damage(drafted / "draft")

    draft = open_draft(drafted)
    # What the engine makes good by itself may stay.
    assert draft.count(COLLECTION) in (2 * BATCH_POINTS, 3 * BATCH_POINTS)
    draft.upsert(COLLECTION, batch(2))
    assert draft.count(COLLECTION) == 3 * BATCH_POINTS
    draft.close()


def test_too_little_space_is_said_before_anything_is_written(path: Path) -> None:
    with pytest.raises(DiskFullError, match="MB free"):
        open_index(path, min_free_bytes=10**18)
    with pytest.raises(DiskFullError, match="MB free"):
        open_draft(path, min_free_bytes=10**18)
    draft = open_draft(path, shard_copies=10.0**12)
    with pytest.raises(DiskFullError, match=r"MB free, [\d,.]+ MB are needed"):
        draft.upsert(COLLECTION, batch(2))
    assert draft.count(COLLECTION) == 2 * BATCH_POINTS
    draft.close()


def test_a_directory_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for open_it in (open_index, open_draft):
        with pytest.raises(RagError):
            open_it(tmp_path / "file" / "index")


def test_a_large_collection_is_optimised_when_the_draft_is_published_and_answers_as_before(tmp_path: Path) -> None:
    draft = open_draft(tmp_path, optimize_from_points=400)
    for number in range(12):
        draft.upsert(COLLECTION, batch(number))
    draft.close()
    assert list((tmp_path / "draft").rglob("graph.bin")) == []
    draft = open_draft(tmp_path, optimize_from_points=400)
    vector = batch(4)[0].vector
    assert vector is not None
    queries: list[SearchQuery] = [DenseQuery(vector, 30), KeywordQuery("common batch3", 60)]
    before = draft.search(COLLECTION, queries)
    draft.publish()

    index = open_index(tmp_path)
    assert index.search(COLLECTION, queries) == before
    index.close()


def test_several_threads_may_share_an_index(path: Path) -> None:
    vectors = [point.vector for point in batch(0)]
    for opened in (open_index(path), open_draft(path)):

        def first_hit(number: int, opened: Any = opened) -> str:
            (hit,) = opened.search(COLLECTION, [DenseQuery(vectors[number], 1)])[0]  # type: ignore[arg-type]
            return str(hit.id)

        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(first_hit, range(BATCH_POINTS)))
        opened.close()

        assert found == [point.id for point in batch(0)]


def test_only_the_named_collections_are_opened(path: Path) -> None:
    index = open_index(path, collections=[COLLECTION])
    assert index.count(COLLECTION) == 2 * BATCH_POINTS
    with pytest.raises(CapabilityError, match="index_ledger"):
        index.count("index_ledger")
    index.close()
