"""What a run did, as a page with bars: plain HTML and SVG that loads nothing from anywhere."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from rag_llm_system.application.indexing.selection import CleaningReport, IndexingReport
from rag_llm_system.application.ingestion.ingest import IngestionReport
from rag_llm_system.domain.documents import Category
from steps.page import page
from steps.run_metadata import largest

_MOST_AUTHORS = 10
_MOST_FAILURES = 20
_LABEL_PX, _BAR_PX, _VALUE_PX, _ROW_PX = 150, 130, 60, 19  # two charts side by side where ZenML shows the page
_MOST_LABEL_CHARS = 23


def ingestion_html(report: IngestionReport) -> str:
    """Gives documents by category and by author, and a table of what was left out."""
    counts = report.outcome
    return page(
        "Links to documents",
        f"{counts.n_new:,} new, {counts.n_changed:,} changed, {counts.n_unchanged:,} unchanged, "
        f"{report.n_moved:,} moved, {report.n_gone:,} gone, {len(report.failures):,} left out, {report.seconds:.1f} s",
        [
            _bars("Documents by category", report.n_by_category()),
            _bars("Documents by author", largest(report.n_by_author, _MOST_AUTHORS)),
        ],
        below=_failure_table(report.failures),
    )


def indexing_html(cleaning: CleaningReport, indexing: IndexingReport) -> str:
    """Gives what was loaded, by category and by author, seconds by stage, and a table of what was left out."""
    plan = cleaning.plan
    of_category = {
        "Documents": {category: counts.n_documents for category, counts in indexing.by_category.items()},
        "Chunks": {category: counts.n_chunks for category, counts in indexing.by_category.items()},
        "Windows": {category: counts.n_windows for category, counts in indexing.by_category.items()},
    }
    charts = [_bars(f"{what} loaded, by category", _named(counts)) for what, counts in of_category.items()]
    seconds = {"clean": cleaning.seconds, **indexing.seconds}
    return page(
        "Documents to index",
        f"{plan.n_new:,} new, {plan.n_changed:,} changed, "
        f"{plan.n_unchanged:,} unchanged, {plan.n_gone:,} gone, "
        f"{len(cleaning.failures) + len(indexing.failures):,} left out, {sum(seconds.values()):.1f} s",
        [
            *charts,
            _bars("Windows", {"embedded": indexing.n_embedded, "vectors known": indexing.n_reused}),
            _bars("Seconds by stage", seconds, lambda value: f"{value:.1f} s"),
            _bars("Windows loaded, by author", largest(indexing.n_windows_by_author, _MOST_AUTHORS)),
        ],
        below=_failure_table([*cleaning.failures.items(), *indexing.failures.items()]),
    )


def _named(counts: Mapping[Category, int]) -> dict[str, int]:
    return {str(category): n for category, n in counts.items()}


def _bars(title: str, values: Mapping[str, float], written: Callable[[float], str] = "{:,}".format) -> str:
    """Gives a chart with a bar for each value, the longest as wide as there is room."""
    longest = max(values.values(), default=0)
    if not longest:
        return f"<section><h2>{escape(title)}</h2>none</section>"
    rows = [
        _row(number * _ROW_PX, label, value / longest, written(value))
        for number, (label, value) in enumerate(values.items())
    ]
    width, height = _LABEL_PX + _BAR_PX + _VALUE_PX, _ROW_PX * len(rows)
    return (
        f"<section><h2>{escape(title)}</h2>"
        f'<svg width="{width}" height="{height}" role="img" aria-label="{escape(title)}">'
        f"{''.join(rows)}</svg></section>"
    )


def _row(top_px: int, label: str, share: float, value: str) -> str:
    width_px = round(share * _BAR_PX, 1)
    middle_px = top_px + _ROW_PX // 2 + 4
    return (
        f"<g><title>{escape(label)}: {escape(value)}</title>"
        f'<text x="{_LABEL_PX - 8}" y="{middle_px}" text-anchor="end">{escape(_shortened(label))}</text>'
        f'<rect x="{_LABEL_PX}" y="{top_px + 3}" width="{width_px}" height="{_ROW_PX - 6}" rx="2" fill="#5b6ee1"/>'
        f'<text x="{_LABEL_PX + width_px + 6}" y="{middle_px}">{escape(value)}</text></g>'
    )


def _shortened(label: str) -> str:
    return label if len(label) <= _MOST_LABEL_CHARS else f"{label[: _MOST_LABEL_CHARS - 1]}…"


def _failure_table(failures: Sequence[tuple[str, str]]) -> str:
    """Gives what was left out and why; nothing where nothing was."""
    if not failures:
        return ""
    n_more = len(failures) - _MOST_FAILURES
    rows = [f"<tr><td>{escape(what)}</td><td>{escape(why)}</td></tr>" for what, why in failures[:_MOST_FAILURES]]
    more = f'<tr><td colspan="2">… and {n_more:,} more</td></tr>' if n_more > 0 else ""
    return f"<section><h2>Left out</h2><table><tr><th>What</th><th>Why</th></tr>{''.join(rows)}{more}</table></section>"
