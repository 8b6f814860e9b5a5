"""What is damaged is noticed, and `repair` takes it out; an index of the first format becomes a generation."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import qdrant_edge as edge

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import IndexBusyError, IntegrityError
from rag_llm_system.domain.index_points import KeywordQuery
from rag_llm_system.infrastructure.vector_stores.qdrant_edge import requests
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import read_manifest
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.repair import repair
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.shards import ShardOptions, ShardSet
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import copy_tree
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.upgrade import adopt_format_1
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe
from tests.integration.qdrant_edge_writer import (
    BATCH_POINTS,
    COLLECTION,
    DIMENSION,
    batch,
    open_draft,
    open_index,
    publish_batches,
)

ROOT = Path(__file__).parents[2]
RECIPE = Recipe(DIMENSION, "e")
LEDGER = "index_ledger"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of two generations: of one batch, and of two."""
    path = tmp_path_factory.mktemp("written")
    publish_batches(path, 0)
    publish_batches(path, 1)
    return path


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    copy_tree(written, tmp_path / "index")
    return tmp_path / "index"


def flip(file: Path, place: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(place)
        (byte,) = opened.read(1)
        opened.seek(place)
        opened.write(bytes([byte ^ 0x10]))


def count_in(path: Path) -> int:
    index = open_index(path)
    n_points = index.count(COLLECTION)
    index.close()
    return n_points


def test_a_flipped_bit_in_any_file_of_a_generation_is_noticed_when_it_is_opened(path: Path) -> None:
    generation = path / "generations" / "2"
    files = [file for file in sorted(generation.rglob("*")) if file.is_file()]
    listed = {*read_manifest(generation).checksums, "manifest.json"}
    assert {file.relative_to(generation).as_posix() for file in files} == listed
    n_flipped = 0
    for file in files:
        n_bytes = file.stat().st_size
        for place in {0, n_bytes // 2, n_bytes - 1} if n_bytes else ():
            flip(file, place)
            with pytest.raises(IntegrityError, match=r"\./poe index repair"):
                ShardSet(ShardOptions(generation, RECIPE, writable=False))
            flip(file, place)
            n_flipped += 1
    assert n_flipped > 40
    ShardSet(ShardOptions(generation, RECIPE, writable=False, is_verified=True)).release()


def _flip_a_bit(generation: Path) -> None:
    (page,) = generation.rglob("payload_storage/page_0.dat")
    flip(page, 33)


def _cut_a_file(generation: Path) -> None:
    (page,) = generation.rglob("payload_storage/page_0.dat")
    os.truncate(page, 100)


def _lose_a_file(generation: Path) -> None:
    next(generation.rglob("mutable_id_tracker.mappings")).unlink()


def _lose_a_collection(generation: Path) -> None:
    shutil.rmtree(generation / COLLECTION)


def _damage_the_manifest(generation: Path) -> None:
    (generation / "manifest.json").write_text('{"format": 2, "reci')


def _lose_the_manifest(generation: Path) -> None:
    (generation / "manifest.json").unlink()


DAMAGES = [_flip_a_bit, _cut_a_file, _lose_a_file, _lose_a_collection, _damage_the_manifest, _lose_the_manifest]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_live_generation_goes_and_the_one_before_is_live(path: Path, damage: Callable[[Path], None]) -> None:
    damage(path / "generations" / "2")
    found = repair(path)

    assert (found.intact, list(found.dropped), found.live, found.was_live_damaged) == ((1,), [2], 1, True)
    assert count_in(path) == BATCH_POINTS
    assert publish_batches(path, 1) == 3
    assert count_in(path) == 2 * BATCH_POINTS


def test_what_is_intact_is_left_as_it_is(path: Path) -> None:
    found = repair(path)

    assert (found.intact, found.dropped, found.live, found.was_live_damaged) == ((1, 2), {}, 2, False)
    assert Generations(path).catalogue().previous == 1


def test_a_damaged_older_generation_goes_and_what_is_live_stays(path: Path) -> None:
    _flip_a_bit(path / "generations" / "1")
    found = repair(path)

    assert (found.intact, list(found.dropped), found.live, found.was_live_damaged) == ((2,), [1], 2, False)
    assert Generations(path).catalogue().previous is None


def test_where_all_are_damaged_none_is_live_and_the_next_run_begins_with_nothing(path: Path) -> None:
    for number in (1, 2):
        _flip_a_bit(path / "generations" / str(number))
    draft_path = path / "draft"
    draft_path.mkdir()
    found = repair(path)

    assert (found.intact, list(found.dropped), found.live, found.was_live_damaged) == ((), [1, 2], None, True)
    assert not draft_path.exists()
    assert publish_batches(path, 4) == 3


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"format": 2, "live": [2]}'])
def test_a_damaged_catalogue_is_made_anew_with_the_newest_generation_live(path: Path, content: bytes | None) -> None:
    (path / "catalogue.json").unlink()
    if content is not None:
        (path / "catalogue.json").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"\./poe index repair"):
        open_index(path)
    found = repair(path)

    assert (found.intact, found.live) == ((1, 2), 2)
    assert count_in(path) == 2 * BATCH_POINTS
    assert publish_batches(path, 3) == 3


