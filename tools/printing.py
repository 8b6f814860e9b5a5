"""How answers and reports look in a terminal."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rag_llm_system.domain.answers import Answer, Citation
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS, CLEANED_COLLECTIONS

if TYPE_CHECKING:
    from rag_llm_system.application.indexing.selection import CleaningReport, IndexingReport
    from rag_llm_system.application.ingestion.ingest import IngestionReport

_WIDTH = 100
_MOST_FAILURES = 10
_LEAST_MS = 0.05


def answer_lines(question: str, answer: Answer) -> list[str]:
    """Gives question, answer, citations, notes and timings."""
    lines = [*_wrapped("Q  ", question), *_wrapped("A  ", answer.text)]
    for number in dict.fromkeys(citation.passage_number for citation in answer.citations):
        lines += _source_lines([citation for citation in answer.citations if citation.passage_number == number])
    for note in answer.notes:
        lines += _wrapped("   note: ", note)
    timings = (f"{stage} {ms:.1f} ms" for stage, ms in answer.timings_ms.items() if ms >= _LEAST_MS)
    return [*lines, "   " + " · ".join(timings)]


def ingestion_lines(report: "IngestionReport") -> list[str]:
    """Gives what an ETL run stored, and what it could not, with reasons."""
    outcome = report.outcome
    counts = f"{outcome.n_new} new, {outcome.n_changed} changed, {outcome.n_unchanged} unchanged"
    gone = f"{report.n_moved} moved, {report.n_gone} gone"
    lines = [f"documents   {counts}, {gone}, {len(report.failures)} left out   ({report.seconds:.1f} s)"]
    return lines + _left_out(report.failures)


def indexing_lines(cleaning: "CleaningReport", indexing: "IndexingReport") -> list[str]:
    """Gives what a feature engineering run did, with seconds by stage."""
    seconds = {"clean": cleaning.seconds, **indexing.seconds}
    documents = f"{indexing.n_documents} documents loaded, {indexing.n_unchanged} unchanged, {indexing.n_gone} removed"
    windows = f"{indexing.n_windows} windows: {indexing.n_embedded} embedded, {indexing.n_reused} known"
    lines = [
        f"index       {documents}",
        f"            {indexing.n_chunks} chunks, {windows}",
        "            " + ", ".join(f"{stage} {value:.1f} s" for stage, value in seconds.items()),
        f"            generation {indexing.generation}" if indexing.generation else "            nothing had changed",
    ]
    return lines + _left_out([*cleaning.failures.items(), *indexing.failures.items()])


def index_lines(home: Path, indexing: "IndexingReport") -> list[str]:
    """Gives what the index holds now, and how much room everything takes."""
    n_documents = sum(indexing.totals[name] for name in CLEANED_COLLECTIONS.values())
    n_windows = sum(indexing.totals[name] for name in CHUNK_COLLECTIONS.values())
    index_mb, home_mb = (_disk_mb(folder) for folder in (home / "index", home))
    return [
        f"     the index holds {n_documents} documents in {n_windows} windows and takes {index_mb:.0f} MB",
        f"     {home} takes {home_mb:.0f} MB in all",
    ]


def _left_out(failures: Sequence[tuple[str, str]]) -> list[str]:
    """Gives the first failures, and where to find the others."""
    lines = [f"  left out: {what}: {reason}" for what, reason in failures[:_MOST_FAILURES]]
    n_more = len(failures) - _MOST_FAILURES
    where = "./poe run-export-artifact-to-json-pipeline writes down all of them"
    return [*lines, f"  … and {n_more} more: {where}"] if n_more > 0 else lines


def _disk_mb(folder: Path) -> float:
    """Counts what the files take on the disk: those of the index are larger than what is in them."""
    blocks = sum(path.stat().st_blocks for path in folder.rglob("*") if path.is_file())
    return blocks * 512 / 1e6


def _source_lines(citations: Sequence[Citation]) -> list[str]:
    source = citations[0]
    author = f" by {source.author_full_name}" if source.author_full_name not in ("", source.title) else ""
    lines = [f"   [{source.passage_number}] {source.title}{author}, {source.link}"]
    return lines + [line for citation in citations for line in _wrapped("       ", f"“{citation.quote}”")]


def _wrapped(prefix: str, text: str) -> list[str]:
    one_line = " ".join(text.split())
    return textwrap.wrap(
        one_line, _WIDTH, initial_indent=prefix, subsequent_indent=" " * len(prefix), break_on_hyphens=False
    ) or [prefix.rstrip()]
