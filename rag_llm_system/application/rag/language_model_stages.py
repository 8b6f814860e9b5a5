"""The stages before the search with a language model in them.

Each asks the model only where its rules say that there may be something to find, believes it only as far as that can be
checked, and goes by the rules alone where the model fails: a search never waits longer than `timeout_s` for it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from loguru import logger

from rag_llm_system.application.rag.author_mentions import may_name_an_author
from rag_llm_system.application.rag.author_names import AuthorNames, FoundName, KnownAuthors, words_of
from rag_llm_system.application.rag.category_mentions import may_name_a_category
from rag_llm_system.application.rag.follow_ups import (
    FollowUpRewriter,
    StandaloneQuestion,
    may_follow_up,
    understood_as,
)
from rag_llm_system.application.rag.marked_question import single_spaced
from rag_llm_system.application.rag.publication_mentions import is_likely
from rag_llm_system.application.rag.query_expansion import is_simple
from rag_llm_system.application.rag.search_scope import Period, Phraser, ScopeFinder, SearchScope
from rag_llm_system.application.rag.written_periods import written_periods
from rag_llm_system.domain.conversations import Turn
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import BackendError, RagError
from rag_llm_system.domain.ports.language_model import ChatMessage, LanguageModel
from rag_llm_system.domain.users import UserDocument

_MAX_ASKED_CHARS = 2000
_SCOPE = """\
You read a question to a collection of articles, posts and repositories, and say what it restricts the search to.
- authors: people or organisations whose writing is asked for, copied letter by letter from the question. Not those \
that the question is about.
- categories: only where the question asks to look into that kind of document.
- published_from, published_until: only where the question says when the documents were written or published, as \
YYYY-MM-DD. A date that the question is about is none. Today is {today}.
Leave a list empty and a text "" where the question does not say it: most questions restrict nothing.\
"""
_PHRASINGS = """\
You phrase a search query anew. Give {n} other phrasings of the user's question that mean the same in other words, as \
the text that answers it might have it. Add no facts, and do not answer it.\
"""
_STANDALONE = """\
You are given a conversation and a follow-up question. Write the follow-up so that it can be understood without the \
conversation, in its own language: put in what its pronouns stand for and what it leaves out, and nothing else. Do not \
answer it. A question that can be understood by itself you repeat as it is.\
"""


class LanguageModelSelfQuery:
    """A `ScopeFinder` that asks a language model. Reads the known authors, never adds one.

    Only known authors count, whose names stand in the question, and only categories and a period where the question
    has words for such.

    Args:
        language_model: is asked where a name, a kind of document or a time stands in the question.
        users: gives the known authors.
        rules: answers where the model is not asked or fails.
        today: gives the day that "last year" is reckoned from.
        timeout_s: how long the model may take.
    """

    def __init__(
        self,
        language_model: LanguageModel,
        users: Callable[[], Sequence[UserDocument]],
        rules: ScopeFinder,
        *,
        today: Callable[[], date] = date.today,
        timeout_s: float = 3.0,
    ) -> None:
        self._model = language_model
        self._authors = KnownAuthors(users)
        self._rules = rules
        self._today = today
        self._timeout_s = timeout_s

    def __call__(self, question: str) -> SearchScope:
        """Gives the scope; where the model fails that of the rules, with a note."""
        by_rule = self._rules(question)
        asked, names, today = single_spaced(question), self._authors.names(), self._today()
        has_time = next(written_periods(asked, today), None) is not None
        may_restrict = may_name_an_author(words_of(asked), names) or may_name_a_category(asked) or has_time
        if not may_restrict or len(asked) > _MAX_ASKED_CHARS:
            return by_rule
        try:
            said = _ask(self._model, _SCOPE.format(today=today), asked, _SCOPE_SCHEMA, 200, self._timeout_s)
        except RagError as error:
            logger.info("self_query_by_rule reason={}", type(error).__name__)
            note = f"{error.message} Where to search was found by rule instead."
            return replace(by_rule, notes=(*by_rule.notes, note))
        return _scope_said(said, question, names, by_rule, today if has_time else None)


