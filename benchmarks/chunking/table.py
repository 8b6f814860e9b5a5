"""A report on chunking as Markdown tables."""

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]


def chunking_tables(report: Row, context: str = "4 passages") -> Iterator[str]:
    """Gives the lines of three tables: the ways of cutting on dev, on test, and the contexts of the first of them."""
    choices = report["choices"]
    budgets = list(dict.fromkeys(result["budget_chars"] for result in choices[0]["results"]))
    for split in ("dev", "test"):
        yield f"{split}, {report['n_questions'][split]} questions, context of {context}: recall / precision"
        yield ""
        yield from _head("chunking | windows | chunks | CPU s", budgets)
        for choice in choices:
            cpu_s = choice["cut_cpu_s"] + choice["embed_cpu_s"]
            cells = [f"{one['recall']:.3f} / {one['precision']:.3f}" for one in _of(choice, split, context)]
            name = f"{_name(choice)} | {choice['n_windows']:,} | {choice['n_chunks']:,} | {cpu_s:.0f}"
            yield f"| {name} | {' | '.join(cells)} |"
        yield ""
    yield f"contexts of {_name(choices[0])}: recall ± standard error, dev; test"
    yield ""
    yield from _head("context", budgets)
    for name in dict.fromkeys(result["context"] for result in choices[0]["results"]):
        both = zip(_of(choices[0], "dev", name), _of(choices[0], "test", name), strict=True)
        cells = [f"{_recall(dev)}; {_recall(test)}" for dev, test in both]
        yield f"| {name} | {' | '.join(cells)} |"


def _head(first: str, budgets: list[int]) -> Iterator[str]:
    columns = [f"{budget:,} characters" for budget in budgets]
    yield f"| {first} | {' | '.join(columns)} |"
    yield "|" + " --- |" * (first.count("|") + 1 + len(columns))


def _name(choice: Row) -> str:
    sizes = choice["sizes"]
    size = {
        "category": "",
        "hierarchical": f" {sizes['parent_tokens']}",
        "overlapping": f" {sizes['chunk_tokens']}/{sizes['overlap_tokens']}",
    }.get(choice["strategy"], f" {sizes['chunk_tokens']}")
    return f"{choice['strategy']}{size}, windows {choice['window_tokens']}"


def _of(choice: Row, split: str, context: str) -> list[Row]:
    return [one for one in choice["results"] if one["split"] == split and one["context"] == context]


def _recall(result: Row) -> str:
    return f"{result['recall']:.3f} ± {result['recall_standard_error']:.3f}"
