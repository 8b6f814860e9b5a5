"""What an evaluation found, as ZenML's metadata and as a page: plain HTML and SVG that loads nothing from anywhere."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rag_llm_system.application.evaluation.report import EvaluationRun, written
from steps.page import page

_LABEL_PX, _PLOT_PX, _VALUE_PX, _ROW_PX = 150, 170, 110, 20
_HISTOGRAM_PX = 70
_N_BINS = 10
_TIMES = ("p50_ms", "p95_ms", "cpu_ms_per_query", "answer_p50_ms", "answer_p95_ms")


def evaluation_metadata(run: EvaluationRun) -> dict[str, Any]:
    """Gives the figures, numbers first, then mappings: standard errors, stages, settings."""
    mappings = {
        "standard errors": _rounded(run.standard_errors),
        "milliseconds by stage": _rounded(run.stage_ms),
        "settings that are not the defaults": {key: str(value) for key, value in run.settings.items()},
        "machine": dict(run.machine),
    }
    return {**_rounded(run.figures), **{name: mapping for name, mapping in mappings.items() if mapping}}


def evaluation_html(run: EvaluationRun) -> str:
    """Gives shares with their standard errors, times by stage, how the questions spread, and everything else."""
    shares = {name: value for name, value in run.figures.items() if _is_share(name, value)}
    others = {name: written(value) for name, value in run.figures.items() if name not in shares}
    settings = {key: str(value) for key, value in run.settings.items()} or {"": "the defaults"}
    title = f"{run.data_set}: {run.split}"
    sections = [
        _section("Shares and means, ± standard error", _whiskers(shares, run.standard_errors)),
        _section("Milliseconds by stage of retrieval, mean", _bars(run.stage_ms)),
        *(
            _section(f"Questions by {name}", _histogram(list(run.per_question[name].values()), most))
            for name, most in (("ndcg@10", 1.0), ("ms", None))
            if run.per_question.get(name)
        ),
        _section("Counts, times, memory", _table(others)),
        _section("Settings that are not the defaults", _table(settings)),
        _section("Where and with what", _table({**_texts(run.machine), **run.versions})),
    ]
    summary = f"{run.started_at:%Y-%m-%d %H:%M %Z}, {run.seconds:,.0f} s"
    return page(title, "; ".join([summary, *run.notes]), sections, column_px=440)


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}


def _is_share(name: str, value: float) -> bool:
    return name not in _TIMES and 0 <= value <= 1 and not name.endswith(("seconds", "_mb"))


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items()}


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content or 'none'}</section>"


def _whiskers(shares: Mapping[str, float], errors: Mapping[str, float]) -> str:
    """Gives a bar from 0 to 1 for each share, with a line over one standard error to both sides."""
    rows = []
    for number, (name, value) in enumerate(shares.items()):
        error = errors.get(name, 0.0)
        low_px, high_px = (_LABEL_PX + _PLOT_PX * min(1.0, max(0.0, end)) for end in (value - error, value + error))
        middle_px = number * _ROW_PX + _ROW_PX // 2
        width_px = high_px - low_px
        line = f'<rect x="{low_px:.1f}" y="{middle_px}" width="{width_px:.1f}" height="1" fill="#1f2933"/>'
        text = f"{value:.3f} ± {error:.3f}" if name in errors else f"{value:.3f}"
        rows.append(_row(number, name, value, text) + line)
    return _svg(rows)


def _bars(values: Mapping[str, float]) -> str:
    longest = max(values.values(), default=0.0)
    rows = [
        _row(number, name, value / longest if longest else 0.0, f"{value:.2f}")
        for number, (name, value) in enumerate(values.items())
    ]
    return _svg(rows)


def _row(number: int, label: str, share: float, value: str) -> str:
    top_px = number * _ROW_PX
    middle_px = top_px + _ROW_PX // 2 + 4
    return (
        f'<text x="{_LABEL_PX - 8}" y="{middle_px}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{_LABEL_PX}" y="{top_px + 4}" width="{_PLOT_PX * share:.1f}" height="{_ROW_PX - 8}" rx="2"'
        f' fill="#aeb8f5"/><text x="{_LABEL_PX + _PLOT_PX + 8}" y="{middle_px}">{escape(value)}</text>'
    )


def _svg(rows: Sequence[str]) -> str:
    if not rows:
        return ""
    width = _LABEL_PX + _PLOT_PX + _VALUE_PX
    return f'<svg width="{width}" height="{_ROW_PX * len(rows)}" role="img">{"".join(rows)}</svg>'


def _histogram(values: Sequence[float], most: float | None) -> str:
    """Gives how many values lie in each tenth from 0 to `most`; None: to the largest."""
    top = most or max(values) or 1.0
    counts = [0] * _N_BINS
    for value in values:
        counts[min(_N_BINS - 1, int(_N_BINS * value / top))] += 1
    width_px = (_LABEL_PX + _PLOT_PX) // _N_BINS
    bars = []
    for number, count in enumerate(counts):
        height_px = _HISTOGRAM_PX * count / max(counts)
        left_px, top_px = number * width_px, 16 + _HISTOGRAM_PX - height_px
        bars.append(
            f'<rect x="{left_px + 1}" y="{top_px:.1f}" width="{width_px - 2}" height="{height_px:.1f}" fill="#aeb8f5"/>'
            f'<text x="{left_px + width_px // 2}" y="{top_px - 3:.1f}" text-anchor="middle">{count:,}</text>'
        )
    bottom_px = 32 + _HISTOGRAM_PX
    ends = (
        f'<text x="0" y="{bottom_px}">0</text>'
        f'<text x="{width_px * _N_BINS}" y="{bottom_px}" text-anchor="end">{escape(written(top))}</text>'
    )
    return f'<svg width="{width_px * _N_BINS + 2}" height="{bottom_px + 6}" role="img">{"".join(bars)}{ends}</svg>'


def _table(values: Mapping[str, str]) -> str:
    rows = (f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in values.items())
    return f"<table>{''.join(rows)}</table>"
