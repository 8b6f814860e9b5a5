"""A small collection in BEIR layout, written to a folder, and ways to break it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CORPUS: tuple[dict[str, Any], ...] = (
    {"_id": "moon", "title": "The moon", "text": "Craters and dust cover the lunar highlands."},
    {"_id": "bread", "title": "", "text": "Sourdough needs flour, water and patience."},
    {"_id": "whale", "title": "Whales", "text": "Humpbacks sing for hours beneath the waves."},
)
QUERIES: tuple[dict[str, Any], ...] = (
    {"_id": "q1", "text": "What covers the lunar highlands?"},
    {"_id": "q2", "text": "What does sourdough need?"},
    {"_id": "q3", "text": "Which animals sing beneath the waves?"},
)
QRELS = "query-id\tcorpus-id\tscore\nq1\tmoon\t1\nq2\tbread\t2\nq2\tmoon\t0\nq3\twhale\t1\n"
ANSWERS = ({"_id": "q1", "answers": ["Craters and dust"]}, {"_id": "q2", "answers": ["flour", "yeast"]})
UNANSWERABLE = ({"_id": "u1", "text": "Who won the chess championship of 1972?"},)


def write_collection(
    folder: Path,
    *,
    corpus: Sequence[Mapping[str, Any]] = CORPUS,
    queries: Sequence[Mapping[str, Any]] = QUERIES,
    qrels: str = QRELS,
    qrels_name: str = "test",
) -> Path:
    """Writes the three files that a collection must have, and gives the folder."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    write_lines(folder / "corpus.jsonl", corpus)
    write_lines(folder / "queries.jsonl", queries)
    (folder / "qrels" / f"{qrels_name}.tsv").write_text(qrels, encoding="utf-8")
    return folder


def write_answers(folder: Path) -> None:
    """Adds gold answers and unanswerable questions."""
    write_lines(folder / "answers.jsonl", ANSWERS)
    write_lines(folder / "unanswerable.jsonl", UNANSWERABLE)


def write_lines(file: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Writes one JSON object a line."""
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
