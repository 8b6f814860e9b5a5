"""Where windows are kept and searched."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from rag_llm_system.domain.index_points import (
    EVERYTHING,
    IndexPoint,
    PointFilter,
    ScoredPoint,
    SearchQuery,
    StoredPoint,
)


class VectorIndex(Protocol):
    """Points in named collections (`domain/collections.py`), searched by vector or by words.

    Fusing the two halves is the business of `application/rag/fusion.py`, so that every backend ranks alike. What a call
    has acknowledged survives the death of the process. An unknown collection is a NotFoundError; one that nothing was
    written to is empty.
    """

    def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        """Inserts or replaces by id; of two points with one id in a call the last counts; no points is no work.

        Raises:
            InputError: a vector has the wrong dimension, is missing, or holds NaN or infinity; nothing is written.
            DiskFullError: too little free space; nothing is written.
            CapabilityError: the index was opened to be read.
        """

    def delete(self, collection: str, where: PointFilter) -> int:
        """Removes the points that match from both halves, and says how many there were."""

    def search(self, collection: str, queries: Sequence[SearchQuery]) -> list[list[ScoredPoint]]:
        """Answers each query, in the order given: best score first, ties by id.

        Raises:
            InputError: a vector has the wrong dimension or holds NaN or infinity, or a limit is below 1.
            CapabilityError: the collection has no vectors and no keyword half.
        """

    def scroll(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[StoredPoint]:
        """Gives the matching points in the order of their ids."""

    def count(self, collection: str, where: PointFilter = EVERYTHING) -> int:
        """Counts the matching points exactly."""

    def close(self) -> None:
        """Makes everything durable and lets go of the index; closing twice is allowed."""


class ReadableIndex(Protocol):
    """The reading half of a `VectorIndex`."""

    def search(self, collection: str, queries: Sequence[SearchQuery]) -> list[list[ScoredPoint]]:
        """As `VectorIndex.search`."""

    def scroll(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[StoredPoint]:
        """As `VectorIndex.scroll`."""

    def count(self, collection: str, where: PointFilter = EVERYTHING) -> int:
        """As `VectorIndex.count`."""


class SwitchingIndex(ReadableIndex, Protocol):
    """An index that is read while others build the next one: between two calls it may become that one."""

    def pinned(self) -> AbstractContextManager[ReadableIndex]:
        """Gives the index as it is now: within, no switch is followed."""

    def close(self) -> None:
        """As `VectorIndex.close`."""


class PointSource(Protocol):
    """An index out of which points can be moved to another one of the same recipe, without embedding anything."""

    def whole_points(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[IndexPoint]:
        """Gives the matching points as they are stored, in the order of their ids: with `vector` and `terms`, without
        `text`."""

    def count(self, collection: str, where: PointFilter = EVERYTHING) -> int:
        """Counts the matching points exactly."""
