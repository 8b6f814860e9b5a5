"""Fusion puts the halves of a search, collections and phrasings into one order."""

import numpy as np
import pytest

from rag_llm_system.application.rag.fusion import DENSE_WEIGHT, Halves, fuse
from rag_llm_system.domain.index_points import ScoredPoint


def points(**scores: float) -> list[ScoredPoint]:
    return [ScoredPoint(point_id, score, {}) for point_id, score in scores.items()]


def test_scores_are_those_of_a_plain_numpy_reference() -> None:
    dense, keyword = {"a": 0.9, "b": 0.5, "c": 0.1}, {"b": 12.0, "d": 3.0, "a": 1.0}

    def normalised(scores: dict[str, float]) -> dict[str, float]:
        values = np.array(list(scores.values()))
        low, high = values.mean() - 3 * values.std(), values.mean() + 3 * values.std()
        return {point_id: (score - low) / (high - low) for point_id, score in scores.items()}

    left, right = normalised(dense), normalised(keyword)
    expected = {point_id: 0.3 * left.get(point_id, 0) + 0.7 * right.get(point_id, 0) for point_id in "abcd"}
    fused = fuse([Halves(points(**dense), points(**keyword))], limit=100, dense_weight=0.3)
    assert [point.id for point in fused] == sorted(expected, key=lambda point_id: -expected[point_id])
    for point in fused:
        assert point.score == pytest.approx(expected[point.id])
    assert {point.id: point.similarity for point in fused} == {"a": 0.9, "b": 0.5, "c": 0.1, "d": None}


def test_ties_go_by_id() -> None:
    fused = fuse([Halves(points(b=1.0, a=1.0, c=1.0), [])], limit=100)
    assert [point.id for point in fused] == ["a", "b", "c"]
    fused = fuse([Halves(points(b=0.7), []), Halves(points(a=0.2), [])], limit=100)
    assert [point.id for point in fused] == ["a", "b"]


def test_nothing_found_is_nothing() -> None:
    assert fuse([Halves([], [])], limit=100) == []
    assert fuse([], limit=100) == []


def test_a_half_that_is_empty_leaves_the_order_of_the_other() -> None:
    assert [point.id for point in fuse([Halves([], points(x=1.0, y=7.0, z=3.0))], limit=9)] == ["y", "z", "x"]


def test_only_the_best_of_all_collections_count() -> None:
    fused = fuse([Halves(points(a=0.9, b=0.1, c=0.8), [])], limit=2)
    assert [point.id for point in fused] == ["a", "c"]


def test_asking_for_more_leaves_the_scores_of_the_first_as_they_are() -> None:
    dense = [ScoredPoint(f"{n:03}", 1 / (n + 1), {}) for n in range(300)]
    first, deeper = (fuse([Halves(dense, [])], limit=limit) for limit in (100, 300))
    assert [(point.id, point.score) for point in deeper[:100]] == [(point.id, point.score) for point in first]
    assert [point.id for point in deeper] == [point.id for point in dense]


def test_phrasings_count_by_their_mean_and_the_first_gives_the_similarity() -> None:
    once = Halves(points(a=0.9, b=0.2), [])
    fused = fuse([once, Halves(points(b=0.7, c=0.6), [])], limit=9)
    assert {point.id for point in fused} == {"a", "b", "c"}
    assert {point.id: point.similarity for point in fused} == {"a": 0.9, "b": 0.2, "c": None}
    alone, twice = fuse([once], limit=9), fuse([once, once], limit=9)
    assert {p.id: p.score for p in twice} == pytest.approx({p.id: p.score for p in alone})


def test_equal_scores_that_differ_by_rounding_are_equal() -> None:
    fused = fuse([Halves(points(b=0.3, a=0.1 + 0.2), [])], limit=9)
    assert [(point.id, point.score) for point in fused] == [("a", DENSE_WEIGHT / 2), ("b", DENSE_WEIGHT / 2)]