class LanguageModelExpansion:
    """A `Phraser` that asks a language model for other phrasings.

    Args:
        language_model: is asked for each question that is not simple.
        rules: gives the phrasings where the model fails.
        n_phrasings: the most phrasings, the question itself counted; 1 switches expansion off.
        timeout_s: how long the model may take.
    """

    def __init__(
        self, language_model: LanguageModel, rules: Phraser, *, n_phrasings: int = 3, timeout_s: float = 3.0
    ) -> None:
        self._model = language_model
        self._rules = rules
        self._n_phrasings = n_phrasings
        self._timeout_s = timeout_s

    def __call__(self, question: str) -> list[str]:
        """Gives the question and what the model makes of it; a simple question alone."""
        n_more = self._n_phrasings - 1
        if n_more < 1 or is_simple(question) or len(question) > _MAX_ASKED_CHARS:
            return [question]
        schema = _object(
            phrasings={"type": "array", "items": {"type": "string"}, "minItems": n_more, "maxItems": n_more}
        )
        max_tokens = 50 + n_more * (50 + len(question) // 2)
        try:
            said = _ask(self._model, _PHRASINGS.format(n=n_more), question, schema, max_tokens, self._timeout_s)
        except RagError as error:
            logger.info("expansion_by_rule reason={}", type(error).__name__)
            return self._rules(question)
        phrasings = {question.casefold(): question}
        for phrasing in said["phrasings"]:
            text = single_spaced(phrasing)
            if text and len(text) <= 2 * len(question) + 100:
                phrasings.setdefault(text.casefold(), text)
        return list(phrasings.values())[: self._n_phrasings]


class LanguageModelFollowUps:
    """A `FollowUpRewriter` that asks a language model.

    Args:
        language_model: is asked where a question may leave something out.
        rules: rewrites where the model fails.
        max_turns: how many of the last turns the model is shown.
        timeout_s: how long the model may take.
    """

    def __init__(
        self, language_model: LanguageModel, rules: FollowUpRewriter, *, max_turns: int = 5, timeout_s: float = 3.0
    ) -> None:
        self._model = language_model
        self._rules = rules
        self._max_turns = max_turns
        self._timeout_s = timeout_s

    def __call__(self, history: Sequence[Turn], question: str) -> StandaloneQuestion:
        """Gives the question as the model words it; where that fails as the rules do, with a note."""
        turns = history[-self._max_turns :] if self._max_turns else []
        if not turns or not may_follow_up(question) or len(question) > _MAX_ASKED_CHARS:
            return StandaloneQuestion(question)
        told = "\n".join(f"Question: {turn.question[:500]}\nAnswer: {turn.answer[:500]}" for turn in turns)
        schema = _object(question={"type": "string"})
        try:
            said = _ask(
                self._model,
                _STANDALONE,
                f"{told}\n\nFollow-up: {question}",
                schema,
                50 + len(question),
                self._timeout_s,
            )
        except RagError as error:
            logger.info("follow_up_by_rule reason={}", type(error).__name__)
            by_rule = self._rules(history, question)
            note = f"{error.message} What the question leaves out was found by rule instead."
            return StandaloneQuestion(by_rule.text, (*by_rule.notes, note))
        text = single_spaced(said["question"])
        if not text or len(text) > len(question) + 500:
            return self._rules(history, question)
        return StandaloneQuestion(question) if text == single_spaced(question) else understood_as(text)


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_SCOPE_SCHEMA = _object(
    authors={"type": "array", "items": {"type": "string"}},
    categories={"type": "array", "items": {"type": "string", "enum": [str(category) for category in Category]}},
    published_from={"type": "string"},
    published_until={"type": "string"},
)


def _ask(
    model: LanguageModel, system: str, user: str, schema: Mapping[str, Any], max_new_tokens: int, timeout_s: float
) -> dict[str, Any]:
    """Gives the object that the model answers with.

    Raises:
        RagError: the model failed.
    """
    messages = [ChatMessage("system", system), ChatMessage("user", user)]
    text = model.complete(messages, max_new_tokens=max_new_tokens, timeout_s=timeout_s, json_schema=schema)
    try:
        said = json.loads(text)
        if not all(_is_of(said[name], kind["type"]) for name, kind in schema["properties"].items()):
            raise TypeError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BackendError("The language model did not answer in the form it was asked for.") from None
    return dict(said)


def _is_of(value: object, kind: str) -> bool:
    if kind == "array":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, str)


def _scope_said(
    said: Mapping[str, Any], question: str, names: AuthorNames, by_rule: SearchScope, today: date | None
) -> SearchScope:
    """Gives what of the model's answer can be checked; the question loses no words unless the rules say the same."""
    found = [name for name in (_known(written, question, names) for written in said["authors"]) if name]
    scope = SearchScope(
        question,
        author_ids=tuple(sorted({author_id for name in found for author_id in name.author_ids})),
        names=tuple(sorted({full_name for name in found for full_name in name.full_names})),
        categories=tuple(one for one in Category if one in said["categories"]) if may_name_a_category(question) else (),
        period=_period_said(said, today) if today else None,
        notes=() if found else by_rule.notes,
    )
    is_as_by_rule = (scope.author_ids, scope.categories, scope.period) == (
        by_rule.author_ids,
        by_rule.categories,
        by_rule.period,
    )
    return by_rule if is_as_by_rule else scope


def _known(written: str, question: str, names: AuthorNames) -> FoundName | None:
    """Gives the one author whom these words of the question name."""
    words = [word.folded for word in words_of(single_spaced(written))]
    of_question = [word.folded for word in words_of(question)]
    stands_there = any(of_question[at : at + len(words)] == words for at in range(len(of_question)))
    found = names.find(words) if words and stands_there else None
    return found if found and len(found.full_names) == 1 else None


def _period_said(said: Mapping[str, Any], today: date) -> Period | None:
    first, last = _day(said["published_from"]), _day(said["published_until"])
    if (first is None and last is None) or (first and last and first > last):
        return None
    period = Period(first, last)
    return period if is_likely(period, today) else None


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written.strip())
    except ValueError:
        return None
