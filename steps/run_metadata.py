"""What a run did, as ZenML's metadata: on the page of the step, and on that of the run, where all steps meet.

The dashboard shows numbers at once and mappings when they are opened.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rag_llm_system.application.indexing.selection import CleaningReport, DocumentSelection, IndexingReport
from rag_llm_system.application.ingestion.ingest import IngestionReport

Metadata = dict[str, Any]

_MOST_FAILURES = 20
_MOST_AUTHORS = 20


def log_on_step_and_run(subject: str, metadata: Metadata) -> None:
    """Writes metadata at once, so that it is kept also where the step fails afterwards.

    Args:
        subject: stands before each name on the page of the run; with a number where a step stands there several times.
        metadata: names to numbers, or to mappings of names to numbers or texts.
    """
    from zenml import get_step_context, log_metadata

    context = get_step_context()
    number = re.search(r"_(\d+)$", context.step_run.name)
    which = f"{subject} {number[1]}" if number else subject
    log_metadata(metadata)
    of_run = {f"{which} / {name}": value for name, value in metadata.items()}
    log_metadata(metadata=of_run, run_id_name_or_prefix=context.pipeline_run.id)


def ingestion_metadata(report: IngestionReport) -> Metadata:
    """Gives what was found, by category and by author, and what was left out, with reasons."""
    return {
        "new": report.outcome.n_new,
        "changed": report.outcome.n_changed,
        "unchanged": report.outcome.n_unchanged,
        "gone": report.n_gone,
        "moved": report.n_moved,
        "kept though not found": report.n_kept,
        "now another author's": report.n_reowned,
        "left out": len(report.failures),
        "seconds": round(report.seconds, 3),
        "documents by category": report.n_by_category(),
        "documents by author": largest(report.n_by_author, _MOST_AUTHORS),
        **_reasons(report.failures),
    }


def selection_metadata(selection: DocumentSelection) -> Metadata:
    """Gives how many documents the run is about, by category and by author."""
    return {
        "documents": selection.n_documents,
        "documents by category": dict(selection.n_by_category),
        "documents by author": largest(selection.n_by_author, _MOST_AUTHORS),
    }


def cleaning_metadata(report: CleaningReport) -> Metadata:
    """Gives what the run found new, changed, unchanged and gone, and what could not be cleaned."""
    plan = report.plan
    return {
        "new": plan.n_new,
        "changed": plan.n_changed,
        "unchanged": plan.n_unchanged,
        "gone": plan.n_gone,
        "left out": len(report.failures),
        "characters": report.n_chars,
        "seconds": round(report.seconds, 3),
        **_reasons(list(report.failures.items())),
    }


def indexing_metadata(report: IndexingReport) -> Metadata:
    """Gives what was loaded, by category and by author, what the index holds now, and seconds by stage."""
    of_category = report.by_category.items()
    return {
        "documents": report.n_documents,
        "chunks": report.n_chunks,
        "windows": report.n_windows,
        "windows embedded": report.n_embedded,
        "windows reused": report.n_reused,
        "generation": report.generation or "nothing had changed",
        "left out": len(report.failures),
        "seconds": round(sum(report.seconds.values()), 3),
        "seconds by stage": {stage: round(seconds, 3) for stage, seconds in report.seconds.items()},
        "documents by category": {str(category): counts.n_documents for category, counts in of_category},
        "chunks by category": {str(category): counts.n_chunks for category, counts in of_category},
        "windows by category": {str(category): counts.n_windows for category, counts in of_category},
        "windows by author": largest(report.n_windows_by_author, _MOST_AUTHORS),
        "points in the index": dict(report.totals),
        **_reasons(list(report.failures.items())),
    }


def largest(counts: Mapping[str, int], n_most: int) -> dict[str, int]:
    """Gives the largest counts first, ties by name, and all the others in a line of their own."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = ordered[n_most:]
    others = {f"({len(rest)} others)": sum(n for _, n in rest)} if rest else {}
    return {**dict(ordered[:n_most]), **others}


def _reasons(failures: Sequence[tuple[str, str]]) -> Metadata:
    """Gives the first failures with their reasons; nothing where nothing failed."""
    return {"left out, and why": dict(failures[:_MOST_FAILURES])} if failures else {}
