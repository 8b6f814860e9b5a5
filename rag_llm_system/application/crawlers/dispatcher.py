"""Which crawler takes a link, and which parser takes what it brings."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from rag_llm_system.domain.errors import InputError, UnsupportedMediaError
from rag_llm_system.domain.ports.source import Crawler, Parser

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


class CrawlerDispatcher:
    """Finds the crawler for a link.

    Args:
        local: takes paths and file:// addresses.
        by_scheme: crawlers by the scheme of the link, such as "packages".
        by_domain: crawlers by the domain of a web address, such as "medium.com"; subdomains count, the longest domain
            wins.
    """

    def __init__(
        self,
        *,
        local: Crawler,
        by_scheme: Mapping[str, Crawler] | None = None,
        by_domain: Mapping[str, Crawler] | None = None,
    ) -> None:
        self._by_scheme = {"file": local, **(by_scheme or {})}
        self._by_domain = dict(by_domain or {})
        self._local = local

    def crawler_for(self, link: str) -> Crawler:
        """Gives the crawler for a link; what has no scheme is a path.

        Raises:
            InputError: the link is blank.
            UnsupportedMediaError: no crawler takes it.
        """
        if not link.strip():
            raise InputError("a link is blank: give a file, a folder or an address")
        match = _SCHEME.match(link)
        if match is None:
            return self._local
        scheme = match.group(1).lower()
        crawler = self._by_scheme.get(scheme) or self._crawler_of_domain(link)
        if crawler is None:
            raise UnsupportedMediaError(_no_crawler(link, scheme))
        return crawler

    def _crawler_of_domain(self, link: str) -> Crawler | None:
        try:
            host = (urlsplit(link).hostname or "").lower()
        except ValueError:
            raise InputError(f"{link} is not an address: check its spelling") from None
        parts = host.split(".")
        domains = (".".join(parts[start:]) for start in range(len(parts)))
        return next((self._by_domain[domain] for domain in domains if domain in self._by_domain), None)


class ParserDispatcher:
    """Finds the parser for a media type.

    Args:
        parsers: parsers by media type; a key like "text/*" takes what no other key of its family does.
    """

    def __init__(self, parsers: Mapping[str, Parser]) -> None:
        self._parsers = dict(parsers)

    def parser_for(self, media_type: str) -> Parser:
        """Gives the parser for a media type; its parameters (such as a charset) and its case do not count.

        Raises:
            UnsupportedMediaError: no parser takes it.
        """
        plain = media_type.partition(";")[0].strip().lower()
        parser = self._parsers.get(plain) or self._parsers.get(plain.partition("/")[0] + "/*")
        if parser is None:
            raise UnsupportedMediaError(f"there is no parser for {plain or 'an unnamed media type'} yet")
        return parser


def _no_crawler(link: str, scheme: str) -> str:
    if scheme in ("http", "https"):
        return f"there is no crawler for {link} yet: save the page and give the file, or the folder it is in"
    return f"there is no crawler for {scheme}:// links: give a file, a folder or packages://NAME"
