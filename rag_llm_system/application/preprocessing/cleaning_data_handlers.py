"""From raw documents to cleaned ones: one handler a category. No language model, no network."""

import re
from pathlib import PurePosixPath
from typing import ClassVar

from rag_llm_system.application.preprocessing.markup_operations import first_heading, words_of_markup
from rag_llm_system.application.preprocessing.text_operations import (
    as_plain_text,
    collapse_spaces,
    drop_see_more,
    mend_characters,
    plain_letters,
    shorten,
    trim_blank_lines,
    words_of_hashtags,
)
from rag_llm_system.domain.cleaned_documents import CleanedDocument, Section
from rag_llm_system.domain.documents import ArticleDocument, Category, Document, PostDocument, RepositoryDocument
from rag_llm_system.domain.publication_days import published_day

CLEANING_VERSION = 2
"""Counts up whenever a handler would clean a document differently: indexes made before are then out of date."""

_MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdx", ".mkd"})
_TITLE_CHARS = 200
_POST_TITLE_CHARS = 80
_NO_SUBTITLE = frozenset({"", "none", "null"})


class ArticleCleaningHandler:
    """Cleans articles: Markdown, HTML or plain text becomes paragraphs, lists, headings and code, without markup noise.

    A subtitle that the text does not hold comes before it. A missing title is the first heading, or else the first
    line, or else the link.
    """

    category: ClassVar[Category] = Category.ARTICLES

    def clean(self, document: ArticleDocument) -> CleanedDocument:
        """Gives the cleaned article; its text is "" where the document holds no words."""
        text = words_of_markup(document.content.text)
        subtitle = words_of_markup(document.content.subtitle or "")
        if subtitle.casefold() not in _NO_SUBTITLE and subtitle not in text:
            text = f"{subtitle}\n\n{text}".rstrip()
        title = _title(document.content.title or "") or _title(first_heading(text)) or _title(_first_line(text))
        return _cleaned(document, title or document.link, text)


class PostCleaningHandler:
    """Cleans posts: letters styled by code point become plain, hashtags become words, lines stay.

    Emojis stay: they are the author's words, and a quote must match the text to the character.
    """

    category: ClassVar[Category] = Category.POSTS

    def clean(self, document: PostDocument) -> CleanedDocument:
        """Gives the cleaned post; its title is the first line, shortened."""
        text = words_of_hashtags(plain_letters(words_of_markup(drop_see_more(document.content))))
        lines = (line.strip() for line in text.split("\n"))
        text = trim_blank_lines(collapse_spaces("\n".join(lines)))
        title = shorten(_first_line(text), _POST_TITLE_CHARS)
        return _cleaned(document, title or f"{document.author_full_name} on {document.platform}", text)


class RepositoryCleaningHandler:
    """Cleans repositories: Markdown files like articles, all others to the character but for line ends.

    Files come in the order of their paths and end with a line end; blank ones are left out.
    """

    category: ClassVar[Category] = Category.REPOSITORIES

    def clean(self, document: RepositoryDocument) -> CleanedDocument:
        """Gives one text of all files; its sections hold every character of it."""
        texts: list[str] = []
        sections: list[Section] = []
        end = 0
        for path in sorted(document.content):
            text = _clean_file(path, document.content[path])
            if text.strip():
                text = text if text.endswith("\n") else text + "\n"
                sections.append(Section(path=as_plain_text(path), start=end, end=end + len(text)))
                texts.append(text)
                end += len(text)
        return _cleaned(document, _title(document.name) or document.link, "".join(texts), tuple(sections))


def _clean_file(path: str, text: str) -> str:
    if PurePosixPath(path).suffix.lower() in _MARKDOWN_SUFFIXES:
        return words_of_markup(text)
    return as_plain_text(text).removeprefix("\ufeff")


def _cleaned(document: Document, title: str, text: str, sections: tuple[Section, ...] = ()) -> CleanedDocument:
    return CleanedDocument(
        id=document.id,
        category=document.category,
        title=title,
        text=text,
        platform=document.platform,
        link=document.link,
        author_id=document.author_id,
        author_full_name=document.author_full_name,
        published_day=published_day(document.metadata.get("published")),
        sections=sections,
    )


def _title(markup: str) -> str:
    return shorten(mend_characters(words_of_markup(markup.strip())), _TITLE_CHARS)


def _first_line(text: str) -> str:
    match = re.search(r"^.*\w.*$", text, re.MULTILINE)
    return re.sub(r"^[\s>#*_`|-]+|[\s*_`|]+$|\*\*|__", "", match.group()) if match else ""
