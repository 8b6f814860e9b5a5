"""The randomisation test against cases that can be counted by hand."""

from datetime import UTC, datetime

import numpy as np
import pytest

from rag_llm_system.application.evaluation.comparison import (
    N_PERMUTATIONS,
    compare_runs,
    comparison_lines,
    randomisation_p_value,
)
from rag_llm_system.application.evaluation.report import EvaluationRun
from rag_llm_system.domain.errors import InputError


def run_of(values: dict[str, float], *, data_set: str = "d", **figures: float) -> EvaluationRun:
    return EvaluationRun(
        data_set=data_set,
        split="test",
        started_at=datetime(2026, 11, 21, tzinfo=UTC),
        seconds=1.0,
        figures={"ndcg@10": sum(values.values()) / len(values), "docs": 3.0, **figures},
        per_question={"ndcg@10": values},
    )


@pytest.mark.parametrize(
    ("differences", "p_value"),
    [
        ([], 1.0),
        ([0.0, 0.0, 1e-15], 1.0),
        ([0.3], 1.0),  # either sign is as large
        ([0.1, 0.2, 0.3], 2 / 8),  # only all plus and all minus
        ([0.1, 0.2, 0.3, 0.0, 0.0], 2 / 8),  # what does not differ says nothing
        ([1.0, 1.0, -1.0], 1.0),  # |sum| = 1 is the least there is
        ([1.0, 1.0, 1.0, -1.0], 10 / 16),  # |sum| >= 2: all alike (2) and one unlike the others (8)
        ([0.5] * 10, 2 / 1024),
    ],
)
def test_few_differences_are_counted_exactly(differences: list[float], p_value: float) -> None:
    assert randomisation_p_value(differences) == pytest.approx(p_value, abs=1e-12)


def test_many_differences_are_sampled_near_the_exact_value() -> None:
    # Of 20 equal differences 15 are up: P(|sum| >= 10) = 2 * sum(C(20, i) for i <= 5) / 2**20
    found = randomisation_p_value([1.0] * 15 + [-1.0] * 5)
    assert found == pytest.approx(0.041389, abs=4 * (0.0414 / N_PERMUTATIONS) ** 0.5)
    assert found == randomisation_p_value([1.0] * 15 + [-1.0] * 5)
    assert found != randomisation_p_value([1.0] * 15 + [-1.0] * 5, seed=1)


def test_a_p_value_is_never_nothing_and_does_not_depend_on_the_sign() -> None:
    assert randomisation_p_value([1.0] * 100, n_permutations=999) == 1 / 1000
    differences = np.random.default_rng(3).normal(0.2, 1, 60).tolist()
    assert randomisation_p_value(differences) == pytest.approx(
        randomisation_p_value([-one for one in differences]), abs=0.004
    )


def test_runs_are_compared_on_the_questions_that_both_have() -> None:
    first, second = {"a": 0.0, "b": 0.5, "c": 1.0, "x": 1.0}, {"a": 0.1, "b": 0.7, "c": 1.3, "y": 0.0}
    ndcg, p50 = compare_runs(run_of(first, p50_ms=4.0), run_of(second, p50_ms=5.0, p95_ms=6.0))
    assert (ndcg.measure, ndcg.n) == ("ndcg@10", 3)
    assert [ndcg.p_value, ndcg.first, ndcg.second] == pytest.approx([0.25, 0.5, 0.7])
    assert (p50.measure, p50.first, p50.second, p50.p_value) == ("p50_ms", 4.0, 5.0, None)


def test_a_measure_of_other_questions_is_compared_by_its_mean() -> None:
    first, second = run_of({"a": 1.0}, refused=0.5), run_of({"a": 1.0}, refused=0.25)
    first.per_question["refused"], second.per_question["refused"] = {"x": 0.5}, {"y": 0.25}
    assert [(one.measure, one.n, one.p_value) for one in compare_runs(first, second)] == [
        ("ndcg@10", 1, 1.0),
        ("refused", 0, None),
    ]


def test_a_comparison_says_how_it_was_made() -> None:
    first, second = run_of({"a": 0.0, "b": 0.5}, peak_rss_mb=300.0), run_of({"a": 0.2, "b": 0.6}, peak_rss_mb=900.0)
    lines = comparison_lines(first, second, compare_runs(first, second))
    assert any(line.split() == ["ndcg@10", "0.2500", "0.4000", "+0.1500", "0.5000", "2"] for line in lines)
    assert any(line.split() == ["peak_rss_mb", "300", "900", "+600"] for line in lines)
    assert "100,000 permutations, seed 0" in lines[-1]


def test_runs_that_share_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="share no question"):
        compare_runs(run_of({"a": 1.0}), run_of({"b": 1.0}))
    with pytest.raises(InputError, match="compare runs on the same"):
        compare_runs(run_of({"a": 1.0}), run_of({"a": 1.0}, data_set="e"))
