"""Moving points from one index to another."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from rag_llm_system.application.indexing.migration import IndexMigration, require_points
from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import BackendError, InputError, IntegrityError, NotFoundError
from rag_llm_system.domain.index_points import DenseQuery, IndexPoint, KeywordQuery, PointFilter, SearchQuery
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex

WINDOWS = "post_chunks_embedded"
CLEANED = "cleaned_posts"
LEDGER = "index_ledger"


def point_id(number: int) -> str:
    return str(UUID(int=number))


def window(number: int) -> IndexPoint:
    vector = np.random.default_rng(number).standard_normal(4).astype(np.float32)
    return IndexPoint(point_id(number), {"n": number}, vector / np.linalg.norm(vector), f"violin {number} lantern")


def filled(n_windows: int = 10) -> NumpyIndex:
    index = NumpyIndex(dimension=4)
    index.upsert(WINDOWS, [window(number) for number in range(n_windows)])
    index.upsert(CLEANED, [IndexPoint(point_id(1), {"title": "A"}), IndexPoint(point_id(2), {})])
    index.upsert(LEDGER, [IndexPoint(point_id(1), {"fingerprint": "f"})])
    return index


class Watched(NumpyIndex):
    """A draft that keeps what was written, and breaks when it was written to that often."""

    def __init__(self, breaks_after: int = 10**9) -> None:
        super().__init__(dimension=4)
        self.written: list[tuple[str, int]] = []
        self.breaks_after = breaks_after
        self.n_published = 0

    def publish(self, *, switch: bool = True) -> None:
        self.n_published += switch

    def erase(self, collection: str, where: PointFilter) -> int:
        return self.delete(collection, where)

    def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        if len(self.written) == self.breaks_after:
            raise BackendError("gone")
        super().upsert(collection, points)
        self.written.append((collection, len(points)))


def contents(index: NumpyIndex) -> dict[str, list[Any]]:
    return {name: list(index.scroll(name)) for name in COLLECTIONS}


def test_everything_is_copied_in_batches_and_the_ledger_last() -> None:
    source, target = filled(), Watched()
    seen: list[tuple[int, int]] = []
    clock: Iterator[float] = map(float, count(5, 3))
    report = IndexMigration(source, target, batch_points=4, clock=lambda: next(clock)).run(
        lambda done, total: seen.append((done, total))
    )

    assert target.written == [(CLEANED, 2), (WINDOWS, 4), (WINDOWS, 4), (WINDOWS, 2), (LEDGER, 1)]
    assert seen == [(2, 13), (6, 13), (10, 13), (12, 13), (13, 13)]
    assert (report.counts[WINDOWS], report.counts["cleaned_articles"], report.n_points) == (10, 0, 13)
    assert report.duration_s == 3.0
    assert contents(target) == contents(source) == contents(filled())
    assert target.n_published == 1


def test_long_texts_go_in_smaller_batches() -> None:
    source, target = NumpyIndex(dimension=4), Watched()
    source.upsert(CLEANED, [IndexPoint(point_id(n), {"text": "x" * 1_500_000}) for n in range(7)])
    IndexMigration(source, target).run()

    assert target.written == [(CLEANED, 3), (CLEANED, 3), (CLEANED, 1)]


def test_searches_give_the_same_afterwards() -> None:
    source, target = filled(), Watched()
    IndexMigration(source, target).run()

    queries: list[SearchQuery] = [DenseQuery(np.full(4, 0.5, np.float32), 5), KeywordQuery("lantern 7", 5)]
    assert target.search(WINDOWS, queries) == source.search(WINDOWS, queries)


def test_a_migration_that_broke_is_completed_by_running_it_again_and_has_no_ledger_till_then() -> None:
    source, target = filled(), Watched(breaks_after=3)
    with pytest.raises(BackendError):
        IndexMigration(source, target, batch_points=4).run()
    assert target.count(LEDGER) == 0

    target.breaks_after = 10**9
    IndexMigration(source, target, batch_points=4).run()
    assert contents(target) == contents(source)


@pytest.mark.parametrize("collection", [WINDOWS, CLEANED, LEDGER])
def test_a_target_with_points_of_its_own_is_refused_before_anything_is_written(collection: str) -> None:
    source, target = filled(), Watched()
    other = window(99) if collection == WINDOWS else IndexPoint(point_id(99), {})
    target.upsert(collection, [other])
    target.written.clear()

    with pytest.raises(InputError, match=f"{collection}.*--replace"):
        IndexMigration(source, target, batch_points=4).run()
    assert target.written == []


def test_a_source_that_grows_meanwhile_is_noticed() -> None:
    source, target = filled(), Watched()

    with pytest.raises(IntegrityError, match="had 10 points, has 11 now"):
        IndexMigration(source, target).run(lambda done, total: source.upsert(WINDOWS, [window(0xFFFF)]))


def test_a_target_that_loses_points_is_noticed() -> None:
    class Leaky(Watched):
        def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
            super().upsert(collection, points[1:] if collection == WINDOWS else points)

    with pytest.raises(IntegrityError, match="9 in the index that was filled"):
        IndexMigration(filled(), Leaky()).run()


def test_an_empty_source_is_nothing_to_move() -> None:
    require_points(filled())
    with pytest.raises(NotFoundError, match="nothing to move"):
        require_points(NumpyIndex(dimension=4))
