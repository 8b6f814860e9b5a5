"""The product against the best peer, measure by measure."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import mean, median, stdev
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted of a measure: the product's median over the best peer's.

    Args:
        measure: a field of the records.
        more_is_better: which peer is the best.
        ratio: at least this where more is better, else at most.
    """

    measure: str
    more_is_better: bool
    ratio: float

    def is_reached(self, ratio: float) -> bool:
        """Says whether that is good enough."""
        return ratio >= self.ratio if self.more_is_better else ratio <= self.ratio


TARGETS = (
    Target("passages_per_cpu_s", True, 5.0),
    Target("query_cpu_ms", False, 1 / 3),
    Target("peak_mb", False, 1 / 2),
    Target("ndcg_at_10", True, 1.0),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The product against the best peer in one measure.

    `least` and `most` are of the rounds' ratios, each of two measurements of the same round. `difference_se`: the
    standard error of the difference over questions, for measures of quality.
    """

    measure: str
    more_is_better: bool
    peer: str
    product: float
    best_peer: float
    ratio: float
    least: float
    most: float
    wanted: float
    reached: bool
    difference_se: float | None


def medians(report: Mapping[str, Any], measure: str) -> dict[str, float]:
    """Gives system -> the median of a measure over the rounds."""
    return {name: median(values.values()) for name, values in by_round(report, measure).items()}


def by_round(report: Mapping[str, Any], measure: str) -> dict[str, dict[int, float]]:
    """Gives system -> round -> value, systems in the order of the report; those without a record are left out."""
    found: dict[str, dict[int, float]] = {name: {} for name in report["systems"]}
    for record in report["records"]:
        found[record["system"]][record["round"]] = record[measure]
    return {name: values for name, values in found.items() if values}


def comparisons(report: Mapping[str, Any], product: str) -> list[dict[str, Any]]:
    """Gives the comparisons of all targets; none while the product or every peer is without a record."""
    return [asdict(comparison) for comparison in _comparisons(report, product)]


def _comparisons(report: Mapping[str, Any], product: str) -> Iterator[Comparison]:
    for target in TARGETS:
        of_all = medians(report, target.measure)
        ours = of_all.pop(product, None)
        if ours is None or not of_all:
            return
        best = max(of_all, key=lambda name: of_all[name] if target.more_is_better else -of_all[name])
        rounds = by_round(report, target.measure)
        both = rounds[product].keys() & rounds[best].keys()
        ratios = [rounds[product][turn] / rounds[best][turn] for turn in both] or [ours / of_all[best]]
        ratio = ours / of_all[best]
        yield Comparison(
            measure=target.measure,
            more_is_better=target.more_is_better,
            peer=best,
            product=ours,
            best_peer=of_all[best],
            ratio=ratio,
            least=min(ratios),
            most=max(ratios),
            wanted=target.ratio,
            reached=target.is_reached(ratio),
            difference_se=_difference_se(report, target.measure, product, best),
        )


def _difference_se(report: Mapping[str, Any], measure: str, product: str, peer: str) -> float | None:
    per_question = f"{measure}_per_question"
    last = {record["system"]: record.get(per_question) for record in report["records"]}
    ours, theirs = last[product], last[peer]
    if not ours or len(ours) < 2:
        return None
    return standard_error([ours[question] - theirs[question] for question in ours])


def standard_error(values: list[float]) -> float:
    """Gives the standard error of the mean of at least two values."""
    return stdev(values, mean(values)) / sqrt(len(values))
