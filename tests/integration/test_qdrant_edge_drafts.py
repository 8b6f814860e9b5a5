"""Drafts: what they share with the live generation stays as it is, whatever dies on the way to the next one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.domain.errors import BackendError, IntegrityError
from rag_llm_system.domain.index_points import EVERYTHING, IndexPoint, KeywordQuery, PointFilter
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.draft import QdrantEdgeDraft
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import read_manifest, write_json
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.sealing import seal
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import checksums, copy_tree
from tests.integration.qdrant_edge_writer import (
    BATCH_POINTS,
    COLLECTION,
    batch,
    catalogue_of,
    open_draft,
    open_index,
    publish_batches,
    workers_of,
)

ROOT = Path(__file__).parents[2]
POSTS = "post_chunks_embedded"
LEDGER = "index_ledger"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with two collections; to be copied, not changed."""
    path = tmp_path_factory.mktemp("written")
    draft = open_draft(path)
    draft.upsert(COLLECTION, [*batch(0), *batch(1)])
    draft.upsert(LEDGER, [IndexPoint(point.id, point.payload) for point in batch(0)])
    draft.publish()
    return path


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    copy_tree(written, tmp_path / "index")
    return tmp_path / "index"


def counts_of(path: Path, number: int | None = None) -> tuple[int, int, int]:
    index = open_index(path, generation=number)
    found = index.count(COLLECTION), index.count(POSTS), index.count(LEDGER)
    index.close()
    return found


def draft_in_the_middle(path: Path) -> Path:
    """Gives a draft that was closed with one collection of its own and one that is linked."""
    draft = open_draft(path)
    draft.upsert(COLLECTION, batch(2))
    draft.close()
    return path / "draft"


def change_manifest(path: Path, **fields: Any) -> None:
    written = json.loads((path / "manifest.json").read_text())
    kept = {name: value for name, value in written.items() if name not in ("sha256", "format")}
    write_json(path / "manifest.json", {**kept, **fields})


def test_whatever_is_written_in_a_draft_the_live_generation_stays_as_it_is_to_the_byte(path: Path) -> None:
    live = path / "generations" / "1"
    before = checksums(live)
    draft = open_draft(path)
    linked = path / "draft" / "linked"
    assert {file.stat().st_nlink for file in linked.rglob("page_0.dat")} == {2}
    assert draft.count(LEDGER) == BATCH_POINTS
    assert checksums(live) == before  # opening
    draft.upsert(COLLECTION, [*batch(1), *batch(2)])
    draft.delete(COLLECTION, PointFilter(ids=[batch(0)[0].id]))
    draft.upsert(POSTS, batch(3))
    assert checksums(live) == before  # copying, replacing, adding, deleting
    draft.erase(COLLECTION, PointFilter(ids=[batch(0)[1].id]))
    draft.delete(LEDGER, EVERYTHING)
    assert checksums(live) == before  # erasing
    draft.publish()
    assert checksums(live) == before
    assert counts_of(path) == (3 * BATCH_POINTS - 2, BATCH_POINTS, 0)
    assert counts_of(path, 1) == (2 * BATCH_POINTS, 0, BATCH_POINTS)
    assert checksums(live) == before  # reading

    # What was shared stays shared, and as it was, over generations.
    following = open_draft(path)
    following.upsert(LEDGER, [IndexPoint(batch(0)[0].id, {})])
    following.publish()
    shared = list((path / "generations" / "3" / POSTS).rglob("page_0.dat"))
    assert {file.stat().st_nlink for file in shared} == {2}
    for number in (2, 3):
        manifest = read_manifest(path / "generations" / str(number))
        found = {name: one for name, one in checksums(path / "generations" / str(number)).items() if "/" in name}
        assert found == manifest.checksums
        assert manifest.clean


def test_a_draft_that_changed_nothing_is_no_generation_and_leaves_none_of_itself(path: Path) -> None:
    before = checksums(path / "generations" / "1")
    draft = open_draft(path)
    assert draft.count(COLLECTION) == 2 * BATCH_POINTS
    assert draft.delete(COLLECTION, PointFilter(ids=[batch(9)[0].id])) == 0
    draft.upsert(POSTS, [])
    assert draft.publish() is None

    assert not (path / "draft").exists()
    assert Generations(path).numbers() == [1]
    assert checksums(path / "generations" / "1") == before


