"""From links to raw documents."""

from typing import Annotated

from zenml import get_step_context, step

from rag_llm_system.application.ingestion.ingest import IngestionReport
from rag_llm_system.bootstrap.ingestion import open_ingestion
from rag_llm_system.domain.users import UserDocument
from rag_llm_system.settings import load_settings
from steps.progress import progress_bar


@step
def crawl_links(user: UserDocument, links: list[str]) -> Annotated[IngestionReport, "ingestion"]:
    """Fetches, parses and saves what the links lead to. What fails is in the report; that nothing came is an error."""
    with open_ingestion(load_settings()) as services, progress_bar("reading") as show:
        report = services.ingestion.ingest(links, author_full_name=user.full_name, on_progress=show)
    get_step_context().add_output_metadata(output_name="ingestion", metadata=dict(report.summary()))
    report.raise_if_nothing_came()
    return report
