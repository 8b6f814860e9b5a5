"""From the two halves of a search, over several collections and phrasings, to one order.

Distribution-based score fusion (DBSF, Mazzeschi 2023): each half's scores are put on one scale by their mean and
standard deviation, then added with weights, a convex combination (Bruch, Gai and Ingber 2023, ACM TOIS 42(1)). A half
is normalised over the union of all collections, so that a collection with nothing to the point does not see its best
hit raised to the top; BM25 scores are compared between collections as they are, for rescaling them by the collections'
idf did harm.

A half's scale is that of its first hundred points, so that the order of the first does not hang on how many are asked
for.

Measured as nDCG@10 with the dense weight in brackets, on 809 training claims of SciFact (standard error 0.013) and 361
development questions of SQuAD (0.012), in one collection and cut at random into three of 85, 12 and 3 %, with 300
windows of each half; * with 100:

    method            SciFact 1 / 3      SQuAD 1 / 3
    dense alone       0.691 / -          0.741 / -
    BM25 alone        0.705 / -          0.878 / -
    DBSF [0.4]        0.746 / 0.745      0.901 / 0.902
    DBSF [0.45]       0.746 / -          0.902 / -
    DBSF [0.45] *     0.744 / -          0.901 / -
    DBSF [0.5]        0.743 / 0.742      0.899 / 0.901
    min-max [0.4] *   0.740 / -          0.900 / -
    min-max [0.5] *   0.741 / -          0.894 / -
    RRF k=10 *        0.741 / -          0.870 / -

What did not gain: feedback of the three best windows into the question's vector (Rocchio: -0.000 and -0.002), a chunk's
or document's best of each half instead of one window's (0.000), adding a share of a document's second best window
(+0.001 and -0.02), the mean of a chunk's vectors beside the window's (0.000).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rag_llm_system.domain.index_points import ScoredPoint

DENSE_WEIGHT = 0.45
_SCALE_POINTS = 100
"""A half's scale is taken from so many of its best points, so that asking for more leaves those of the first alone."""


class FusedPoint(NamedTuple):
    """A point with its fused score and, where the dense half found it, its cosine similarity to the query."""

    id: str
    score: float
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Halves:
    """What one phrasing found in all collections, in any order."""

    dense: Sequence[ScoredPoint]
    keyword: Sequence[ScoredPoint]


def fuse(phrasings: Sequence[Halves], *, limit: int, dense_weight: float = DENSE_WEIGHT) -> list[FusedPoint]:
    """Gives what was found, best first, ties by id.

    Args:
        phrasings: what each phrasing of the question found, the question itself first; its similarities are given.
        limit: how many points of each half count, over all collections.
        dense_weight: weight of the dense half, 0 to 1; the keyword half has the rest.
    """
    totals: dict[str, float] = {}
    n_phrasings = len(phrasings)
    for halves in phrasings:
        for points, weight in ((halves.dense, dense_weight), (halves.keyword, 1 - dense_weight)):
            for point_id, score in _normalised(_best(points, limit)):
                totals[point_id] = totals.get(point_id, 0.0) + weight * score / n_phrasings
    similarity = {point.id: point.score for point in phrasings[0].dense} if phrasings else {}
    best_first = sorted([(-score, point_id) for point_id, score in totals.items()])
    return [FusedPoint(point_id, -negative, similarity.get(point_id)) for negative, point_id in best_first]


def _best(points: Iterable[ScoredPoint], limit: int) -> list[ScoredPoint]:
    return sorted(points, key=lambda point: (-point.score, point.id))[:limit]


def _normalised(points: Sequence[ScoredPoint]) -> list[tuple[str, float]]:
    """Gives (score - (mean - 3 deviations)) / (6 deviations): mostly within [0, 1], 0.5 where all scores are equal.

    Points are given best first; mean and deviation are those of the first hundred.
    """
    if not points:
        return []
    scale = [point.score for point in points[:_SCALE_POINTS]]
    mean = math.fsum(scale) / len(scale)
    deviation = math.sqrt(math.fsum((score - mean) ** 2 for score in scale) / len(scale))
    if deviation <= 1e-9 * max(1.0, abs(mean)):
        return [(point.id, 0.5) for point in points]
    return [(point.id, (point.score - mean) / (6 * deviation) + 0.5) for point in points]