def test_a_draft_is_gone_on_with_and_published_once(path: Path) -> None:
    draft_in_the_middle(path)
    draft = open_draft(path)
    assert (draft.count(COLLECTION), draft.count(LEDGER)) == (3 * BATCH_POINTS, BATCH_POINTS)
    generation = draft.publish()
    assert generation is not None
    assert (generation.number, generation.is_live) == (2, True)
    for work in (draft.publish, lambda: draft.count(COLLECTION), lambda: draft.upsert(COLLECTION, batch(3))):
        with pytest.raises(BackendError, match="closed"):
            work()
    draft.close()


def test_a_closed_draft_is_not_published_behind_the_back_of_who_has_it_now(path: Path) -> None:
    draft = open_draft(path)
    draft.upsert(COLLECTION, batch(2))
    draft.close()
    other = open_draft(path)
    with pytest.raises(BackendError, match="closed"):
        draft.publish()
    assert other.count(COLLECTION) == 3 * BATCH_POINTS
    other.close()


def test_a_fresh_draft_begins_with_nothing_and_one_that_was_left_is_gone_on_with(path: Path) -> None:
    draft_in_the_middle(path)
    draft = open_draft(path, fresh=True)
    assert draft.count(COLLECTION) == 0
    draft.upsert(COLLECTION, batch(7))
    draft.close()
    for fresh in (True, False):
        draft = open_draft(path, fresh=fresh)
        assert draft.count(COLLECTION) == BATCH_POINTS
        draft.close()
    # By another recipe it is begun anew.
    draft = open_draft(path, fresh=True, embedder="another")
    assert draft.count(COLLECTION) == 0
    draft.close()
    draft = open_draft(path)
    assert draft.count(COLLECTION) == 2 * BATCH_POINTS
    draft.close()


def test_a_draft_of_what_is_no_longer_live_is_begun_anew(path: Path) -> None:
    publish_batches(path, 2)
    draft = open_draft(path)
    draft.upsert(POSTS, batch(5))
    draft.close()
    catalogue_of(path).switch(1)

    draft = open_draft(path)
    assert (draft.count(COLLECTION), draft.count(POSTS)) == (2 * BATCH_POINTS, 0)
    draft.close()


def test_a_damaged_generation_is_not_made_the_base_of_another(path: Path) -> None:
    (page,) = (path / "generations" / "1" / LEDGER).rglob("payload_storage/page_0.dat")
    with page.open("r+b") as opened:
        opened.seek(9)
        opened.write(b"\xff\xff")
    with pytest.raises(IntegrityError, match=r"payload_storage/page_0.dat .*\./poe index repair"):
        open_draft(path)
    assert not (path / "draft").exists()
    open_draft(path, fresh=True).close()


@pytest.mark.parametrize("step", ["nothing yet", "one moved", "all moved", "linked removed", "sealed"])
@pytest.mark.parametrize("fate", ["live", "beside"])
def test_sealing_that_was_killed_is_completed_by_the_next_writer(path: Path, step: str, fate: str) -> None:
    draft = draft_in_the_middle(path)
    before = checksums(path / "generations" / "1")
    change_manifest(draft, completing=fate)
    if step != "nothing yet":
        (draft / "linked" / LEDGER).rename(draft / LEDGER)
    if step == "all moved":
        (draft / "linked" / COLLECTION).rename(draft / ".linked.removed")
    if step in ("linked removed", "sealed"):
        shutil.rmtree(draft / "linked")
    (draft / ".manifest.json.new").write_text("{ha")
    if step == "sealed":
        seal(draft)
        (draft / ".manifest.json.new").write_text("{ha")

    following = open_draft(path)
    assert following.count(COLLECTION) == (3 if fate == "live" else 2) * BATCH_POINTS
    following.close()
    assert Generations(path).numbers() == [1, 2]
    assert Generations(path).catalogue().live == (2 if fate == "live" else 1)
    assert counts_of(path, 2) == (3 * BATCH_POINTS, 0, BATCH_POINTS)
    assert sorted(entry.name for entry in (path / "generations" / "2").iterdir()) == [
        COLLECTION,
        LEDGER,
        "manifest.json",
    ]
    assert checksums(path / "generations" / "1") == before


@pytest.mark.parametrize("step", ["before the old goes", "while the old goes", "before the new comes"])
def test_a_collection_whose_replacement_was_killed_is_whole(path: Path, step: str) -> None:
    draft = draft_in_the_middle(path)
    copy_tree(draft / COLLECTION, draft / f".{COLLECTION}.next")
    change_manifest(draft, clean=False)
    if step == "while the old goes":
        (draft / COLLECTION).rename(draft / f".{COLLECTION}.removed")
    if step == "before the new comes":
        shutil.rmtree(draft / COLLECTION)

    opened = open_draft(path)
    assert opened.count(COLLECTION) == 3 * BATCH_POINTS
    opened.publish()
    assert sorted(entry.name for entry in (path / "generations" / "2").iterdir()) == [
        COLLECTION,
        LEDGER,
        "manifest.json",
    ]


