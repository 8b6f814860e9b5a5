"""Generations: complete states of an index, one of which is searched."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Generation:
    """A complete index that never changes again.

    Args:
        number: counts up; never given twice.
        is_live: whether it is the one that questions are answered from.
        is_previous: whether it was live before that one: where a rollback goes.
        created_at: ISO 8601, UTC.
        recipe: what its numbers depend on: embedder, chunk sizes, BM25 parameters, compression.
        counts: points by collection. Empty, as the recipe is, where what says so is damaged.
        size_bytes: the space that its files take. What several generations share is counted in each.
    """

    number: int
    is_live: bool
    is_previous: bool
    created_at: str
    recipe: Mapping[str, str | int | float]
    counts: Mapping[str, int]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Reader:
    """A process that has a generation open."""

    pid: int
    generation: int


@dataclass(frozen=True, slots=True)
class Repair:
    """What was found damaged, and what was done about it.

    Args:
        intact: the generations that are as they were when they were completed.
        dropped: those that were not, with the first file that is damaged or gone.
        live: the one that is live now; None: none is left, and the index has to be built from the documents.
        was_live_damaged: whether what was live had to go, so that documents may be missing from what is live now.
    """

    intact: tuple[int, ...]
    dropped: Mapping[int, str]
    live: int | None
    was_live_damaged: bool
