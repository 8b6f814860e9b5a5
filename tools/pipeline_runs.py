"""Runs the pipelines in this process and gives back what their steps reported."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rag_llm_system.domain.errors import BackendError, CapabilityError, ConfigurationError, DiskFullError

if TYPE_CHECKING:
    from zenml.models import PipelineRunResponse

    from rag_llm_system.application.indexing.selection import CleaningReport, IndexingReport
    from rag_llm_system.application.ingestion.ingest import IngestionReport


def run_etl(user_full_name: str, links: list[str]) -> "IngestionReport":
    """Runs `digital_data_etl`."""
    with _zenml():
        from pipelines.digital_data_etl import digital_data_etl

        report: IngestionReport = _output(digital_data_etl(user_full_name, links), "crawl_links")
        return report


def run_feature_engineering(author_full_names: list[str] | None = None) -> tuple["CleaningReport", "IndexingReport"]:
    """Runs `feature_engineering`."""
    with _zenml():
        from pipelines.feature_engineering import feature_engineering

        run = feature_engineering(author_full_names)
        return _output(run, "load_cleaned_documents"), _output(run, "load_embedded_chunks")


def run_end_to_end_data(
    user_full_name: str, links: list[str]
) -> tuple["IngestionReport", "CleaningReport", "IndexingReport"]:
    """Runs `end_to_end_data`."""
    with _zenml():
        from pipelines.end_to_end_data import end_to_end_data

        run = end_to_end_data(user_full_name, links)
        return _output(run, "crawl_links"), _output(run, "load_cleaned_documents"), _output(run, "load_embedded_chunks")


@contextmanager
def _zenml() -> Iterator[None]:
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
        reason = str(getattr(error, "orig", None) or error)
        if "disk is full" in reason or getattr(error, "errno", None) == errno.ENOSPC:
            raise DiskFullError(f"The disk of {folder} is full: make room and run it again.") from error
        if isinstance(error, PermissionError) or "readonly" in reason or getattr(error, "errno", None) == errno.EROFS:
            raise ConfigurationError(f"{folder} cannot be written: make it writable, or set RAG_HOME.") from error
        if isinstance(error, NotADirectoryError | FileExistsError):
            raise ConfigurationError(f"{folder} cannot be made: set RAG_HOME to a folder, not a file.") from error
        raise BackendError(f"ZenML failed on {folder} ({reason}): run it again, or delete that folder.") from error


def _output(run: "PipelineRunResponse | None", step_name: str) -> Any:
    if run is None:
        raise CapabilityError("The active ZenML stack runs pipelines elsewhere: run `zenml stack set default`.")
    return run.steps[step_name].output.load()
