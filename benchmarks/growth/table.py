"""The growth of the index as a table in Markdown, and as a picture."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rag_llm_system.domain.errors import MissingExtraError

_COLUMNS = {
    "build CPU s": ("build_cpu_s", 1),
    "build peak MB": ("build_peak_mb", 0),
    "disk MB": ("disk_mb", 0),
    "CPU ms a question": ("question_cpu_ms", 2),
    "p50 ms": ("question_p50_ms", 2),
    "reader MB": ("reader_mb", 0),
}


def growth_table(report: Mapping[str, Any]) -> Iterator[str]:
    """Gives the lines of the table; the last row holds the exponents."""
    yield f"| windows | {' | '.join(_COLUMNS)} |"
    yield f"|{'---:|' * (1 + len(_COLUMNS))}"
    for record in report["records"]:
        cells = (f"{record[field]:,.{decimals}f}" for field, decimals in _COLUMNS.values())
        yield f"| {record['n']:,} | {' | '.join(cells)} |"
    if report["exponents"]:
        cells = (f"{report['exponents'][field]:.2f}" for field, _ in _COLUMNS.values())
        yield f"| exponent | {' | '.join(cells)} |"


def plot_growth(report: Mapping[str, Any], file: Path) -> None:
    """Draws each cost over the number of windows, both on logarithmic axes, as SVG.

    Raises:
        MissingExtraError: matplotlib is not installed; it comes with MLflow.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("the picture", "tracking") from error

    figure = Figure(figsize=(11, 6), layout="constrained")
    sizes = [record["n"] for record in report["records"]]
    for axes, (title, (field, _)) in zip(figure.subplots(2, 3).flat, _COLUMNS.items(), strict=True):
        axes.loglog(sizes, [record[field] for record in report["records"]], marker="o")
        exponent = report["exponents"].get(field)
        axes.set_title(title if exponent is None else f"{title}: n^{exponent:.2f}")
        axes.set_xlabel("windows")
        axes.grid(True, which="both", alpha=0.3)
    figure.savefig(file, format="svg", metadata={"Date": None})
