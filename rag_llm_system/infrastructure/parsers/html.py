"""HTML pages: what on a page is writing, as Markdown."""

import logging
import re
from typing import Any

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError, MissingExtraError
from rag_llm_system.domain.ports.source import Fetched, Parsed
from rag_llm_system.infrastructure.parsers.html_facts import needs_scripts, page_authors, page_title
from rag_llm_system.infrastructure.parsers.html_to_markdown import markdown_blocks
from rag_llm_system.infrastructure.parsers.main_blocks import coverage, main_blocks
from rag_llm_system.infrastructure.parsers.text import charset_of, clean_text, decode_text, file_title, name_of

_DECLARED_CHARSET = re.compile(rb"""<(?:meta|\?xml)[^>]+(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_DECLARATION_BYTES = 4096
_FENCE_OR_LINES = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)
_SOURCE_INDENT = re.compile(r"[ \t]*\n[ \t]{2,}(?=[^\s*+|>#\d`-])")
_LINK_TARGET = re.compile(r"\]\([^)]*\)")
_SHORT_CHARS = 250
_LONG_CHARS = 1_000_000
_PARAGRAPH_CHARS = 80
_SHELL_CHARS = 100
_ENOUGH_COVERED = 0.75


class HtmlParser:
    """Reads a page as an article in Markdown: headings, lists, code, links and tables are kept.

    trafilatura finds the writing among menus and banners; this package's own Markdown is kept of it, since code must
    not lose a space. Where trafilatura finds little, or runs paragraphs together (both happen on pages laid out with
    tables), the whole page without its navigation is taken instead; so are pages longer than a book.

    The character set is what a byte order mark, the server, or the page itself says, in this order.

    Title: what the source calls it, else the heading that the page's title repeats, else the page's title. Authors are
    taken from the page's metadata alone, since names found in the text are too often something else.
    """

    def parse(self, fetched: Fetched) -> Parsed:
        """Gives the page's writing.

        Raises:
            InputError: the bytes are no page, or there is no writing on it.
            MissingExtraError: the extra "pipelines" is not installed.
        """
        name = name_of(fetched)
        declared = charset_of(fetched) or _declared_charset(fetched.body)
        page = clean_text(decode_text(fetched.body, name=name, declared=declared))
        try:
            tree = _tree(page)
            # What stands in the page's head is read first: finding its text changes the tree.
            title, authors, is_empty_shell = page_title(tree), page_authors(tree), needs_scripts(tree)
            text = _best_markdown(page, tree, _base(fetched))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            # lxml and trafilatura raise all of these on pages that are broken or nested thousands deep.
            raise InputError(f"{name} cannot be read as HTML ({type(error).__name__}): save the page anew") from None
        if not text.strip() or (is_empty_shell and len(text) < _SHELL_CHARS):
            raise InputError(f"{name} holds no text: it may be built by scripts, so save it from a browser")
        return Parsed(
            category=fetched.category or Category.ARTICLES,
            title=fetched.title or title or file_title(fetched),
            text=text,
            authors=authors,
        )


def _declared_charset(body: bytes) -> str | None:
    match = _DECLARED_CHARSET.search(body[:_DECLARATION_BYTES])
    return match.group(1).decode("ascii") if match else None


def _base(fetched: Fetched) -> str:
    return fetched.link if fetched.link.startswith(("http://", "https://")) else ""


def _tree(page: str) -> Any:
    try:
        from lxml import etree, html  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("reading HTML", "pipelines") from None
    try:
        # As bytes, since lxml refuses text that declares an encoding of its own.
        return html.document_fromstring(page.encode("utf-8", "replace"), parser=html.HTMLParser(encoding="utf-8"))
    except etree.LxmlError:
        raise ValueError("not a tree") from None


def _best_markdown(page: str, tree: Any, base: str) -> str:
    blocks = markdown_blocks(tree, base)
    whole = "\n\n".join(blocks)
    if len(whole) > _LONG_CHARS:  # choosing takes 90 times a text's size in memory, and menus are a small part of it
        return whole
    extracted = _extracted_markdown(page)
    if not _is_trustworthy(extracted, whole):
        return whole
    chosen = main_blocks(blocks, extracted)
    return "\n\n".join(chosen) if coverage(chosen, extracted) >= _ENOUGH_COVERED else extracted


def _extracted_markdown(page: str) -> str:
    try:
        import trafilatura
    except ImportError:
        raise MissingExtraError("reading HTML", "pipelines") from None
    # Its warnings quote the page, and no content goes into logs.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    extracted = trafilatura.extract(
        page,
        output_format="markdown",
        include_formatting=True,
        include_links=True,
        include_tables=True,
        include_comments=False,
    )
    parts = _FENCE_OR_LINES.split(extracted or "")
    return "".join(part if part.startswith("```") else _without_source_layout(part) for part in parts)


def _without_source_layout(markdown: str) -> str:
    """Gives the Markdown without the indentation and the blank lines of the page's source."""
    return re.sub(r"\n{3,}", "\n\n", _SOURCE_INDENT.sub(" ", markdown))


def _is_trustworthy(extracted: str, whole: str) -> bool:
    """Says whether the extraction holds at least half of the page's prose, in at least half as many paragraphs.

    One that is much shorter or longer than an article is not looked at.
    """
    if not _SHORT_CHARS <= len(extracted) <= _LONG_CHARS:
        return False
    found, expected = _prose(extracted), _prose(whole)
    return 2 * len(found) >= len(expected) and 2 * sum(map(len, found)) >= sum(map(len, expected))


def _prose(markdown: str) -> list[str]:
    blocks = re.split(r"\n\s*\n", _LINK_TARGET.sub("]", markdown))
    return [block for block in blocks if len(block) >= _PARAGRAPH_CHARS and not block.startswith(("|", "- ", "#", "`"))]
