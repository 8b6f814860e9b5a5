"""A report of the stores as a table in Markdown."""

from collections.abc import Iterator, Mapping
from typing import Any

_COLUMNS = {
    "compression": "compression",
    "search": "search",
    "vector bytes": "vector_bytes_per_window",
    "all bytes": "disk_bytes_per_window",
    "recall@10": "recall_at_10",
    "nDCG@10 dense": "ndcg_at_10_dense",
    "nDCG@10 hybrid": "ndcg_at_10_hybrid",
    "p50 ms": "dense_p50_ms",
    "p95 ms": "dense_p95_ms",
    "CPU ms": "dense_cpu_ms",
    "build CPU s": "build_cpu_s",
    "own MB": "memory_anonymous_mb",
    "mapped MB": "memory_mapped_mb",
    "disk MB": "disk_mb",
}
_DECIMALS = {
    "recall_at_10": 4,
    "ndcg_at_10_dense": 4,
    "ndcg_at_10_hybrid": 4,
    "dense_p50_ms": 2,
    "dense_p95_ms": 2,
    "dense_cpu_ms": 2,
}


def store_table(report: Mapping[str, Any]) -> Iterator[str]:
    """Gives the lines of the table; what stands behind ± is the standard error over questions."""
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{'---|' * 2}{'---:|' * (len(_COLUMNS) - 2)}"
    for record in report["records"]:
        yield f"| {' | '.join(_cell(record, field) for field in _COLUMNS.values())} |"


def _cell(record: Mapping[str, Any], field: str) -> str:
    value = record[field]
    if value is None or isinstance(value, str):
        return value or "-"
    spread = record.get(f"{field}_se")
    written = f"{value:,.{_DECIMALS.get(field, 0)}f}"
    return written if spread is None else f"{written} ± {spread:.3f}"
