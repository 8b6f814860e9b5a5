"""Into the vector store, twice: cleaned documents (for data sets) and embedded chunks (for retrieval).

Cleaning, chunking and embedding stream through these two steps batch by batch, so that neither memory nor the artifact
store ever holds the corpus; what the steps hand on are references and counts.
"""

from typing import Annotated

from zenml import step
from zenml.types import HTMLString

from rag_llm_system.application.indexing.selection import CleaningReport, DocumentSelection, IndexingReport
from rag_llm_system.bootstrap.indexing import open_indexing
from rag_llm_system.settings import load_settings
from steps.progress import progress_bar, tell
from steps.run_metadata import cleaning_metadata, indexing_metadata, log_on_step_and_run
from steps.run_report import indexing_html


@step
def load_cleaned_documents(selection: DocumentSelection, fresh: bool = False) -> Annotated[CleaningReport, "cleaning"]:
    """Cleans what is new or changed and loads it into the cleaned_* collections of a draft; takes out what is gone.

    With `fresh` the draft begins with nothing, and everything is new.
    """
    with open_indexing(load_settings(), fresh=fresh, tell=tell) as services, progress_bar("cleaning") as show:
        report = services.indexer.load_cleaned_documents(selection, on_progress=show)
    log_on_step_and_run("cleaning", cleaning_metadata(report))
    return report


@step
def load_embedded_chunks(
    cleaning: CleaningReport, fresh: bool = False, switch: bool = True
) -> tuple[Annotated[IndexingReport, "indexing"], Annotated[HTMLString, "indexing_report"]]:
    """Cuts and embeds what was cleaned, and loads it into the *_chunks_embedded collections.

    Then the draft becomes a generation of the index, the live one where `switch` says so.
    """
    with open_indexing(load_settings(), fresh=fresh, tell=tell) as services:
        with progress_bar("embedding", unit="characters") as show:
            report = services.indexer.load_embedded_chunks(cleaning, on_progress=show)
        published = services.draft.publish(switch=switch)
    report = report.model_copy(update={"generation": published.number if published else None})
    log_on_step_and_run("indexing", indexing_metadata(report))
    return report, HTMLString(indexing_html(cleaning, report))
