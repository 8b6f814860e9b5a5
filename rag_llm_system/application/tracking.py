"""What of a run is written down, made from what its steps reported."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from rag_llm_system.application.evaluation.report import EvaluationRun
from rag_llm_system.application.indexing.selection import CleaningReport, IndexingReport
from rag_llm_system.application.ingestion.ingest import IngestionReport
from rag_llm_system.domain.ports.experiment_tracker import TrackedRun

FAILURES_FILE, EVALUATION_FILE = "left_out.txt", "evaluation.json"


def tracked_run(
    name: str,
    *,
    started_at: datetime,
    seconds: float,
    status: Literal["finished", "failed"] = "finished",
    ingestion: IngestionReport | None = None,
    cleaning: CleaningReport | None = None,
    indexing: IndexingReport | None = None,
    evaluation: EvaluationRun | None = None,
    parameters: Mapping[str, str | int | float] | None = None,
    tags: Mapping[str, str] | None = None,
) -> TrackedRun:
    """Gives the run with the counts and times of the reports that there are, one group of metrics for each.

    Args:
        name: the pipeline.
        started_at: with a time zone.
        seconds: of the whole run; those of the stages are in the reports.
        parameters: what the run was given, such as the settings that decide what it gives.
        tags: what runs are found by.

    Raises:
        InputError: the start has no time zone.
    """
    metrics: dict[str, float] = {"seconds": round(seconds, 3)}
    failures: dict[str, str] = {}
    if ingestion is not None:
        metrics |= {f"ingestion/{key}": float(value) for key, value in ingestion.summary().items()}
        failures |= dict(ingestion.failures)
    if cleaning is not None:
        metrics |= _cleaning_metrics(cleaning)
        failures |= cleaning.failures
    if indexing is not None:
        metrics |= _indexing_metrics(indexing)
        failures |= indexing.failures
    if evaluation is not None:
        metrics |= _evaluation_metrics(evaluation)
        what = {"data_set": evaluation.data_set, "split": evaluation.split}
        parameters = {**(parameters or {}), **what, **{key: str(value) for key, value in evaluation.settings.items()}}
    artifacts = {EVALUATION_FILE: evaluation.to_json()} if evaluation is not None else {}
    lines = (f"{what}: {reason}\n" for what, reason in failures.items())
    return TrackedRun(
        name=name,
        started_at=started_at,
        seconds=seconds,
        status=status,
        parameters=dict(parameters or {}),
        metrics=metrics,
        tags={"pipeline": name, **(tags or {})},
        artifacts={**artifacts, FAILURES_FILE: "".join(lines)} if failures else artifacts,
    )


def _cleaning_metrics(report: CleaningReport) -> dict[str, float]:
    counts = {"n_cleaned": report.n_cleaned, "n_chars": report.n_chars, "n_failed": len(report.failures)}
    return {f"cleaning/{key}": float(value) for key, value in {**counts, "seconds": round(report.seconds, 3)}.items()}


def _evaluation_metrics(run: EvaluationRun) -> dict[str, float]:
    """Gives the figures; MLflow knows no "@" in names."""
    return {f"evaluation/{name.replace('@', '_at_')}": float(value) for name, value in run.figures.items()}


def _indexing_metrics(report: IndexingReport) -> dict[str, float]:
    values = {
        "n_documents": report.n_documents,
        "n_unchanged": report.n_unchanged,
        "n_gone": report.n_gone,
        "n_chunks": report.n_chunks,
        "n_windows": report.n_windows,
        "n_embedded": report.n_embedded,
        "n_reused": report.n_reused,
        "n_failed": len(report.failures),
        **{f"{stage}_seconds": round(seconds, 3) for stage, seconds in report.seconds.items()},
    }
    embed_seconds = report.seconds.get("embed", 0.0)
    if report.n_embedded and embed_seconds > 0:
        values["n_windows_per_second"] = round(report.n_embedded / embed_seconds, 1)
    metrics = {f"indexing/{key}": float(value) for key, value in values.items()}
    return metrics | {f"index/{name}": float(n_points) for name, n_points in report.totals.items()}
