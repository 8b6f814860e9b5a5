"""Which crawler takes a link, and which parser takes what it brings."""

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from rag_llm_system.domain.errors import InputError, UnsupportedMediaError
from rag_llm_system.domain.ports.source import Crawler, Parser, SurveyingCrawler, Territory

Recognition = Callable[[str], bool]
"""Whether a crawler takes this link; looks at its spelling alone."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


class CrawlerDispatcher:
    """Finds the crawler for a link.

    Args:
        local: takes paths and file:// addresses.
        by_recognition: crawlers that know their links when they see them, such as those to git repositories; these
            are asked first, in order.
        by_domain: crawlers by the domain of a web address, such as "medium.com"; subdomains count, the longest domain
            wins.
        by_scheme: crawlers by the scheme of the link, such as "packages"; "https" takes what no domain does.
    """

    def __init__(
        self,
        *,
        local: Crawler,
        by_recognition: Sequence[tuple[Recognition, Crawler]] = (),
        by_domain: Mapping[str, Crawler] | None = None,
        by_scheme: Mapping[str, Crawler] | None = None,
    ) -> None:
        self._local = local
        self._by_recognition = tuple(by_recognition)
        self._by_domain = dict(by_domain or {})
        self._by_scheme = {"file": local, **(by_scheme or {})}

    def crawler_for(self, link: str) -> Crawler:
        """Gives the crawler for a link; what has no scheme is a path.

        Raises:
            InputError: the link is blank, or no address though it looks like one.
            UnsupportedMediaError: no crawler takes it.
        """
        if not link.strip():
            raise InputError("a link is blank: give a file, a folder or an address")
        for recognises, crawler in self._by_recognition:
            if recognises(link):
                return crawler
        match = _SCHEME.match(link)
        if match is None:
            return self._local
        scheme = match.group(1).lower()
        found = self._crawler_of_domain(link) or self._by_scheme.get(scheme)
        if found is None:
            raise UnsupportedMediaError(
                f"there is no crawler for {scheme}:// links: give a file, a folder, a web address or packages://NAME"
            )
        return found

    def territory_of(self, link: str) -> Territory | None:
        """Gives what lies within a link; None where its crawler cannot tell what is no longer there.

        Raises:
            InputError: the link is blank, or no address though it looks like one.
            UnsupportedMediaError: no crawler takes it.
            NotFoundError: it leads nowhere at all.
        """
        crawler = self.crawler_for(link)
        return crawler.territory(link) if isinstance(crawler, SurveyingCrawler) else None

    def _crawler_of_domain(self, link: str) -> Crawler | None:
        try:
            host = (urlsplit(link).hostname or "").lower()
        except ValueError:
            raise InputError("the link is not an address: check its spelling") from None
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
