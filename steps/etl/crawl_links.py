"""From links to raw documents."""

from typing import Annotated

from zenml import step
from zenml.types import HTMLString

from rag_llm_system.application.ingestion.ingest import IngestionReport
from rag_llm_system.bootstrap.ingestion import open_ingestion
from rag_llm_system.domain.users import UserDocument
from rag_llm_system.settings import load_settings
from steps.progress import progress_bar
from steps.run_metadata import ingestion_metadata, log_on_step_and_run
from steps.run_report import ingestion_html


@step
def crawl_links(
    user: UserDocument, links: list[str]
) -> tuple[Annotated[IngestionReport, "ingestion"], Annotated[HTMLString, "ingestion_report"]]:
    """Fetches, parses and saves what the links lead to. What fails is in the report; that nothing came is an error."""
    with open_ingestion(load_settings()) as services, progress_bar("reading") as show:
        report = services.ingestion.ingest(links, author_full_name=user.full_name, on_progress=show)
    log_on_step_and_run("ingestion", ingestion_metadata(report))
    report.raise_if_nothing_came()
    return report, HTMLString(ingestion_html(report))
