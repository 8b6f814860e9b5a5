"""A question in which the names of known authors are marked, so that patterns can speak of "an author"."""

import re
from collections.abc import Iterable, Sequence

from rag_llm_system.application.rag.author_names import Word

_SPACE_BEFORE_MARK = re.compile(r"\s(?=[,;:.?!](?:\s|$))")
MARK = "\x00"
AUTHORS = rf"{MARK}+(?:(?:,|,?\sand|,?\sor)\s{MARK}+){{0,9}}"
"""A pattern for one author or several: "X", "X and Y", "X, Y or Z"."""

Span = tuple[int, int]
"""Characters [start, end) of a question."""


def single_spaced(question: str) -> str:
    """Gives the question with single spaces in it and none at its ends; a character that is the mark becomes one."""
    return " ".join(question.replace(MARK, " ").split())


def marked_question(question: str, words: Sequence[Word], names: Iterable[tuple[int, int]]) -> str:
    """Gives the question with a mark in the place of each character of the names; what is possessive stays.

    Args:
        question: single-spaced.
        words: its words.
        names: first and last word of each name.
    """
    for first, last in names:
        start, end = words[first].start, words[last].start + len(words[last].raw)
        question = question[:start] + MARK * (end - start) + question[end:]
    return question


def without(question: str, words: Sequence[Word], spans: Iterable[Span]) -> str:
    """Gives the question without these spans; whole where too little would be left to search for."""
    cuts = sorted(spans)
    if not any(word.is_content and not any(s < word.end and word.start < e for s, e in cuts) for word in words):
        return question
    pieces, at = [], 0
    for start, end in cuts:
        pieces.append(question[at : max(at, start)])
        at = max(at, end)
    left = " ".join("".join([*pieces, question[at:]]).split()).strip(" ,;:")
    return _SPACE_BEFORE_MARK.sub("", left)
