"""For bringing writing in: crawlers, parsers and the document store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.services import IngestionServices

_MB = 1_000_000


@contextmanager
def open_ingestion(settings: Settings) -> Iterator["IngestionServices"]:
    """Opens the document store and what fills it.

    Raises:
        ConfigurationError: the settings ask for a store that is not there yet, or cannot be used.
        BackendError: the store is away.
    """
    from rag_llm_system.application.crawlers.dispatcher import CrawlerDispatcher, ParserDispatcher
    from rag_llm_system.application.ingestion.ingest import Ingestion
    from rag_llm_system.application.ingestion.warehouse import Warehouse
    from rag_llm_system.infrastructure.crawlers.files import FileCrawler
    from rag_llm_system.infrastructure.crawlers.installed_packages import InstalledPackagesCrawler
    from rag_llm_system.infrastructure.parsers.code import CodeParser
    from rag_llm_system.infrastructure.parsers.html import HtmlParser
    from rag_llm_system.infrastructure.parsers.markdown import MarkdownParser
    from rag_llm_system.infrastructure.parsers.text import PlainTextParser
    from rag_llm_system.services import IngestionServices

    with open_document_store(settings) as store:
        crawlers = CrawlerDispatcher(
            local=FileCrawler(max_file_bytes=int(settings.rag_max_file_mb * _MB)),
            by_scheme={"packages": InstalledPackagesCrawler()},
        )
        parsers = ParserDispatcher(
            {
                "text/markdown": MarkdownParser(),
                "text/x-rst": MarkdownParser(),
                "text/html": HtmlParser(),
                "application/xhtml+xml": HtmlParser(),
                "text/plain": PlainTextParser(),
                "text/*": CodeParser(),
            }
        )
        ingestion = Ingestion(crawlers=crawlers, parsers=parsers, documents=store, users=store)
        yield IngestionServices(documents=store, users=store, ingestion=ingestion, warehouse=Warehouse(store, store))
