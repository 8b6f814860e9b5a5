"""A report of the embedders as a table in Markdown."""

from collections.abc import Iterator, Mapping
from typing import Any

_COLUMNS = {
    "embedder": ("kind", 0),
    "tokens per CPU s": ("tokens_per_cpu_s", 0),
    "times sentence-transformers": ("speed_ratio", 2),
    "query CPU ms": ("query_cpu_ms", 2),
    "times theirs": ("query_ratio", 2),
    "query wall ms": ("query_wall_ms", 2),
    "load CPU s": ("load_cpu_s", 2),
    "peak MB": ("peak_rss_mb", 0),
    "SciFact nDCG@10": ("ndcg_at_10", 4),
}


def embedding_table(report: Mapping[str, Any]) -> Iterator[str]:
    """Gives the lines of the table: medians with the least and the most; behind ± stands a standard error."""
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|---|{'---:|' * (len(_COLUMNS) - 1)}"
    for record in report["records"]:
        yield f"| {' | '.join(_cell(record, *column) for column in _COLUMNS.values())} |"


def _cell(record: Mapping[str, Any], field: str, n_decimals: int) -> str:
    value = record.get(field)
    if value is None or isinstance(value, str):
        return value or "-"
    if isinstance(value, Mapping):
        median, least, most = (f"{value[part]:,.{n_decimals}f}" for part in ("median", "least", "most"))
        return f"{median} ({least}-{most})"
    return f"{value:,.{n_decimals}f} ± {record[f'{field}_se']:.3f}"
