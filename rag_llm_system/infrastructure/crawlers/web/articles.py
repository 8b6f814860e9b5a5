"""Articles on the web: a page, the pages of a feed, or the pages of a sitemap."""

import html
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import MissingExtraError, RagError
from rag_llm_system.domain.links import without_credentials
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard
from rag_llm_system.infrastructure.crawlers.media_types import HTML, is_code
from rag_llm_system.infrastructure.crawlers.web.feeds import FeedEntry, read_feed
from rag_llm_system.infrastructure.crawlers.web.fetching import PageFetcher, WebPage
from rag_llm_system.infrastructure.crawlers.web.links import document_link, site_of, web_url
from rag_llm_system.infrastructure.crawlers.web.page_kinds import (
    XHTML,
    PageKind,
    kind_of,
    language_of,
    media_type_of_page,
    plain_type,
    published_of,
    unfolded,
)
from rag_llm_system.infrastructure.crawlers.web.sitemaps import pages_of

_WEB_PAGES = (HTML, XHTML)


class CustomArticleCrawler:
    """Brings the page that a link leads to, or, where it is a feed or a sitemap, the pages that this names.

    A feed may name pages anywhere, a sitemap those of its own site. An entry whose page cannot be fetched is taken
    from the feed itself where the feed holds all of it. Pages that come twice are given once.

    Args:
        guard: what may be contacted.
        max_page_bytes: larger pages are refused.
        timeout_s: how long one request may take in all.
        max_pages: how many pages one feed or sitemap may lead to.
        pause_s: time between two requests for pages of a host; robots.txt may ask for up to 10 s.
        tls: checks certificates; None for those that everybody trusts.
        clock: gives seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        max_page_bytes: int = 10_000_000,
        timeout_s: float = 30.0,
        max_pages: int = 200,
        pause_s: float = 1.0,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._fetcher = PageFetcher(
            guard,
            max_page_bytes=max_page_bytes,
            timeout_s=timeout_s,
            pause_s=pause_s,
            tls=tls,
            clock=clock,
            sleep=sleep,
        )
        self._max_page_bytes = max_page_bytes
        self._max_pages = max_pages

    def crawl(self, link: str) -> Iterator[Fetched | FetchFailure]:
        """Gives each page; `link` starts with http:// or https://.

        Raises:
            InputError: the link is no web address, or what it leads to is too large or broken.
            AccessError: the host is in a private network, or the page forbidden.
            NotFoundError: there is no such host or page.
            BackendError: the server failed.
            MissingExtraError: the extra "pipelines" is not installed.
        """
        page = self._page(link)
        kind = kind_of(page)
        if kind is PageKind.FEED:
            found = self._from_feed(page)
        elif kind is PageKind.SITEMAP:
            found = self._from_sitemap(page)
        else:
            found = iter([_fetched(page, asked=link)])
        yield from _each_once(found)

    def _page(self, link: str) -> WebPage:
        return unfolded(self._fetcher.fetch(link), max_bytes=self._max_page_bytes)

    def _from_feed(self, feed: WebPage) -> Iterator[Fetched | FetchFailure]:
        entries = read_feed(feed)
        for entry in entries[: self._max_pages]:
            if not entry.link:
                yield FetchFailure(str(feed.url), "holds an entry that names no page")
                continue
            facts = {"feed": document_link(feed.url), "published": entry.published}
            found = self._one(entry.link, facts)
            if isinstance(found, FetchFailure):
                yield _from_content(entry, facts) if entry.content else found
            else:
                yield _of_entry(found, entry)
        if len(entries) > self._max_pages:
            yield self._left_out(feed, len(entries) - self._max_pages, 0)

    def _from_sitemap(self, sitemap: WebPage) -> Iterator[Fetched | FetchFailure]:
        site = pages_of(sitemap, self._page, max_pages=self._max_pages)
        yield from site.failures
        for entry in site.pages:
            yield self._one(entry.link, {"sitemap": document_link(sitemap.url), "modified": entry.modified})
        if site.n_pages_left_out or site.n_sitemaps_left_out:
            yield self._left_out(sitemap, site.n_pages_left_out, site.n_sitemaps_left_out)
        if site.n_foreign:
            yield FetchFailure(
                str(sitemap.url), f"{site.n_foreign} of its addresses are on other sites: give them yourself"
            )

    def _left_out(self, page: WebPage, n_pages: int, n_sitemaps: int) -> FetchFailure:
        sitemaps = f" and {n_sitemaps} of its sitemaps" if n_sitemaps else ""
        reason = f"{n_pages} of its pages{sitemaps} were left out: RAG_MAX_PAGES is {self._max_pages}"
        return FetchFailure(str(page.url), reason)

    def _one(self, link: str, facts: Mapping[str, str]) -> Fetched | FetchFailure:
        """Gives the page that a feed or a sitemap names."""
        try:
            page = self._page(link)
        except MissingExtraError:
            raise
        except RagError as error:
            return _failure(link, error)
        if kind_of(page) is not PageKind.WRITING:
            return FetchFailure(link, "is a feed or a sitemap within another one: give it by itself")
        return _fetched(page, asked=link, facts=facts)


def _fetched(page: WebPage, *, asked: str, facts: Mapping[str, str] | None = None) -> Fetched | FetchFailure:
    if not page.body.strip():
        return FetchFailure(asked, "is empty")
    media_type = media_type_of_page(page)
    plain = plain_type(media_type)
    is_web_page = plain in _WEB_PAGES
    link = document_link(page.url)
    known = {
        **(facts or {}),
        "asked_link": "" if asked.strip() == link else asked.strip(),
        "language": language_of(page) if is_web_page else page.language,
    }
    if is_web_page and not known.get("published"):
        known["published"] = published_of(page)
    return Fetched(
        link=link,
        body=page.body,
        media_type=media_type,
        platform=site_of(page.url),
        path="" if is_web_page else PurePosixPath(unquote(page.url.path)).name,
        category=Category.REPOSITORIES if is_code(plain) else None,
        metadata={key: value for key, value in known.items() if value},
    )


def _of_entry(found: Fetched, entry: FeedEntry) -> Fetched:
    """Gives the page with what the feed knows of it."""
    return replace(found, title=entry.title, authors=entry.authors)


def _from_content(entry: FeedEntry, facts: Mapping[str, str]) -> Fetched | FetchFailure:
    """Gives the entry as the feed holds it, as a page of its own."""
    try:
        url = web_url(entry.link)
    except RagError as error:
        return _failure(entry.link, error)
    title = html.escape(entry.title)
    page = f"<!doctype html><title>{title}</title><body><article><h1>{title}</h1>{entry.content}</article></body>"
    return Fetched(
        link=document_link(url),
        body=page.encode("utf-8", "replace"),
        media_type=f"{HTML}; charset=utf-8",
        platform=site_of(url),
        authors=entry.authors,
        title=entry.title,
        metadata={**{key: value for key, value in facts.items() if value}, "taken_from": "feed"},
    )


def _each_once(found: Iterable[Fetched | FetchFailure]) -> Iterator[Fetched | FetchFailure]:
    """Leaves out pages whose link came before: several addresses may lead to one page."""
    seen = set()
    for item in found:
        if isinstance(item, Fetched):
            if item.link in seen:
                continue
            seen.add(item.link)
        yield item


def _failure(link: str, error: RagError) -> FetchFailure:
    return FetchFailure(without_credentials(link), error.message)
