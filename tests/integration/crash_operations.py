"""Operations that are easy to judge: a file of lines, kept well, badly, or not at all."""

import os
import time
from dataclasses import replace
from pathlib import Path

from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
from tools.crash_testing.acknowledged import Standing
from tools.crash_testing.comparison import compare_documents
from tools.crash_testing.findings import Findings, unreadable
from tools.crash_testing.processes import Work
from tools.crash_testing.round import Operation, Round

_N_LINES = 24
_PAUSE_S = 0.01
_BUFFERED = 8


def _file(round_: Round) -> Path:
    return round_.folder / f"lines-{round_.number}"


def _prepare(round_: Round) -> None:
    _file(round_).write_text("")


def _keep(round_: Round, n_buffered: int, n_times: int = 1) -> Work:
    """Writes lines, some at a time, and acknowledges each at once."""
    waiting: list[str] = []
    yield
    for number in range(_N_LINES):
        waiting += [f"{number}\n"] * n_times
        if len(waiting) >= n_buffered:
            with _file(round_).open("a") as file:
                file.writelines(waiting)
            waiting = []
        round_.log_entry("lines", str(number))
        time.sleep(_PAUSE_S)


def keep_well(round_: Round) -> Work:
    """Writes each line before it is acknowledged."""
    return _keep(round_, 1)


def keep_badly(round_: Round) -> Work:
    """Acknowledges lines that are not written yet."""
    return _keep(round_, _BUFFERED)


def keep_twice(round_: Round) -> Work:
    """Writes each line twice."""
    return _keep(round_, 1, n_times=2)


def _look(round_: Round) -> Findings:
    known = {entry.subject for entry in round_.entries("lines")}
    there = Standing(frozenset({"line"}), frozenset())
    found = [(line, "line") for line in _file(round_).read_text().split() if line in known]
    return compare_documents(found, dict.fromkeys(sorted(known), there))


def _nothing(_: Round) -> Findings:
    return Findings()


def _read_damaged_index(round_: Round) -> Findings:
    """Opens a real index of which a file was cut short."""
    path = round_.folder / "index"
    draft = QdrantEdgeCatalogue(path, dimension=2, embedder="e", min_free_bytes=0).open_draft()
    draft.upsert("index_ledger", [IndexPoint("7ec9e2ae-6f4d-4a65-a1a6-25a1c5d8c4ce", {"author_id": "ada"})])
    draft.publish()
    file = max(path.glob("generations/1/index_ledger/**/*.dat"), key=lambda each: each.stat().st_blocks)
    os.truncate(file, file.stat().st_size // 2)
    QdrantEdgeIndex(path, dimension=2, embedder="e").close()
    return Findings()


def _stop_working(round_: Round) -> Work:
    """Says that it cannot go on, in a process of its own."""
    yield
    while not round_.stop.exists():
        time.sleep(_PAUSE_S)
    return unreadable("a reader was given an error")


def _only_kind(_: Round) -> str:
    return ""


def _die(_: Round) -> Work:
    yield
    os.abort()


GOOD = Operation("good", _only_kind, _prepare, keep_well, _look, _nothing)
BAD = replace(GOOD, name="bad", operate=keep_badly)
TWICE = replace(GOOD, name="twice", operate=keep_twice)
BROKEN = replace(GOOD, name="broken", complete=_read_damaged_index)
BESIDE = replace(GOOD, name="beside", companions=(_stop_working,))
DEAD = replace(GOOD, name="dead", operate=_die)
