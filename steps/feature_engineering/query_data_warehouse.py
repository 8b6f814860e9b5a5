"""Which documents the run is about."""

from typing import Annotated

from zenml import step

from rag_llm_system.application.indexing.indexer import select_documents
from rag_llm_system.application.indexing.selection import DocumentSelection
from rag_llm_system.bootstrap.ingestion import open_ingestion
from rag_llm_system.settings import load_settings
from steps.run_metadata import log_on_step_and_run, selection_metadata


@step
def query_data_warehouse(author_full_names: list[str] | None = None) -> Annotated[DocumentSelection, "selection"]:
    """Gives references to the stored documents of these authors (None: of all), the collections asked in parallel."""
    with open_ingestion(load_settings()) as services:
        selection = select_documents(services.documents, services.users, author_full_names)
    log_on_step_and_run("selection", selection_metadata(selection))
    return selection
