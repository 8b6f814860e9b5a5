"""What is counted while windows are loaded, and how far the run is."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from rag_llm_system.application.indexing.selection import LoadedCounts
from rag_llm_system.application.stopwatch import Stopwatch
from rag_llm_system.domain.chunks import Window
from rag_llm_system.domain.documents import Category

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is: while cleaning in documents, while embedding in characters, since
those are what takes the time."""
Failures = dict[str, str]
"""From "category/document id" to the reason, in a line."""


class Tally:
    """Counts what was loaded, by category and by author."""

    def __init__(self) -> None:
        self.by_category = {category: LoadedCounts() for category in Category}
        self.n_windows_by_author: Counter[str] = Counter()

    @property
    def total(self) -> LoadedCounts:
        return _sum(self.by_category.values())

    def add(self, category: Category, windows: Sequence[Window]) -> None:
        """Counts a document with its windows."""
        n_chunks = len({window.chunk.id for window in windows})
        counts = LoadedCounts(n_documents=1, n_chunks=n_chunks, n_windows=len(windows))
        self.by_category[category] = _sum([self.by_category[category], counts])
        self.n_windows_by_author.update(window.chunk.document.author_full_name for window in windows)


@dataclass(slots=True)
class LoadingRun:
    """What is known of a run while it loads windows."""

    stopwatch: Stopwatch
    tally: Tally
    on_progress: Progress | None
    n_chars: int
    n_chars_cut: int = 0
    failures: Failures = field(default_factory=dict)

    def tell(self, n_chars_done: int) -> None:
        """Says how far the run is."""
        if self.on_progress:
            self.on_progress(min(n_chars_done, self.n_chars), self.n_chars)


def _sum(counts: Iterable[LoadedCounts]) -> LoadedCounts:
    some = list(counts)
    return LoadedCounts(
        n_documents=sum(count.n_documents for count in some),
        n_chunks=sum(count.n_chunks for count in some),
        n_windows=sum(count.n_windows for count in some),
    )
