"""Which crawler takes which link, and which parser reads what."""

from typing import TYPE_CHECKING

from rag_llm_system.settings import MB, Settings

if TYPE_CHECKING:
    from rag_llm_system.application.crawlers.dispatcher import CrawlerDispatcher, ParserDispatcher


def crawler_dispatcher(settings: Settings) -> "CrawlerDispatcher":
    """Gives what finds the crawler for a link: git repositories by their looks, then the scheme."""
    from rag_llm_system.application.crawlers.dispatcher import CrawlerDispatcher
    from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard
    from rag_llm_system.infrastructure.crawlers.files import FileCrawler
    from rag_llm_system.infrastructure.crawlers.git.crawler import GithubCrawler
    from rag_llm_system.infrastructure.crawlers.git.links import is_git_link
    from rag_llm_system.infrastructure.crawlers.installed_packages import InstalledPackagesCrawler
    from rag_llm_system.infrastructure.crawlers.web.articles import CustomArticleCrawler

    guard = AddressGuard(settings.private_networks)
    max_file_bytes = int(settings.rag_max_file_mb * MB)
    repositories = GithubCrawler(
        guard,
        max_file_bytes=max_file_bytes,
        max_repository_bytes=int(settings.rag_max_repository_mb * MB),
        timeout_s=settings.rag_git_timeout_s,
        tokens=settings.git_tokens,
    )
    pages = CustomArticleCrawler(
        guard,
        max_page_bytes=int(settings.rag_max_page_mb * MB),
        timeout_s=settings.rag_web_timeout_s,
        max_pages=settings.rag_max_pages,
        pause_s=settings.rag_web_pause_s,
    )
    return CrawlerDispatcher(
        local=FileCrawler(max_file_bytes=max_file_bytes),
        by_recognition=[(is_git_link, repositories)],
        by_scheme={"packages": InstalledPackagesCrawler(), "http": pages, "https": pages},
    )


def parser_dispatcher() -> "ParserDispatcher":
    """Gives what finds the parser for a media type."""
    from rag_llm_system.application.crawlers.dispatcher import ParserDispatcher
    from rag_llm_system.infrastructure.parsers.code import CodeParser
    from rag_llm_system.infrastructure.parsers.html import HtmlParser
    from rag_llm_system.infrastructure.parsers.markdown import MarkdownParser
    from rag_llm_system.infrastructure.parsers.text import PlainTextParser

    return ParserDispatcher(
        {
            "text/markdown": MarkdownParser(),
            "text/x-rst": MarkdownParser(),
            "text/html": HtmlParser(),
            "application/xhtml+xml": HtmlParser(),
            "text/plain": PlainTextParser(),
            "text/*": CodeParser(),
        }
    )
