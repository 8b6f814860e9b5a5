"""What goes into a vector index and what comes out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

TermWeights = tuple[NDArray[np.uint32], NDArray[np.float32]]
"""Term numbers, shape (n_terms,), each once, and their weights, shape (n_terms,); both empty where there is no term."""


@dataclass(frozen=True, slots=True)
class IndexPoint:
    """A point to be stored.

    Args:
        id: a UUID as text.
        payload: JSON values; comes back as it went in.
        vector: float32, shape (dimension,), L2-normalised; None in a collection without vectors.
        text: what the keyword half indexes; "" in a collection without vectors.
        terms: the weights that the keyword half keeps, where they are known already: `text` is then not read. A point
            that moves from one index to another brings them along.
    """

    id: str
    payload: Mapping[str, Any]
    vector: NDArray[np.float32] | None = None
    text: str = ""
    terms: TermWeights | None = None


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """A point as it is read back, without its vector."""

    id: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScoredPoint:
    """A point that a search found; a higher score is better."""

    id: str
    score: float
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PointFilter:
    """Conditions that must all hold.

    Args:
        any_of: maps a payload field to the values of which it must have one.
        ids: one of these the point must have; None: whichever.
        not_ids: none of these it may have.
        within: maps a payload field to the lowest and the highest whole number that it may hold, both below 2**53, for
            some backends compare in double precision. A point that holds no whole number there does not match.
    """

    any_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ids: Sequence[str] | None = None
    not_ids: Sequence[str] = ()
    within: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def matches_nothing(self) -> bool:
        """Whether it asks for one of no ids, one of no values, or a number between no two."""
        return (
            (self.ids is not None and not self.ids)
            or any(not values for values in self.any_of.values())
            or any(lowest > highest for lowest, highest in self.within.values())
        )


EVERYTHING = PointFilter()


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """Asks the dense half; scores are cosine similarities.

    Args:
        vector: float32, shape (dimension,), L2-normalised.
        limit: how many points to give at the most, >= 1.
        with_payload: whether found points bring their payload; without it `payload` is empty and the search cheaper.
    """

    vector: NDArray[np.float32]
    limit: int
    where: PointFilter = EVERYTHING
    with_payload: bool = True


@dataclass(frozen=True, slots=True)
class KeywordQuery:
    """Asks the keyword half; scores are BM25 (Robertson and Zaragoza 2009), idf = ln(1 + (N - n + 0.5) / (n + 0.5)).

    Points that share no term with the text are not found; a text without a single index term finds nothing.
    """

    text: str
    limit: int
    where: PointFilter = EVERYTHING
    with_payload: bool = True


SearchQuery = DenseQuery | KeywordQuery
