"""What a page is: one piece of writing, a feed or a sitemap; and the few facts that its head states."""

import re
from enum import Enum
from pathlib import PurePosixPath
from urllib.parse import unquote

from rag_llm_system.infrastructure.crawlers.media_types import HTML, PLAIN_TEXT, media_type_of
from rag_llm_system.infrastructure.crawlers.web.fetching import WebPage
from rag_llm_system.infrastructure.crawlers.web.requests import joined, unpacked


class PageKind(Enum):
    """What is made of a page."""

    WRITING = "writing"
    FEED = "feed"
    SITEMAP = "sitemap"


XHTML = "application/xhtml+xml"
_UNKNOWN = "application/octet-stream"
_KIND_BY_ROOT = {
    "rss": PageKind.FEED,
    "feed": PageKind.FEED,
    "RDF": PageKind.FEED,
    "urlset": PageKind.SITEMAP,
    "sitemapindex": PageKind.SITEMAP,
}
_MAY_BE_XML = re.compile(r"(?:text|application)/(?:(?:[\w.-]+\+)?xml|html|plain|octet-stream)|")
_GZIP_MARK = b"\x1f\x8b"
_SNIFFED_BYTES = 4096
_HEAD_BYTES = 256 * 1024
_ROOT_TAG = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)")
_BEFORE_ROOT = (("<?", "?>"), ("<!--", "-->"), ("<!", ">"))
_HTML_TAG = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_LANGUAGE = re.compile(
    rb"""<html\b[^>]{0,500}?\slang\s*=\s*["']?([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*)""", re.IGNORECASE
)
_PUBLISHED = re.compile(
    rb"""<meta\b[^>]{0,200}?(?:article:published_time|datePublished|citation_publication_date)["'][^>]{0,100}?"""
    rb"""\bcontent\s*=\s*["']([0-9][0-9T:.+Z/ -]{3,34})["']"""
    rb"""|"datePublished"\s*:\s*"([0-9][0-9T:.+Z/ -]{3,34})\"""",
    re.IGNORECASE,
)


def kind_of(page: WebPage) -> PageKind:
    """Gives the kind by the page's root element where it may be XML, whatever the server calls it."""
    if not _MAY_BE_XML.fullmatch(plain_type(page.content_type)):
        return PageKind.WRITING
    return _KIND_BY_ROOT.get(_root_name(page.body), PageKind.WRITING)


def unfolded(page: WebPage, *, max_bytes: int) -> WebPage:
    """Gives the page itself, or what is in it where it is a packed feed or sitemap (sitemap.xml.gz).

    Raises:
        InputError: what is in it is too large.
    """
    if not page.body.startswith(_GZIP_MARK):
        return page
    inside = WebPage(page.url, "application/xml", page.language, joined(unpacked([page.body]), max_bytes))
    return page if kind_of(inside) is PageKind.WRITING else inside


def media_type_of_page(page: WebPage) -> str:
    """Gives the media type with its parameters: the server's, but where it says little, what name and bytes say."""
    written, plain = page.content_type, plain_type(page.content_type)
    parameters = written[written.find(";") :] if ";" in written else ""
    if plain in ("", _UNKNOWN, PLAIN_TEXT):
        by_name = media_type_of(PurePosixPath(unquote(page.url.path)))
        if by_name:
            return by_name + parameters
        if plain != PLAIN_TEXT:
            return HTML if _HTML_TAG.search(page.body[:_SNIFFED_BYTES]) else _UNKNOWN
    if plain in ("text/xml", "application/xml") and _root_name(page.body).lower() == "html":
        return XHTML + parameters
    return plain + parameters


def plain_type(content_type: str) -> str:
    """Gives a media type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def language_of(page: WebPage) -> str:
    """Gives the language that the page or else its server names; "" where neither does."""
    match = _LANGUAGE.search(page.body[:_HEAD_BYTES])
    return match.group(1).decode("ascii") if match else page.language


def published_of(page: WebPage) -> str:
    """Gives the date of publication as the page writes it; "" where it does not."""
    match = _PUBLISHED.search(page.body[:_HEAD_BYTES])
    return (match.group(1) or match.group(2)).decode("ascii").strip() if match else ""


def _root_name(body: bytes) -> str:
    is_wide = body.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = body[:_SNIFFED_BYTES].decode("utf-16" if is_wide else "utf-8-sig", "ignore").lstrip()
    while marks := next((marks for marks in _BEFORE_ROOT if text.startswith(marks[0])), None):
        text = text.partition(marks[1])[2].lstrip()
    match = _ROOT_TAG.match(text)
    return match.group(1) if match else ""
