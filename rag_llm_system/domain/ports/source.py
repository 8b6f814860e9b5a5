"""Where writing comes from: a crawler fetches, a parser reads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from rag_llm_system.domain.documents import Category


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a crawler brought: bytes with everything known of them, nothing of it interpreted.

    Args:
        link: where it can be found again; becomes the document's link.
        body: the bytes as they were.
        media_type: an IANA media type such as "text/markdown".
        platform: the site or place, such as "file" or "pypi".
        authors: names in the order the source gives them; empty where it names none.
        title: what the source calls it; "" where it does not say.
        path: where it stands within the source, such as "src/app.py"; "" where that means nothing.
        category: what the source knows it to be; None leaves it to the parser.
        metadata: anything else worth keeping, JSON values.
    """

    link: str
    body: bytes
    media_type: str
    platform: str
    authors: tuple[str, ...] = ()
    title: str = ""
    path: str = ""
    category: Category | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FetchFailure:
    """One thing that a crawler could not bring, and why, in a line."""

    link: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser read: the parts of a document that lie in its bytes."""

    category: Category
    title: str
    text: str
    subtitle: str = ""
    authors: tuple[str, ...] = ()


class Crawler(Protocol):
    """Brings what a link leads to."""

    def crawl(self, link: str) -> Iterator[Fetched | FetchFailure]:
        """Gives each thing found, in a stable order; what fails alone is given as a failure and does not end the rest.

        Raises:
            NotFoundError: the link leads nowhere at all.
        """


class Territory(Protocol):
    """All that lies within a link, such as a folder's files: what a crawl of it brings, and what it leaves out."""

    def holds(self, link: str) -> bool:
        """Says, by its spelling alone, whether what a link leads to lies or lay within."""

    def gone(self, links: Iterable[str]) -> Iterator[str]:
        """Gives those of the links, all of which it holds, that certainly lead nowhere any more.

        Where that may be otherwise, as when something cannot be read or a drive may be away, a link is left out.
        """


@runtime_checkable
class SurveyingCrawler(Crawler, Protocol):
    """A crawler that can tell what is no longer there. Most cannot: feeds forget, and a page may lose its links."""

    def territory(self, link: str) -> Territory | None:
        """Gives what lies within the link; None where it leads to a single thing.

        Raises:
            NotFoundError: the link leads nowhere at all.
        """


class Parser(Protocol):
    """Reads one family of media types."""

    def parse(self, fetched: Fetched) -> Parsed:
        """Gives the document's parts.

        Raises:
            InputError: the bytes are not what the media type says, or hold no text.
        """
