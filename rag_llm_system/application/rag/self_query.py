"""Stage 1, self-query by rule: where does the question ask to search?

It says nothing of the kind most of the time, and is then passed on as it is. See `author_mentions`,
`category_mentions` and `publication_mentions` for what counts.
"""

from collections.abc import Callable, Sequence
from datetime import date

from rag_llm_system.application.rag.author_mentions import NamedAuthors, named_authors
from rag_llm_system.application.rag.author_names import KnownAuthors, Word, words_of
from rag_llm_system.application.rag.category_mentions import named_categories
from rag_llm_system.application.rag.marked_question import Span, marked_question, single_spaced, without
from rag_llm_system.application.rag.publication_mentions import named_period
from rag_llm_system.application.rag.search_scope import SearchScope
from rag_llm_system.domain.users import UserDocument

_Users = Callable[[], Sequence[UserDocument]]


class SelfQuery:
    """A `ScopeFinder` by rule: authors, categories and days of publication. Reads the known authors, never adds one.

    Args:
        users: gives the known authors; asked at every question, so that new ones are found.
        today: gives the day that "last year" is reckoned from.
    """

    def __init__(self, users: _Users, *, today: Callable[[], date] = date.today) -> None:
        self._authors = KnownAuthors(users)
        self._today = today

    def __call__(self, question: str) -> SearchScope:
        """Gives the scope, with a note where an author is named whom nobody knows, or by a name that several have."""
        asked = single_spaced(question)
        words = words_of(asked)
        authors = named_authors(words, self._authors.names())
        marked = marked_question(asked, words, authors.spans)
        categories, of_categories = named_categories(marked)
        period, of_period = named_period(marked, self._today())
        if not (authors.author_ids or categories or period):
            return SearchScope(question, notes=authors.notes)
        return SearchScope(
            without(asked, words, [*_spans(words, authors), *of_categories, *of_period]),
            author_ids=authors.author_ids,
            names=authors.names,
            categories=categories,
            period=period,
            notes=authors.notes,
        )


def _spans(words: Sequence[Word], authors: NamedAuthors) -> list[Span]:
    """Gives where the names stand, and the words that only say whose something is."""
    names = [(words[first].start, words[last].end) for first, last in authors.spans]
    return names + [(words[place].start, words[place].end) for place in sorted(authors.cue_places)]
