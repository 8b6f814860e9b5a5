"""Cleaned documents: one text each, free of markup and noise, ready to be cut."""

from pydantic import BaseModel, ConfigDict

from rag_llm_system.domain.documents import Category


class Section(BaseModel):
    """A file of a repository within the cleaned text: characters [start, end) came from `path`."""

    model_config = ConfigDict(frozen=True)

    path: str
    start: int
    end: int


class CleanedDocument(BaseModel):
    """A document's cleaned text with what a citation needs. Spans of chunks and windows count characters of `text`.

    `published_day` is the number of the day of publication (`domain/publication_days.py`), None where it is not known.
    `sections` is empty for articles and posts; for a repository its sections are in order and hold every character
    of `text`.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    category: Category
    title: str
    text: str
    platform: str
    link: str
    author_id: str
    author_full_name: str
    published_day: int | None = None
    sections: tuple[Section, ...] = ()
