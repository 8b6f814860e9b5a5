"""How answers and reports look in a terminal."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from rag_llm_system.domain.answers import Answer, Citation
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS, CLEANED_COLLECTIONS

if TYPE_CHECKING:
    from rag_llm_system.application.indexing.selection import CleaningReport, IndexingReport
    from rag_llm_system.application.ingestion.ingest import IngestionReport

_WIDTH = 100
_MOST_FAILURES = 10


def answer_lines(question: str, answer: Answer) -> list[str]:
    """Gives question, answer, citations, notes and timings."""
    lines = [*_wrapped("Q  ", question), *_wrapped("A  ", answer.text)]
    for citation in answer.citations:
        lines += _citation_lines(citation)
    for note in answer.notes:
        lines += _wrapped("   note: ", note)
    return [*lines, "   " + " · ".join(f"{stage} {ms:.1f} ms" for stage, ms in answer.timings_ms.items())]


def ingestion_lines(report: "IngestionReport") -> list[str]:
    """Gives what an ETL run stored, and what it could not, with reasons."""
    outcome = report.outcome
    counts = f"{outcome.n_new} new, {outcome.n_changed} changed, {outcome.n_unchanged} unchanged"
    lines = [f"documents   {counts}, {len(report.failures)} left out   ({report.seconds:.1f} s)"]
    lines += [f"  left out: {link}: {reason}" for link, reason in report.failures[:_MOST_FAILURES]]
    n_more = len(report.failures) - _MOST_FAILURES
    return [*lines, f"  … and {n_more} more"] if n_more > 0 else lines


def indexing_lines(cleaning: "CleaningReport", indexing: "IndexingReport") -> list[str]:
    """Gives what a feature engineering run did, with seconds by stage."""
    seconds = {"clean": cleaning.seconds, **indexing.seconds}
    lines = [
        f"index       {indexing.n_documents} documents loaded, {indexing.n_unchanged} unchanged, {indexing.n_gone} removed",
        f"            {indexing.n_chunks} chunks, {indexing.n_windows} windows embedded",
        "            " + ", ".join(f"{stage} {value:.1f} s" for stage, value in seconds.items()),
    ]
    return lines + [f"  not cleaned: {document_id}: {reason}" for document_id, reason in cleaning.failures.items()]


def index_lines(home: Path, indexing: "IndexingReport") -> list[str]:
    """Gives what the index holds now, and how much room everything takes."""
    n_documents = sum(indexing.totals[name] for name in CLEANED_COLLECTIONS.values())
    n_windows = sum(indexing.totals[name] for name in CHUNK_COLLECTIONS.values())
    size_bytes = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    return [
        f"     {n_documents} documents and {n_windows} windows are in the index; {home} holds {size_bytes / 1e6:.0f} MB"
    ]


def _citation_lines(citation: Citation) -> list[str]:
    author = f" by {citation.author_full_name}" if citation.author_full_name else ""
    return [
        f"   [{citation.passage_number}] {citation.title}{author}, {citation.link}",
        *_wrapped("       ", f"“{citation.quote}”"),
    ]


def _wrapped(prefix: str, text: str) -> list[str]:
    one_line = " ".join(text.split())
    return textwrap.wrap(
        one_line, _WIDTH, initial_indent=prefix, subsequent_indent=" " * len(prefix), break_on_hyphens=False
    ) or [prefix.rstrip()]
