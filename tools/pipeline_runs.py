"""Runs the pipelines in this process and gives back what their steps reported."""

from typing import TYPE_CHECKING, Any

from rag_llm_system.domain.errors import CapabilityError

if TYPE_CHECKING:
    from zenml.models import PipelineRunResponse

    from rag_llm_system.application.indexing.selection import CleaningReport, IndexingReport
    from rag_llm_system.application.ingestion.ingest import IngestionReport


def run_etl(user_full_name: str, links: list[str]) -> "IngestionReport":
    """Runs `digital_data_etl`."""
    _prepare()
    from pipelines.digital_data_etl import digital_data_etl

    report: IngestionReport = _output(digital_data_etl(user_full_name, links), "crawl_links")
    return report


def run_feature_engineering(author_full_names: list[str] | None = None) -> tuple["CleaningReport", "IndexingReport"]:
    """Runs `feature_engineering`."""
    _prepare()
    from pipelines.feature_engineering import feature_engineering

    run = feature_engineering(author_full_names)
    return _output(run, "load_cleaned_documents"), _output(run, "load_embedded_chunks")


def run_end_to_end_data(
    user_full_name: str, links: list[str]
) -> tuple["IngestionReport", "CleaningReport", "IndexingReport"]:
    """Runs `end_to_end_data`."""
    _prepare()
    from pipelines.end_to_end_data import end_to_end_data

    run = end_to_end_data(user_full_name, links)
    return _output(run, "crawl_links"), _output(run, "load_cleaned_documents"), _output(run, "load_embedded_chunks")


def _prepare() -> None:
    from steps.zenml_environment import create_zenml_store_once

    create_zenml_store_once()


def _output(run: "PipelineRunResponse | None", step_name: str) -> Any:
    if run is None:
        raise CapabilityError("The active ZenML stack runs pipelines elsewhere: run `zenml stack set default`.")
    return run.steps[step_name].output.load()
