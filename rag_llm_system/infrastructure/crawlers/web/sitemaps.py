"""Sitemaps and their indexes (https://www.sitemaps.org/protocol.html)."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from rag_llm_system.domain.errors import InputError, MissingExtraError, RagError
from rag_llm_system.domain.links import without_credentials
from rag_llm_system.domain.ports.source import FetchFailure
from rag_llm_system.infrastructure.crawlers.web.fetching import WebPage
from rag_llm_system.infrastructure.crawlers.web.links import site_of
from rag_llm_system.infrastructure.crawlers.web.page_kinds import PageKind, kind_of

_MAX_DEPTH = 2
_MAX_SITEMAPS = 100


@dataclass(frozen=True, slots=True)
class SitemapEntry:
    """An address in a sitemap, and when the site says that it changed; "" where it does not say."""

    link: str
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Sitemap:
    """What one file names: pages, or more sitemaps; in the order of the file."""

    pages: tuple[SitemapEntry, ...]
    sitemaps: tuple[SitemapEntry, ...]


@dataclass(frozen=True, slots=True)
class SitePages:
    """What a sitemap and those that it names lead to.

    Args:
        pages: in the order of the files, each once.
        failures: sitemaps that could not be read.
        n_pages_left_out: pages above the limit.
        n_sitemaps_left_out: sitemaps that were not read, since the limit was reached or they are nested too deep.
        n_foreign: addresses on other sites.
    """

    pages: tuple[SitemapEntry, ...]
    failures: tuple[FetchFailure, ...]
    n_pages_left_out: int
    n_sitemaps_left_out: int
    n_foreign: int


def pages_of(sitemap: WebPage, read: Callable[[str], WebPage], *, max_pages: int) -> SitePages:
    """Gives the pages of a sitemap, reading the ones that it names until there are pages enough.

    Args:
        sitemap: the first one.
        read: fetches another one.
        max_pages: how many pages are given; of sitemaps 100 are read at most.

    Raises:
        InputError: the first sitemap is no XML.
        MissingExtraError: the extra "pipelines" is not installed.
    """
    walk = _Walk(site_of(sitemap.url))
    walk.take(sitemap, depth=0)
    n_read = 1
    while walk.waiting and len(walk.pages) < max_pages and n_read < _MAX_SITEMAPS:
        entry, depth = walk.waiting.popleft()
        n_read += 1
        try:
            walk.take(read(entry.link), depth)
        except MissingExtraError:
            raise
        except RagError as error:
            walk.failures.append(FetchFailure(without_credentials(entry.link), error.message))
    found = tuple(walk.pages.values())
    return SitePages(
        pages=found[:max_pages],
        failures=tuple(walk.failures),
        n_pages_left_out=len(found[max_pages:]),
        n_sitemaps_left_out=len(walk.waiting) + walk.n_too_deep,
        n_foreign=walk.n_foreign,
    )


class _Walk:
    def __init__(self, site: str) -> None:
        self.pages: dict[str, SitemapEntry] = {}
        self.waiting: deque[tuple[SitemapEntry, int]] = deque()
        self.failures: list[FetchFailure] = []
        self.n_foreign = 0
        self.n_too_deep = 0
        self._site = site
        self._seen: dict[str, None] = {}

    def take(self, page: WebPage, depth: int) -> None:
        if kind_of(page) is not PageKind.SITEMAP:
            raise InputError("is named as a sitemap, but is none")
        self._seen[str(page.url)] = None
        sitemap = read_sitemap(page.body, page.url)
        for entry in sitemap.pages:
            if self._is_own(entry):
                self.pages.setdefault(entry.link, entry)
        for entry in sitemap.sitemaps:
            if entry.link in self._seen or not self._is_own(entry):
                continue
            self._seen[entry.link] = None
            if depth < _MAX_DEPTH:
                self.waiting.append((entry, depth + 1))
            else:
                self.n_too_deep += 1

    def _is_own(self, entry: SitemapEntry) -> bool:
        try:
            is_own = site_of(httpx.URL(entry.link)) == self._site
        except (httpx.InvalidURL, UnicodeError, ValueError):
            is_own = False
        self.n_foreign += not is_own
        return is_own


def read_sitemap(body: bytes, base: httpx.URL) -> Sitemap:
    """Gives what a sitemap names. Entities of its own are not expanded, and nothing is fetched.

    Args:
        body: the file.
        base: where the file came from; relative addresses are taken from there.

    Raises:
        InputError: it is no XML.
        MissingExtraError: the extra "pipelines" is not installed.
    """
    try:
        from lxml import etree  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("reading sitemaps", "pipelines") from None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        root = etree.fromstring(body, parser)
    except (etree.LxmlError, ValueError):
        root = None
    if root is None:
        raise InputError("the sitemap is no XML: check the address")
    return Sitemap(_entries(root, "url", base), _entries(root, "sitemap", base))


def _entries(root: Any, name: str, base: httpx.URL) -> tuple[SitemapEntry, ...]:
    found = []
    for element in root.iterfind(f"{{*}}{name}"):
        written = (element.findtext("{*}loc") or "").strip()
        try:
            link = str(base.join(written)) if written else ""
        except (httpx.InvalidURL, UnicodeError, ValueError):
            link = written
        if link:
            found.append(SitemapEntry(link, (element.findtext("{*}lastmod") or "").strip()[:40]))
    return tuple(dict.fromkeys(found))
