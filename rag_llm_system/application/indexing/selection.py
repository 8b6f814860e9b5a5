"""What the steps of the feature pipeline hand to one another: references and counts, never texts or vectors."""

from collections import Counter

from pydantic import BaseModel, ConfigDict

from rag_llm_system.domain.documents import Category, DocumentDigest


class DocumentSelection(BaseModel):
    """The documents that a run is about. `author_ids` is None for all authors; `author_full_names` goes by id."""

    model_config = ConfigDict(frozen=True)

    digests: tuple[DocumentDigest, ...]
    author_ids: tuple[str, ...] | None = None
    author_full_names: dict[str, str] = {}

    def n_by_category(self) -> dict[str, int]:
        """Counts the documents of each category."""
        return {category.value: sum(digest.category == category for digest in self.digests) for category in Category}

    def n_by_author(self) -> dict[str, int]:
        """Counts the documents of each author, by full name (by id where nobody knows it), in the order of names."""
        names = (self.author_full_names.get(digest.author_id, digest.author_id) for digest in self.digests)
        return dict(sorted(Counter(names).items()))


class IndexPlan(BaseModel):
    """What has to be done so that the index holds the selected documents as they are now, and no others.

    Args:
        new_or_changed: documents whose windows have to be made.
        n_unchanged: documents that are wholly in the index already.
        gone: documents that stand in the index but no longer in the document store.
        n_changed: how many of `new_or_changed` stand in the index as they were before.
    """

    model_config = ConfigDict(frozen=True)

    new_or_changed: tuple[DocumentDigest, ...]
    n_unchanged: int
    gone: tuple[DocumentDigest, ...] = ()
    n_changed: int = 0

    @property
    def n_new(self) -> int:
        """How many documents the index did not know."""
        return len(self.new_or_changed) - self.n_changed


class CleaningReport(BaseModel):
    """What loading cleaned documents did. `failures` maps "category/document id" to the reason, in a line."""

    model_config = ConfigDict(frozen=True)

    plan: IndexPlan
    n_cleaned: int
    n_chars: int
    failures: dict[str, str]
    seconds: float


class LoadedCounts(BaseModel):
    """How much of a category was loaded."""

    model_config = ConfigDict(frozen=True)

    n_documents: int = 0
    n_chunks: int = 0
    n_windows: int = 0


class IndexingReport(BaseModel):
    """What loading embedded windows did. `seconds` maps each stage to wall seconds; `failures` as in cleaning."""

    model_config = ConfigDict(frozen=True)

    n_documents: int
    n_unchanged: int
    n_gone: int
    n_chunks: int
    n_windows: int
    failures: dict[str, str]
    seconds: dict[str, float]
    totals: dict[str, int]
    """Points by collection after the run."""
    by_category: dict[Category, LoadedCounts] = {}
    n_windows_by_author: dict[str, int] = {}
    """Windows that were loaded of each author, by full name in the order of the alphabet."""
