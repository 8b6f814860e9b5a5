"""How good a ranking is: recall against exact search, and nDCG against what people judged."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.stores.windows import Windows

FIRST = 10
"""How many of a ranking count for nDCG."""


def exact_first(windows: Windows, question_vectors: NDArray[np.float32], limit: int) -> NDArray[np.int64]:
    """Gives the places of the nearest windows by float32 dot product: shape (n_questions, at most limit), best first.

    Ties are broken by place.
    """
    scores = np.empty((len(question_vectors), 0), np.float32)
    places = np.empty((len(question_vectors), 0), np.int64)
    for first, vectors in windows.vector_blocks():
        scores = np.concatenate([scores, question_vectors @ vectors.T], axis=1)
        new = np.broadcast_to(np.arange(first, first + len(vectors)), (len(places), len(vectors)))
        places = np.concatenate([places, new], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :limit]  # places rise from left to right
        best.sort(axis=1)
        scores, places = np.take_along_axis(scores, best, 1), np.take_along_axis(places, best, 1)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(places, order, 1)


def recall(found: Sequence[Sequence[int]], exact: NDArray[np.int64], limit: int) -> float:
    """Gives the mean share of the exact first `limit` that is among the first `limit` found."""
    shares = [
        len(set(answer[:limit]) & set(wanted)) / max(1, len(wanted))
        for answer, wanted in zip(found, exact[:, :limit].tolist(), strict=True)
    ]
    return float(np.mean(shares))


def ndcgs(rankings: Iterable[Iterable[str]], relevant: Sequence[Mapping[str, int]]) -> list[float]:
    """Gives each question's nDCG@10 as trec_eval computes it; a document counts once, where its best window stands."""
    return [_ndcg(ranking, grades) for ranking, grades in zip(rankings, relevant, strict=True)]


def _ndcg(ranking: Iterable[str], grades: Mapping[str, int]) -> float:
    documents = list(dict.fromkeys(ranking))[:FIRST]
    gain = sum(grades.get(document, 0) / math.log2(rank + 2) for rank, document in enumerate(documents))
    best = sorted(grades.values(), reverse=True)[:FIRST]
    return gain / sum(grade / math.log2(rank + 2) for rank, grade in enumerate(best))
