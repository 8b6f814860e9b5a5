"""What the steps of the feature pipeline hand to one another: counts. What is to be done stands in the ledger."""

from pydantic import BaseModel, ConfigDict

from rag_llm_system.domain.documents import Category


class DocumentSelection(BaseModel):
    """Whose documents a run is about, and how many there are.

    Args:
        author_ids: of the authors; None: all documents.
        n_by_category: documents of each category.
        n_by_author: documents of each author, by full name (by id where nobody knows it), in the order of names.
    """

    model_config = ConfigDict(frozen=True)

    author_ids: tuple[str, ...] | None = None
    n_by_category: dict[str, int] = {}
    n_by_author: dict[str, int] = {}

    @property
    def n_documents(self) -> int:
        """How many documents there are."""
        return sum(self.n_by_category.values())


class IndexPlan(BaseModel):
    """What has to be done so that the index holds the selected documents as they are now, and no others.

    Args:
        n_new: documents that the index does not know, or that an earlier run left unfinished.
        n_changed: documents that stand in the index as they were before.
        n_unchanged: documents that are wholly in the index already.
        n_gone: documents that stand in the index but no longer in the document store.
    """

    model_config = ConfigDict(frozen=True)

    n_new: int = 0
    n_changed: int = 0
    n_unchanged: int = 0
    n_gone: int = 0


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
    """What loading embedded windows did. `seconds` maps each stage to wall seconds; `failures` as in cleaning.

    Of the windows, `n_embedded` were embedded; the vectors of `n_reused` were known already.
    """

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
    n_embedded: int = 0
    n_reused: int = 0
    generation: int | None = None
    """The generation that was published; None: nothing had changed."""