def test_a_draft_that_was_begun_as_the_damaged_generation_is_not_gone_on_with(path: Path) -> None:
    draft = open_draft(path)
    draft.upsert("post_chunks_embedded", batch(2))
    draft.close()
    _flip_a_bit(path / "generations" / "2")
    repair(path)

    draft = open_draft(path)
    assert (draft.count(COLLECTION), draft.count("post_chunks_embedded")) == (BATCH_POINTS, 0)
    draft.close()


def test_what_is_written_to_is_not_repaired(path: Path) -> None:
    draft = open_draft(path)
    with pytest.raises(IndexBusyError):
        repair(path)
    draft.close()


def make_format_1(path: Path, n_batches: int = 3, *, clean: bool = True) -> None:
    """Makes an index as the release before did: shards with a write-ahead log, lying open in the directory."""
    path.mkdir(parents=True)
    counts = {COLLECTION: n_batches * BATCH_POINTS, LEDGER: BATCH_POINTS}
    for name, n_points in counts.items():
        spec = COLLECTIONS[name]
        vectors = {"dense": edge.EdgeVectorParams(size=DIMENSION, distance=edge.Distance.Cosine)}
        keywords = {"keywords" if spec.searchable else "_": edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)}
        config = edge.EdgeConfig(vectors=vectors if spec.searchable else None, sparse_vectors=keywords)
        (path / name).mkdir()
        shard = edge.EdgeShard.create(str(path / name), config)
        for number in range(n_points // BATCH_POINTS):
            points = batch(number)
            if not spec.searchable:
                points = [type(point)(point.id, point.payload) for point in points]
            added = requests.edge_points(requests.point_batch(points), RECIPE.encoder())
            shard.update(edge.UpdateOperation.upsert_points(added))
        if clean:
            shard.flush()
        shard.close()
    recipe = {
        "dimension": DIMENSION,
        "embedder": "e",
        "bm25_k1": 1.2,
        "bm25_b": 0.75,
        "bm25_avg_len": 60.0,
        "bm25_language": "english",
    }
    manifest = {"format": 1, "recipe": recipe, "clean": clean, "counts": counts if clean else {}}
    (path / "manifest.json").write_text(json.dumps(manifest))


def assert_upgraded(path: Path, n_batches: int = 3) -> None:
    index = open_index(path)
    assert index.count(COLLECTION) == len(list(index.scroll(COLLECTION))) == n_batches * BATCH_POINTS
    assert index.count(LEDGER) == BATCH_POINTS
    newest = batch(n_batches - 1)
    (found,) = index.search(COLLECTION, [KeywordQuery(f"batch{n_batches - 1}", 999)])
    assert [hit.id for hit in found] == sorted(point.id for point in newest)
    assert found[0].payload == dict(newest[0].payload)
    index.close()
    assert not (path / "manifest.json").exists()
    assert not (path / COLLECTION).exists()
    assert publish_batches(path, n_batches) == Generations(path).numbers()[-1]


@pytest.mark.parametrize("clean", [True, False], ids=["closed cleanly", "not closed"])
def test_an_index_of_the_first_format_becomes_the_live_generation(tmp_path: Path, clean: bool) -> None:
    path = tmp_path / "index"
    make_format_1(path, clean=clean)

    assert adopt_format_1(path) == 1
    assert adopt_format_1(path) is None
    assert_upgraded(path)


def test_where_there_is_no_index_of_the_first_format_nothing_is_done(tmp_path: Path, path: Path) -> None:
    assert adopt_format_1(tmp_path / "none") is None
    assert adopt_format_1(path) is None
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_an_upgrade_that_is_killed_at_any_moment_is_completed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "index"
    make_format_1(path, 20)
    code = f"""
from pathlib import Path
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.upgrade import adopt_format_1
print("upgrading", flush=True)
adopt_format_1(Path({str(path)!r}))
"""
    for attempt in range(6):
        with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as upgrading:
            assert upgrading.stdout is not None
            assert upgrading.stdout.readline() == "upgrading\n"
            try:
                upgrading.wait(0.3 * (attempt + 1))
            except subprocess.TimeoutExpired:
                upgrading.send_signal(signal.SIGKILL)
    adopt_format_1(path)
    assert_upgraded(path, 20)


def test_an_upgrade_that_was_killed_while_the_old_files_went_is_completed(tmp_path: Path) -> None:
    path = tmp_path / "index"
    make_format_1(path)
    manifest = (path / "manifest.json").read_bytes()
    adopt_format_1(path)
    (path / "manifest.json").write_bytes(manifest)
    (path / LEDGER).mkdir()

    assert adopt_format_1(path) == 1
    assert not (path / LEDGER).exists()
    assert_upgraded(path)


@pytest.mark.parametrize("damaged", ["{", "[]", '{"format": 1}', '{"format": 1, "recipe": {"dim": 3}}'])
def test_an_index_of_the_first_format_with_a_damaged_manifest_is_left_alone(tmp_path: Path, damaged: str) -> None:
    path = tmp_path / "index"
    path.mkdir()
    (path / "manifest.json").write_text(damaged)

    with pytest.raises(IntegrityError, match="damaged"):
        adopt_format_1(path)
    assert (path / "manifest.json").read_text() == damaged


def test_an_index_of_the_first_format_with_a_damaged_shard_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "index"
    make_format_1(path)
    for file in (path / COLLECTION).rglob("segment.json"):
        file.write_bytes(b"garbage")
    with pytest.raises(IntegrityError, match=r"\./poe index build"):
        adopt_format_1(path)
    assert (path / "manifest.json").exists()
    assert Generations(path).numbers() == []
