"""What the steps of the feature pipeline hand to one another: references and counts, never texts or vectors."""

from pydantic import BaseModel, ConfigDict

from rag_llm_system.domain.documents import Category, DocumentDigest


class DocumentSelection(BaseModel):
    """The documents that a run is about. `author_ids` is None for all authors."""

    model_config = ConfigDict(frozen=True)

    digests: tuple[DocumentDigest, ...]
    author_ids: tuple[str, ...] | None = None

    def n_by_category(self) -> dict[str, int]:
        """Counts the documents of each category."""
        return {category.value: sum(digest.category == category for digest in self.digests) for category in Category}


class IndexPlan(BaseModel):
    """What has to be done so that the index holds the selected documents as they are now, and no others.

    Args:
        new_or_changed: documents whose windows have to be made.
        n_unchanged: documents that are wholly in the index already.
        gone: documents that stand in the index but no longer in the document store.
    """

    model_config = ConfigDict(frozen=True)

    new_or_changed: tuple[DocumentDigest, ...]
    n_unchanged: int
    gone: tuple[DocumentDigest, ...] = ()


class CleaningReport(BaseModel):
    """What loading cleaned documents did. `failures` maps "category/document id" to the reason, in a line."""

    model_config = ConfigDict(frozen=True)

    plan: IndexPlan
    n_cleaned: int
    n_chars: int
    failures: dict[str, str]
    seconds: float


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
