"""Raw documents: what a crawler or an import brought, before anything is taken away from it."""

import hashlib
import uuid
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

_NAMESPACE = uuid.UUID("0e8e2a3c-5b0b-5a57-8f7e-4a8f6f2b9d11")


class Category(StrEnum):
    """The kinds of documents; the value is the name of the collection in the document store."""

    ARTICLES = "articles"
    POSTS = "posts"
    REPOSITORIES = "repositories"


class ArticleContent(BaseModel):
    """An article's own words. `text` may be Markdown or HTML; cleaning comes later."""

    model_config = ConfigDict(frozen=True)

    title: str | None = None
    subtitle: str | None = None
    text: str
    language: str | None = None


class _RawDocument(BaseModel):
    """What every raw document has."""

    model_config = ConfigDict(frozen=True)

    id: str
    platform: str
    link: str
    author_id: str
    author_full_name: str
    contributors: tuple[str, ...] = ()
    metadata: dict[str, Any] = Field(default_factory=dict)

    def content_hash(self) -> str:
        """Gives the SHA-256 (hex) over everything but the id: equal hashes mean nothing has to be done again."""
        return hashlib.sha256(self.model_dump_json(exclude={"id"}).encode()).hexdigest()


class ArticleDocument(_RawDocument):
    """An article: a page, a blog post, a local text file."""

    category: ClassVar[Category] = Category.ARTICLES
    content: ArticleContent


class PostDocument(_RawDocument):
    """A short post on a social platform."""

    category: ClassVar[Category] = Category.POSTS
    content: str
    image: str | None = None


class RepositoryDocument(_RawDocument):
    """A code repository: `content` maps each file's path to its text."""

    category: ClassVar[Category] = Category.REPOSITORIES
    name: str
    content: dict[str, str]


Document = ArticleDocument | PostDocument | RepositoryDocument

DOCUMENT_TYPES: dict[Category, type[ArticleDocument] | type[PostDocument] | type[RepositoryDocument]] = {
    document_type.category: document_type for document_type in (ArticleDocument, PostDocument, RepositoryDocument)
}


def document_id(category: Category, link: str) -> str:
    """Gives the UUIDv5 (RFC 9562) of a document that is known by its link."""
    return str(uuid.uuid5(_NAMESPACE, f"{category}\n{link}"))


class DocumentDigest(BaseModel):
    """What has to be known of a stored document to see whether it is new, changed or gone.

    Args:
        id: of the document.
        category: of the document.
        author_id: of its author.
        content_hash: changes with anything but the id.
        link: of the document; "" where it has none.
        saved_at: when it was first stored here or last changed here: ISO 8601, UTC, whole seconds, so that the order of
            the texts is that of the times. Storing the same again does not change it. "": not known.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    category: Category
    author_id: str
    content_hash: str
    link: str = ""
    saved_at: str = ""
