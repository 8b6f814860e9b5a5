"""For bringing writing in: crawlers, parsers and the document store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.sources import crawler_dispatcher, parser_dispatcher
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.services import IngestionServices


@contextmanager
def open_ingestion(settings: Settings) -> Iterator["IngestionServices"]:
    """Opens the document store and what fills it.

    Raises:
        ConfigurationError: the settings cannot be used.
        MissingExtraError: the store's packages are not installed.
        BackendError: the store is away.
    """
    from rag_llm_system.application.ingestion.ingest import Ingestion
    from rag_llm_system.application.ingestion.warehouse import Warehouse
    from rag_llm_system.services import IngestionServices

    crawlers = crawler_dispatcher(settings)
    with open_document_store(settings) as store:
        ingestion = Ingestion(crawlers=crawlers, parsers=parser_dispatcher(), documents=store, users=store)
        yield IngestionServices(documents=store, users=store, ingestion=ingestion, warehouse=Warehouse(store, store))
