"""From one index to another, with the vectors and keyword weights as they are: nothing is embedded again."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from rag_llm_system.domain.collections import COLLECTIONS, LEDGER_COLLECTION
from rag_llm_system.domain.errors import InputError, IntegrityError, NotFoundError
from rag_llm_system.domain.index_points import IndexPoint, PointFilter
from rag_llm_system.domain.ports.index_catalogue import IndexDraft
from rag_llm_system.domain.ports.vector_index import PointSource

_T = TypeVar("_T")
_BATCH_CHARS = 4_000_000
Progress = Callable[[int, int], None]
"""Called with how many points are done and how many there are."""

# A ledger entry says that a document is wholly there, so the ledger comes last: after a migration that was killed, the
# feature pipeline does again what has no entry yet.
_IN_ORDER = (*(name for name in COLLECTIONS if name != LEDGER_COLLECTION), LEDGER_COLLECTION)


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """How many points each collection has in both indexes now, and how long it took."""

    counts: Mapping[str, int]
    duration_s: float

    @property
    def n_points(self) -> int:
        """How many points were moved in all."""
        return sum(self.counts.values())


def require_points(source: PointSource) -> None:
    """Makes sure that there is something to move, before anything is removed for it.

    Raises:
        NotFoundError: the source is empty.
    """
    if not any(source.count(name) for name in COLLECTIONS):
        raise NotFoundError("there is nothing to move: the index it would come from is empty")


class IndexMigration:
    """Copies every point of an index into a draft of another one of the same recipe; the source stays as it is.

    What the target has of the source already is written again, which changes nothing: a migration that was stopped is
    completed by running it again. A few points are in memory at a time.

    Args:
        source: read; nobody may write to it meanwhile.
        target: becomes the live generation once everything is there.
        batch_points: how many points are written at a time; fewer where their texts are long.
        clock: for the duration.
    """

    def __init__(
        self,
        source: PointSource,
        target: IndexDraft,
        *,
        batch_points: int = 256,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._source = source
        self._target = target
        self._batch_points = batch_points
        self._clock = clock

    def run(self, on_progress: Progress | None = None) -> MigrationReport:
        """Copies all collections, the ledger last, compares the counts, and publishes.

        Raises:
            InputError: the target holds points that the source does not have; nothing is written.
            IntegrityError: the counts differ at the end.
        """
        started = self._clock()
        counts = {name: self._source.count(name) for name in _IN_ORDER}
        for name in _IN_ORDER:
            self._refuse_other_points(name)
        n_done = 0
        for name in _IN_ORDER:
            for batch in _batches(self._source.whole_points(name), self._batch_points, _n_chars):
                self._target.upsert(name, batch)
                n_done += len(batch)
                if on_progress:
                    on_progress(n_done, sum(counts.values()))
        self._compare(counts)
        self._target.publish()
        return MigrationReport(counts, self._clock() - started)

    def _refuse_other_points(self, collection: str) -> None:
        if not self._target.count(collection):
            return
        for batch in _batches((point.id for point in self._target.scroll(collection)), self._batch_points, len):
            n_known = self._source.count(collection, PointFilter(ids=batch))
            if n_known != len(batch):
                raise InputError(
                    f"{collection} of the index to be filled holds points that the other one does not have: "
                    "give --replace to remove all of them first"
                )

    def _compare(self, counts: Mapping[str, int]) -> None:
        for name, n_read in counts.items():
            n_source, n_target = self._source.count(name), self._target.count(name)
            if not n_read == n_source == n_target:
                raise IntegrityError(
                    f"{name} had {n_read} points, has {n_source} now, and {n_target} in the index that was filled: "
                    "let nothing write to either, and run it again"
                )


def _batches(items: Iterable[_T], max_items: int, n_chars: Callable[[_T], int]) -> Iterator[list[_T]]:
    batch: list[_T] = []
    n_in_batch = 0
    for item in items:
        batch.append(item)
        n_in_batch += n_chars(item)
        if len(batch) == max_items or n_in_batch >= _BATCH_CHARS:
            yield batch
            batch, n_in_batch = [], 0
    if batch:
        yield batch


def _n_chars(point: IndexPoint) -> int:
    return sum(len(value) for value in point.payload.values() if isinstance(value, str))