def test_what_is_erased_is_in_no_file_of_the_collection_also_where_it_was_deleted_before(path: Path) -> None:
    def written_to(number: int, text: str) -> IndexPoint:
        (point, *_) = batch(number)
        return IndexPoint(point.id, {"author_id": "ada", "text": text}, point.vector, text)

    draft = open_draft(path)
    draft.upsert(
        COLLECTION, [written_to(20, "secretone kept"), written_to(21, "secrettwo"), written_to(22, "stays here")]
    )
    draft.publish()
    draft = open_draft(path)
    draft.upsert(COLLECTION, [written_to(20, "replaced kept")])
    draft.delete(COLLECTION, PointFilter(ids=[written_to(21, "").id]))
    draft.publish()
    held = b"".join(file.read_bytes() for file in (path / "generations" / "3" / COLLECTION).rglob("*.dat"))
    assert b"secrettwo" in held  # or this test would show nothing
    draft = open_draft(path)
    assert draft.erase(COLLECTION, PointFilter(ids=[written_to(21, "").id])) == 0
    generation = draft.publish()

    assert generation is not None
    files = [file for file in (path / "generations" / str(generation.number)).rglob("*") if file.is_file()]
    for gone in (b"secretone", b"secrettwo"):
        assert [file.name for file in files if gone in file.read_bytes()] == []
    index = open_index(path)
    assert index.count(COLLECTION) == 2 * BATCH_POINTS + 2
    assert [hit.payload["text"] for hit in index.search(COLLECTION, [KeywordQuery("kept", 9)])[0]] == ["replaced kept"]
    index.close()


def test_erasing_what_was_never_written_to_makes_nothing(path: Path) -> None:
    draft = open_draft(path)
    assert draft.erase(POSTS, EVERYTHING) == 0
    assert draft.publish() is None


def test_the_child_that_builds_gives_way_and_this_process_does_not(path: Path) -> None:
    own = os.nice(0)
    draft, index = open_draft(path), open_index(path)
    builder, reader = sorted(workers_of(path), key=lambda child: -child.nice())[:2]
    assert (builder.nice(), reader.nice(), os.nice(0)) == (min(19, own + 10), own, own)
    tasks = Path(f"/proc/{builder.pid}/task")
    if tasks.is_dir():
        told = [(task / "stat").read_text().rpartition(")") for task in tasks.iterdir()]
        engine = [int(numbers.split()[16]) for name, _, numbers in told if "(edge" in name]
        assert set(engine) == {min(19, own + 10)}
    draft.close()
    index.close()


def test_a_process_that_is_killed_while_it_publishes_leaves_the_old_or_the_new_one(tmp_path: Path) -> None:
    """At eight moments from the start of publishing to its end."""
    path = tmp_path / "index"
    publish_batches(path, 0)
    code = f"""
import sys
from pathlib import Path
from tests.integration.qdrant_edge_writer import COLLECTION, batch, open_draft
draft = open_draft(Path({str(path)!r}))
number = int(sys.argv[1])
draft.upsert(COLLECTION, batch(number))
print("publishing", flush=True)
draft.publish()
print("done", flush=True)
"""
    n_whole = 1
    for attempt in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(n_whole)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "publishing\n"
            try:
                writer.wait(0.02 * attempt * attempt)
            except subprocess.TimeoutExpired:
                writer.kill()
        seen = counts_of(path)[0]
        assert seen in (n_whole * BATCH_POINTS, (n_whole + 1) * BATCH_POINTS)
        draft = open_draft(path)
        assert draft.count(COLLECTION) == (n_whole + 1) * BATCH_POINTS
        draft.publish()
        n_whole += 1
        assert counts_of(path)[0] == n_whole * BATCH_POINTS
        assert not (path / "draft").exists()


def test_a_draft_whose_worker_dies_while_it_is_published_is_kept(path: Path) -> None:
    draft = open_draft(path)
    draft.upsert(COLLECTION, batch(2))
    (child,) = workers_of(path)
    child.kill()
    with pytest.raises(BackendError, match="killed by SIGKILL"):
        draft.publish()
    assert counts_of(path) == (2 * BATCH_POINTS, 0, BATCH_POINTS)
    again: QdrantEdgeDraft = open_draft(path)
    again.publish()
    assert counts_of(path) == (3 * BATCH_POINTS, 0, BATCH_POINTS)
