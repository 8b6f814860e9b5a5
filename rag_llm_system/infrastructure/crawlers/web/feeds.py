"""RSS and Atom feeds."""

import html
import io
import re
from dataclasses import dataclass
from typing import Any

from rag_llm_system.domain.errors import InputError, MissingExtraError
from rag_llm_system.infrastructure.crawlers.web.fetching import WebPage

_TAG = re.compile(r"<[^<>]*>")
_FULL_CHARS = 250


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One entry of a feed.

    Args:
        link: its page; "" where it has none.
        title: "" where it has none.
        authors: full names; nicknames and addresses are left out.
        published: an ISO date and time in UTC; "" where the feed does not say.
        content: the entry as HTML where the feed holds all of it, else "".
    """

    link: str
    title: str
    authors: tuple[str, ...]
    published: str
    content: str


def read_feed(page: WebPage) -> list[FeedEntry]:
    """Gives the feed's entries in its order.

    Raises:
        InputError: it holds none, or cannot be read.
        MissingExtraError: the extra "pipelines" is not installed.
    """
    try:
        import feedparser  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("reading feeds", "pipelines") from None
    # As a stream: of a string, feedparser would make an address and fetch it.
    headers = {"content-type": page.content_type or "application/xml", "content-location": str(page.url)}
    try:
        parsed = feedparser.parse(io.BytesIO(page.body), response_headers=headers, sanitize_html=False)
        entries = [_entry(entry) for entry in parsed.get("entries", ())]
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # feedparser lets these through, of a "&#x110000;" for one.
        raise InputError(f"the feed cannot be read ({type(error).__name__}): give the pages themselves") from None
    if not entries:
        raise InputError("the feed holds no entries: check the address")
    return entries


def _entry(entry: Any) -> FeedEntry:
    moment = entry.get("published_parsed") or entry.get("updated_parsed")
    return FeedEntry(
        link=entry.get("link", "").strip(),
        title=_plain(entry.get("title", "")),
        authors=_full_names(entry),
        published="{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*moment[:6]) if moment else "",
        content=_content(entry),
    )


def _full_names(entry: Any) -> tuple[str, ...]:
    written = [author.get("name", "") for author in entry.get("authors", ())] or [entry.get("author", "")]
    names = [_plain(name) for name in written]
    return tuple(dict.fromkeys(name for name in names if " " in name and "@" not in name and len(name) <= 80))


def _content(entry: Any) -> str:
    texts = [part.get("value", "") for part in entry.get("content", ()) if "html" in part.get("type", "html")]
    longest = max(texts, key=len, default="")
    return longest if len(_plain(longest)) >= _FULL_CHARS else ""


def _plain(markup: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", markup)).split())
