"""Runs the pipelines in this process, gives back what their steps reported, and has each run tracked."""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_llm_system.application.tracking import tracked_run
from rag_llm_system.bootstrap.tracking import decisive_settings, open_tracker
from rag_llm_system.domain.errors import BackendError, CapabilityError, ConfigurationError, DiskFullError
from rag_llm_system.settings import load_settings

if TYPE_CHECKING:
    from zenml.models import PipelineRunResponse

    from rag_llm_system.application.evaluation.report import EvaluationRun
    from rag_llm_system.application.indexing.selection import CleaningReport, IndexingReport
    from rag_llm_system.application.ingestion.ingest import IngestionReport
    from tools.run_configs import EvaluationRequest


def run_etl(user_full_name: str, links: list[str]) -> "IngestionReport":
    """Runs `digital_data_etl`."""
    with zenml_store(), _tracked("digital_data_etl") as track:
        from pipelines.digital_data_etl import digital_data_etl

        report: IngestionReport = _output(digital_data_etl(user_full_name, links), "crawl_links", "ingestion")
        track(ingestion=report)
        return report


def run_feature_engineering(
    author_full_names: list[str] | None = None, *, fresh: bool = False, switch: bool = True
) -> tuple["CleaningReport", "IndexingReport"]:
    """Runs `feature_engineering`."""
    with zenml_store(), _tracked("feature_engineering") as track:
        from pipelines.feature_engineering import feature_engineering

        cleaning, indexing = _cleaning_and_indexing(feature_engineering(author_full_names, fresh, switch))
        track(cleaning=cleaning, indexing=indexing)
        return cleaning, indexing


def run_end_to_end_data(
    author_links: list[tuple[str, list[str]]],
) -> tuple["IngestionReport", "CleaningReport", "IndexingReport"]:
    """Runs `end_to_end_data`, and adds up what was brought in of each author."""
    with zenml_store(), _tracked("end_to_end_data") as track:
        from pipelines.end_to_end_data import end_to_end_data
        from rag_llm_system.application.ingestion.ingest import IngestionReport

        run = end_to_end_data(author_links)
        steps = ["crawl_links", *(f"crawl_links_{number}" for number in range(2, len(author_links) + 1))]
        ingestion = IngestionReport.of_all([_output(run, step, "ingestion") for step in steps])
        cleaning, indexing = _cleaning_and_indexing(run)
        track(ingestion=ingestion, cleaning=cleaning, indexing=indexing)
        return ingestion, cleaning, indexing


def run_evaluation(request: "EvaluationRequest") -> "EvaluationRun":
    """Runs `evaluation`."""
    with zenml_store(), _tracked("evaluation") as track:
        from pipelines.evaluation import evaluation

        run = evaluation(
            str(request.data_dir), request.split, request.limit_docs, request.limit_queries, list(request.settings)
        )
        report: EvaluationRun = _output(run, "evaluate_data_set", "evaluation")
        track(evaluation=report)
        return report


def run_export_artifact_to_json(artifact_names: list[str], output_dir: Path) -> list[Path]:
    """Runs `export_artifact_to_json` and gives the files that it wrote."""
    with zenml_store():
        from pipelines.export_artifact_to_json import export_artifact_to_json

        run = export_artifact_to_json(artifact_names, str(output_dir.absolute()))
        return [Path(file) for file in _output(run, "export_artifacts", "exported_files")]


@contextmanager
def zenml_store() -> Iterator[None]:
    """Makes ZenML's store where there is none, and names what goes wrong with it.

    Raises:
        DiskFullError: ZenML cannot write its store for want of space.
        ConfigurationError: its folder cannot be used.
        BackendError: its store failed otherwise.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from steps.zenml_environment import create_zenml_store_once, set_zenml_environment

    folder = set_zenml_environment()
    try:
        create_zenml_store_once()
        yield
    except (SQLAlchemyError, OSError) as error:
        if _is_foreign(error, folder):
            raise
        reason = str(getattr(error, "orig", None) or error)
        if "disk is full" in reason or getattr(error, "errno", None) == errno.ENOSPC:
            raise DiskFullError(f"The disk of {folder} is full: make room and run it again.") from error
        if isinstance(error, PermissionError) or "readonly" in reason or getattr(error, "errno", None) == errno.EROFS:
            raise ConfigurationError(f"{folder} cannot be written: make it writable, or set RAG_HOME.") from error
        if isinstance(error, NotADirectoryError | FileExistsError):
            raise ConfigurationError(f"{folder} cannot be made: set RAG_HOME to a folder, not a file.") from error
        raise BackendError(f"ZenML failed on {folder} ({reason}): run it again, or delete that folder.") from error


def _is_foreign(error: Exception, folder: Path) -> bool:
    """Says whether an error comes from the pipeline's own work and has nothing to do with ZenML's folder."""
    file = str(getattr(error, "filename", None) or folder)
    return isinstance(error, ConnectionError) or not Path(file).is_relative_to(folder)


@contextmanager
def _tracked(pipeline: str) -> Iterator[Callable[..., None]]:
    """Gives a function that takes the reports of the run; a run that ends with an error is tracked as failed.

    What cannot be tracked with is refused before the run; once it is done, nothing about tracking can fail it.
    """
    settings = load_settings()
    reports: dict[str, Any] = {}
    started_at, started = datetime.now(UTC), time.perf_counter()
    with open_tracker(settings) as tracker:
        log = partial(tracked_run, pipeline, started_at=started_at, parameters=decisive_settings(settings))
        try:
            yield reports.update
        except Exception:
            tracker.log_run(log(seconds=time.perf_counter() - started, status="failed"))
            raise
        tracker.log_run(log(seconds=time.perf_counter() - started, **reports))


def _cleaning_and_indexing(run: "PipelineRunResponse | None") -> tuple["CleaningReport", "IndexingReport"]:
    return _output(run, "load_cleaned_documents", "cleaning"), _output(run, "load_embedded_chunks", "indexing")


def _output(run: "PipelineRunResponse | None", step_name: str, artifact_name: str) -> Any:
    if run is None:
        raise CapabilityError("The active ZenML stack runs pipelines elsewhere: run `zenml stack set default`.")
    (artifact,) = run.steps[step_name].outputs[artifact_name]
    return artifact.load()
