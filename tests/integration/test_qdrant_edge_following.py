"""Readers while generations come and go."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.domain.errors import BackendError, NotFoundError
from rag_llm_system.domain.index_points import KeywordQuery, PointFilter
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
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

FOLLOWS_WITHIN_S = 10.0
"""Two seconds on a machine that has nothing else to do."""


def publish_fresh(path: Path, number: int, **options: Any) -> int:
    """Makes a generation that holds that batch alone."""
    draft = open_draft(path, fresh=True, **options)
    draft.upsert(COLLECTION, batch(number))
    generation = draft.publish()
    assert generation is not None
    return generation.number


def wait_until(is_so: Callable[[], bool], timeout_s: float = FOLLOWS_WITHIN_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


class Searching:
    """Threads that search all the time, and what went wrong in them."""

    def __init__(self, index: QdrantEdgeIndex, n_threads: int = 4) -> None:
        self.errors: list[BaseException] = []
        self.seen: set[str] = set()
        self._index = index
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._search) for _ in range(n_threads)]

    def __enter__(self) -> "Searching":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _search(self) -> None:
        try:
            while not self._stopped.is_set():
                with self._index.pinned() as pinned:
                    (found,) = pinned.search(COLLECTION, [KeywordQuery("common", 100)])
                    read = list(pinned.scroll(COLLECTION, PointFilter(ids=[hit.id for hit in found])))
                    n_points = pinned.count(COLLECTION)
                assert len(found) == len(read) == n_points == BATCH_POINTS
                batches = {hit.payload["document_id"] for hit in found} | {
                    point.payload["document_id"] for point in read
                }
                assert len(batches) == 1
                self.seen |= batches
                assert self._index.count(COLLECTION) == BATCH_POINTS
                assert len(list(self._index.scroll(COLLECTION))) == BATCH_POINTS
        except BaseException as error:
            self.errors.append(error)


def test_a_reader_follows_every_switch_and_no_call_fails_or_mixes_two_generations(tmp_path: Path) -> None:
    publish_fresh(tmp_path, 0)
    index = open_index(tmp_path)
    n_threads, n_open = threading.active_count(), len(os.listdir("/proc/self/fd"))
    with Searching(index) as searching:
        for number in (1, 2, 3):
            assert publish_fresh(tmp_path, number) == number + 1
            wait_until(lambda wanted=number + 1: index.generation == wanted)  # type: ignore[misc]
            wait_until(lambda wanted=f"batch{number}": wanted in searching.seen or bool(searching.errors))  # type: ignore[misc]
        catalogue_of(tmp_path).switch(3)
        wait_until(lambda: index.generation == 3)

    assert searching.errors == []
    assert searching.seen == {"batch0", "batch1", "batch2", "batch3"}
    # Of each generation that was left the child, the view, the threads and the descriptors go.
    wait_until(lambda: len(workers_of(tmp_path)) == 1)
    wait_until(lambda: threading.active_count() == n_threads)
    wait_until(lambda: len([entry for entry in (tmp_path / "views").iterdir() if entry.is_dir()]) == 1)
    wait_until(lambda: len(os.listdir("/proc/self/fd")) == n_open)
    index.close()
    assert workers_of(tmp_path) == []
    assert list((tmp_path / "views").iterdir()) == []


def test_a_reader_of_an_empty_directory_follows_to_the_first_generation_and_back_to_none(tmp_path: Path) -> None:
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.erasure import erase_index

    index = open_index(tmp_path)
    assert (index.generation, index.count(COLLECTION)) == (None, 0)
    publish_batches(tmp_path, 0)
    wait_until(lambda: index.count(COLLECTION) == BATCH_POINTS)
    erase_index(tmp_path, purpose="a test")
    wait_until(lambda: index.generation is None)
    assert index.count(COLLECTION) == 0
    index.close()


@pytest.mark.parametrize("bad", ["damaged", "without its manifest", "of another recipe", "gone"])
def test_a_reader_stays_where_it_is_when_what_is_live_cannot_be_read_and_goes_on_to_the_next(
    tmp_path: Path, bad: str
) -> None:
    publish_fresh(tmp_path, 0)
    index = open_index(tmp_path)
    draft = open_draft(tmp_path, fresh=True, embedder="another" if bad == "of another recipe" else "e")
    draft.upsert(COLLECTION, batch(1))
    draft.publish(switch=False)
    second = tmp_path / "generations" / "2"
    if bad == "damaged":
        (page,) = second.rglob("payload_storage/page_0.dat")
        with page.open("r+b") as opened:
            opened.write(b"\xff" * 9)
    elif bad == "without its manifest":
        (second / "manifest.json").unlink()
    Generations(tmp_path).switch(2)
    if bad == "gone":
        second.rename(tmp_path / "elsewhere")
    time.sleep(1.5)

    assert (index.generation, index.count(COLLECTION)) == (1, BATCH_POINTS)
    assert [hit.payload["document_id"] for hit in index.search(COLLECTION, [KeywordQuery("common", 1)])[0]] == [
        "batch0"
    ]
    Generations(tmp_path).switch(1)
    publish_fresh(tmp_path, 3)
    wait_until(lambda: index.generation == 3, timeout_s=30)
    assert [point.payload["document_id"] for point in index.scroll(COLLECTION)] == ["batch3"] * BATCH_POINTS
    index.close()


def test_a_reader_whose_child_was_killed_goes_on_and_nobody_is_told(tmp_path: Path) -> None:
    publish_batches(tmp_path, 0, n_threads=1)
    index = open_index(tmp_path, n_threads=2)
    for _ in range(2):
        (child,) = workers_of(tmp_path)
        child.kill()
        assert index.count(COLLECTION) == BATCH_POINTS
    (child,) = workers_of(tmp_path)
    child.kill()
    publish_batches(tmp_path, 1)
    wait_until(lambda: index.generation == 2)
    assert index.count(COLLECTION) == 2 * BATCH_POINTS
    wait_until(lambda: len(workers_of(tmp_path)) == 1)
    (child,) = workers_of(tmp_path)
    child.kill()
    index.close()
    assert list((tmp_path / "views").iterdir()) == []


def test_what_is_pinned_stays_while_its_generation_is_dropped_and_goes_with_the_pin(tmp_path: Path) -> None:
    publish_fresh(tmp_path, 0)
    index = open_index(tmp_path)
    with index.pinned() as pinned:
        publish_fresh(tmp_path, 1)
        wait_until(lambda: index.generation == 2)
        catalogue_of(tmp_path).drop(1)
        assert {point.payload["document_id"] for point in pinned.scroll(COLLECTION)} == {"batch0"}
        assert sorted(reader.generation for reader in catalogue_of(tmp_path).readers()) == [1, 2]
    wait_until(lambda: [reader.generation for reader in catalogue_of(tmp_path).readers()] == [2])
    index.close()


def test_what_is_being_read_is_read_to_its_end_though_the_index_is_closed(tmp_path: Path) -> None:
    publish_batches(tmp_path, *range(10))
    index = open_index(tmp_path)
    points = index.scroll(COLLECTION)
    first = next(points)
    index.close()

    assert len([first, *points]) == 10 * BATCH_POINTS
    wait_until(lambda: workers_of(tmp_path) == [])
    with pytest.raises(BackendError, match="closed"):
        index.count(COLLECTION)


def test_a_generation_that_is_named_is_read_whatever_is_live(tmp_path: Path) -> None:
    publish_fresh(tmp_path, 0)
    publish_fresh(tmp_path, 1)
    index = open_index(tmp_path, generation=1)
    publish_fresh(tmp_path, 2)
    time.sleep(0.3)
    assert {point.payload["document_id"] for point in index.scroll(COLLECTION)} == {"batch0"}
    index.close()
    with pytest.raises(NotFoundError, match="generation 9"):
        open_index(tmp_path, generation=9)


def test_a_run_that_began_before_a_rollback_does_not_undo_it(tmp_path: Path) -> None:
    publish_fresh(tmp_path, 0)
    publish_batches(tmp_path, 1)
    draft = open_draft(tmp_path)
    draft.upsert(COLLECTION, batch(2))
    catalogue_of(tmp_path).switch(1)
    published = draft.publish()

    assert published is not None
    assert (published.number, published.is_live) == (3, False)
    assert [one.number for one in catalogue_of(tmp_path).generations() if one.is_live] == [1]


def test_dropping_a_generation_takes_a_draft_along_that_began_as_it(tmp_path: Path) -> None:
    publish_fresh(tmp_path, 0)
    publish_fresh(tmp_path, 1)
    open_draft(tmp_path).close()
    catalogue_of(tmp_path).switch(1)
    catalogue_of(tmp_path).drop(2)

    assert not (tmp_path / "draft").exists()


def test_a_damaged_generation_is_listed_as_such_and_can_be_left_and_dropped(tmp_path: Path) -> None:
    publish_fresh(tmp_path, 0)
    publish_fresh(tmp_path, 1)
    (tmp_path / "generations" / "1" / "manifest.json").write_text("{")

    first, second = catalogue_of(tmp_path).generations()
    assert (first.recipe, first.counts, first.is_previous) == ({}, {}, True)
    assert second.is_live
    catalogue_of(tmp_path).drop(1)
    assert [one.number for one in catalogue_of(tmp_path).generations()] == [2]
