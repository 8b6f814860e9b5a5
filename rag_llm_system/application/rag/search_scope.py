"""What a question asks to search in: whose writing, of which kind, published when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.index_points import PointFilter
from rag_llm_system.domain.publication_days import PUBLISHED_DAY, day_number


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` to `last`, both of them counted. None leaves an end open."""

    first: date | None = None
    last: date | None = None

    def __str__(self) -> str:
        if self.first is None:
            return f"until {self.last}"
        return f"since {self.first}" if self.last is None else f"from {self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class SearchScope:
    """Where to search. A condition that is not given leaves everything in.

    A document whose day of publication is not known is in no period.
    """

    search_text: str
    """The question without the words that became conditions; never blank unless the question is."""
    author_ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    period: Period | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_narrow(self) -> bool:
        """Whether anything is left out."""
        return bool(self.author_ids or self.categories or self.period)

    @property
    def where(self) -> PointFilter:
        """The filter that the windows have to pass, within the collections of `categories`."""
        authors = {"author_id": self.author_ids} if self.author_ids else {}
        if self.period is None:
            return PointFilter(any_of=authors)
        first, last = self.period.first or date.min, self.period.last or date.max
        return PointFilter(any_of=authors, within={PUBLISHED_DAY: (day_number(first), day_number(last))})

    def limited_to(self, categories: Sequence[Category]) -> "SearchScope":
        """Gives the scope among these categories: what the caller chose counts more than what the question says."""
        both = tuple(category for category in categories if category in self.categories)
        return replace(self, categories=both if len(both) < len(categories) else ())

    def wider(self) -> "SearchScope":
        """Gives the scope with a condition less: the period goes first, then the categories, then the authors."""
        if self.period:
            return replace(self, period=None)
        return replace(self, categories=()) if self.categories else replace(self, author_ids=(), names=())

    def notes_on(self, searched: "SearchScope") -> tuple[str, ...]:
        """Gives what the reader should know where this scope was asked for and `searched` had something."""
        if not self.is_narrow:
            return ()
        if searched == self:
            return (f"Searched only what is {self._conditions()}.",)
        everything = "all authors" if self == replace(self, categories=(), period=None) else "everything"
        instead = f"what is {searched._conditions()}" if searched.is_narrow else everything
        return (f"Nothing {self._conditions()} is in the index; searched {instead} instead.",)

    def _conditions(self) -> str:
        conditions = [
            f"by {' or '.join(self.names)}" if self.names else "",
            f"among the {' and '.join(self.categories)}" if self.categories else "",
            f"known to be published {self.period}" if self.period else "",
        ]
        return ", ".join(condition for condition in conditions if condition)


class ScopeFinder(Protocol):
    """Stage 1: finds out where a question asks to search. Writes nothing, and never fails for what a question says."""

    def __call__(self, question: str) -> SearchScope:
        """Gives the scope; that of a question which names nothing of the kind has no conditions."""


class Phraser(Protocol):
    """Stage 2: phrases a question anew."""

    def __call__(self, question: str) -> list[str]:
        """Gives the question, then other phrasings of it, without repeats; a simple question alone."""
