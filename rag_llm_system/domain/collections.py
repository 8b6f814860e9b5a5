"""The collections of the vector store and what each holds."""

from dataclasses import dataclass

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.publication_days import PUBLISHED_DAY


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """A collection's name, whether its points carry a vector and a keyword text, and which fields filters may use.

    `filter_fields` hold texts and are filtered by value, `range_fields` hold whole numbers and are filtered by range.
    """

    name: str
    searchable: bool
    filter_fields: tuple[str, ...]
    range_fields: tuple[str, ...] = ()


CLEANED_COLLECTIONS = {category: f"cleaned_{category}" for category in Category}
CHUNK_COLLECTIONS = {
    Category.ARTICLES: "article_chunks_embedded",
    Category.POSTS: "post_chunks_embedded",
    Category.REPOSITORIES: "repository_chunks_embedded",
}
LEDGER_COLLECTION = "index_ledger"
"""One point a document, written after its windows: what stands here is wholly in the index."""

COLLECTIONS = {
    spec.name: spec
    for spec in (
        *(CollectionSpec(name, False, ("author_id",)) for name in CLEANED_COLLECTIONS.values()),
        *(
            CollectionSpec(name, True, ("author_id", "document_id"), (PUBLISHED_DAY,))
            for name in CHUNK_COLLECTIONS.values()
        ),
        CollectionSpec(LEDGER_COLLECTION, False, ("author_id",)),
    )
}
