"""Is one run better than another? A paired randomisation test, question by question.

Under the null hypothesis the two runs are exchangeable for each question, so the sign of each difference is a coin flip
(Fisher 1935; Smucker, Allan and Carterette 2007, doi:10.1145/1321440.1321528: of the tests that are used for rankings
the one that assumes least).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag_llm_system.application.evaluation.report import EvaluationRun, written
from rag_llm_system.domain.errors import InputError

N_PERMUTATIONS = 100_000
SEED = 0
_MOST_EXACT = 16
_TOLERANCE = 1e-12
_SIGNS_PER_CALL = 5_000_000
_NOT_COMPARED = {"docs", "windows", "queries"}


@dataclass(frozen=True, slots=True)
class Difference:
    """How a measure differs; `p_value` is None where it has no values by question.

    Args:
        measure: its name.
        first, second: its means, in both runs over the same questions where it has values by question.
        n: questions that both runs have; 0 where there are none.
        p_value: two-sided.
    """

    measure: str
    first: float
    second: float
    n: int = 0
    p_value: float | None = None


def compare_runs(first: EvaluationRun, second: EvaluationRun) -> list[Difference]:
    """Gives the difference of every measure that both runs have, in the order of the first.

    Raises:
        InputError: the runs are of different collections, or share no question.
    """
    if first.data_set != second.data_set:
        raise InputError(f"One run is on {first.data_set}, the other on {second.data_set}: compare runs on the same.")
    differences = [
        _paired(name, values, others)
        for name, values in first.per_question.items()
        if (others := second.per_question.get(name, {})) and not values.keys().isdisjoint(others)
    ]
    if not differences:
        raise InputError("The two runs share no question: compare runs on the same part of a collection.")
    paired = {difference.measure for difference in differences}
    return differences + [
        Difference(name, value, second.figures[name])
        for name, value in first.figures.items()
        if name in second.figures and name not in paired and name not in _NOT_COMPARED
    ]


def randomisation_p_value(
    differences: Sequence[float], *, n_permutations: int = N_PERMUTATIONS, seed: int = SEED
) -> float:
    """Gives how likely a mean difference at least as large, of either sign, is where signs are coin flips.

    Exact up to 16 questions that differ; beyond, of `n_permutations` random flips, the observed one counted among them,
    so that it is never 0 (Phipson and Smyth 2010). 1 where nothing differs.

    Args:
        differences: one a question.
        n_permutations: random flips.
        seed: of the flips.
    """
    values = np.array([value for value in differences if abs(value) > _TOLERANCE], np.float64)
    if not len(values):
        return 1.0
    least = abs(values.sum()) - _TOLERANCE * len(values)
    if len(values) <= _MOST_EXACT:
        flips = (np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1
        return float(np.mean(np.abs((1 - 2 * flips) @ values) >= least))
    generator = np.random.default_rng(seed)
    n_as_large = 0
    for n_flips in _portions(n_permutations, max(1, _SIGNS_PER_CALL // len(values))):
        signs = 1 - 2 * generator.integers(0, 2, (n_flips, len(values)), np.int8)
        n_as_large += int(np.count_nonzero(np.abs(signs @ values) >= least))
    return (n_as_large + 1) / (n_permutations + 1)


def comparison_lines(first: EvaluationRun, second: EvaluationRun, differences: Sequence[Difference]) -> list[str]:
    """Gives the comparison as lines for a person."""
    lines = [
        f"A: {_in_words(first)}",
        f"B: {_in_words(second)}",
        f"{'measure':<22}{'A':>12}{'B':>12}{'B - A':>12}{'p':>9}{'n':>7}",
    ]
    for one in differences:
        change = f"{one.second - one.first:+.4f}" if abs(one.second) < 100 else f"{one.second - one.first:+,.0f}"
        p_value = "" if one.p_value is None else f"{one.p_value:.4f}"
        values = f"{written(one.first):>12}{written(one.second):>12}"
        lines.append(f"{one.measure:<22}{values}{change:>12}{p_value:>9}{one.n or '':>7}")
    how = f"exact up to {_MOST_EXACT} questions that differ, else {N_PERMUTATIONS:,} permutations, seed {SEED}"
    return [*lines, f"p: paired randomisation test, two-sided; {how}."]


def _paired(name: str, first: dict[str, float], second: dict[str, float]) -> Difference:
    shared = [key for key in first if key in second]
    before, after = np.array([first[key] for key in shared]), np.array([second[key] for key in shared])
    p_value = randomisation_p_value((after - before).tolist())
    return Difference(name, float(before.mean()), float(after.mean()), len(shared), p_value)


def _portions(total: int, most: int) -> list[int]:
    return [min(most, total - done) for done in range(0, total, most)]


def _in_words(run: EvaluationRun) -> str:
    changed = ", ".join(f"{key}={value}" for key, value in run.settings.items())
    return f"{run.data_set}, {run.split}, {run.started_at:%Y-%m-%d %H:%M}, {changed or 'the defaults'}"
