"""A report of the peers as a table in Markdown, and what was wanted of it."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from benchmarks.peers.comparison import by_round, standard_error

_COLUMNS = {
    "passages/CPU-s": ("passages_per_cpu_s", 1),
    "CPU ms a query": ("query_cpu_ms", 2),
    "p50 ms": ("query_p50_ms", 2),
    "p95 ms": ("query_p95_ms", 2),
    "peak MB": ("peak_mb", 0),
    "nDCG@10": ("ndcg_at_10", 4),
    "recall@10": ("recall_at_10", 4),
    "start CPU s": ("open_cpu_s", 2),
}
_TITLES = {
    "product": "rag_llm_system",
    "sentence_transformers_faiss": "sentence-transformers + FAISS",
    "langchain_faiss": "LangChain + FAISS",
    "llama_index_faiss": "LlamaIndex + FAISS",
    "haystack_hybrid": "Haystack, hybrid",
    "txtai_hybrid": "txtai, hybrid",
}
_MEASURES = {field: title for title, (field, _) in _COLUMNS.items()}


def peers_table(report: Mapping[str, Any]) -> Iterator[str]:
    """Gives the lines of the table: medians over the rounds, the least and the most in brackets; then the ratios.

    What stands behind ± is the standard error over questions.
    """
    yield (
        f"{report['n_passages']:,} passages, {report['n_judged_questions']} judged questions, "
        f"{report['n_timed_questions']} timed, k = {report['k']}, n = {report['n_rounds']}"
    )
    yield ""
    yield f"| system | {' | '.join(_COLUMNS)} | install MB | packages |"
    yield f"|---|{'---:|' * (len(_COLUMNS) + 2)}"
    for name, installed in report["systems"].items():
        if name in by_round(report, "peak_mb"):
            cells = [_cell(report, name, field, n_decimals) for field, n_decimals in _COLUMNS.values()]
            yield f"| {' | '.join([_title(name), *cells, *_installed(installed)])} |"
    yield ""
    yield "| rag_llm_system against the best peer | the peer | ratio | wanted | |"
    yield "|---|---|---:|---:|---|"
    yield from map(_verdict, report["comparisons"])


def _title(name: str) -> str:
    return _TITLES.get(name, name)


def _cell(report: Mapping[str, Any], name: str, field: str, n_decimals: int) -> str:
    values = list(by_round(report, field)[name].values())
    written = f"{median(values):,.{n_decimals}f}"
    per_question = [record.get(f"{field}_per_question") for record in report["records"] if record["system"] == name]
    if per_question[-1] and len(per_question[-1]) > 1:
        return f"{written} ± {standard_error(list(per_question[-1].values())):.3f}"
    least, most = (f"{value:,.{n_decimals}f}" for value in (min(values), max(values)))
    return written if least == most else f"{written} ({least}-{most})"


def _installed(installed: Mapping[str, Any]) -> list[str]:
    if not installed:
        return ["-", "-"]
    return [f"{installed['install_mb']:,.0f}", str(installed["n_packages"])]


def _verdict(comparison: Mapping[str, Any]) -> str:
    spread = f" ({comparison['least']:.3g}-{comparison['most']:.3g})"
    difference = comparison["difference_se"]
    if difference is not None:
        spread = f"; {comparison['product'] - comparison['best_peer']:+.4f} ± {difference:.4f}"
    return (
        f"| {_MEASURES[comparison['measure']]} | {_title(comparison['peer'])} | {comparison['ratio']:.3g}{spread} "
        f"| {'≥' if comparison['more_is_better'] else '≤'} {comparison['wanted']:.3g} "
        f"| {'reached' if comparison['reached'] else 'not reached'} |"
    )
