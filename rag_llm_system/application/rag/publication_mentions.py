"""When a question wants what it searches to have been published.

A date in a question is very often its topic: "What happened in 1969?", "Which paper won in 2005?". It counts only where
it belongs to a word for what is written here ("articles from 2023"), or to the writing of a known author ("what has X
written since 2022").
"""

import re
from datetime import date
from itertools import islice

from rag_llm_system.application.rag.marked_question import AUTHORS, MARK, Span
from rag_llm_system.application.rag.search_scope import Period
from rag_llm_system.application.rag.written_periods import WrittenPeriod, written_periods

_MAX_PERIODS = 20
_EARLIEST_YEAR = 1995
"""What is older was hardly published where documents come from: it is a topic."""
_MANY = r"(?:(?:blog\s?)?posts|articles|essays|tutorials|newsletters|writings?|documents|repositories|repos)"
_ONE = r"(?:(?:blog\s?)?post|article|essay|tutorial|newsletter|repository|repo)"
_PUBLISHED = r"(?:(?:that|which)\s)?(?:(?:was|were|is|are|(?:has|have)\sbeen)\s)?(?:written|published|posted)"
_WRITES = r"(?:write|written|wrote|publish|published|post|posted|blog|blogged)"
_SAYS = r"(?:said|say|thought|think|(?:argue|discuss|explain|recommend|suggest)(?:e?d)?)"
_COUNTED = re.compile(r"\b(?:how many|number of|how often)\b", re.IGNORECASE)
_POINTS = frozenset(("in", "during", "on"))

_OWNED = ("'s ", "’s ")

_BARE = re.compile(rf"\b{_MANY}\s$", re.IGNORECASE)
_BELONGS = re.compile(
    rf"\b(?:(?:{_MANY}|{_ONE})\s(?:{_PUBLISHED}\s)?(?:by|of|from)\s{AUTHORS}(?:\s{_PUBLISHED})?"
    rf"|{MARK}['’]s?\s(?:\w+\s){{0,2}}(?:{_MANY}|{_ONE})(?:\s(?:about|on)\s.{{1,200}}?)?(?:\s{_PUBLISHED})?"
    rf"|{_MANY}\s(?:(?:about|on)\s.{{1,200}}?\s)?{_PUBLISHED})\s$",
    re.IGNORECASE,
)
_DID = rf"(?:\b(?:did|has|have|had)\s{AUTHORS}\s(?:\w+\s)?|{AUTHORS}\s(?:(?:has|have|had)\s)?)"
_AUTHOR_WROTE = re.compile(rf"{_DID}{_WRITES}\b(?P<about>.*)$", re.IGNORECASE)
_AUTHOR_SAID = re.compile(rf"(?:\b(?:do|does)\s{AUTHORS}\s|{_DID}){_SAYS}\b(?P<about>.*)$", re.IGNORECASE)
_ANYTHING = re.compile(
    r"^(?:what|is\sthere\sanything|is\sthere\ssomething|anything|everything)\s(?:(?:was|is|has\sbeen)\s)?"
    r"(?:written|published|posted)\s(?:about|on)\s.{1,200}\s$",
    re.IGNORECASE,
)
_AS_ADJECTIVE = re.compile(rf"^(?:['’]s)?\s{_MANY}\b", re.IGNORECASE)
_ENDS = re.compile(r"\W*$")
_WORD_BEFORE = re.compile(rf"(?:{_PUBLISHED}|\b(?:dated|the))\s$", re.IGNORECASE)


def named_period(marked: str, today: date) -> tuple[Period | None, list[Span]]:
    """Gives the days in which what is asked about was published, and the words that say so; None where none do.

    Args:
        marked: see `marked_question`.
        today: what "last year" is reckoned from; nothing is published later.
    """
    if _COUNTED.search(marked):
        return None, []
    for written in islice(written_periods(marked, today), _MAX_PERIODS):
        before, after = marked[: written.start], marked[written.end :]
        if is_likely(written.period, today) and _is_of_writing(before, written, after):
            word_before = _WORD_BEFORE.search(before)
            end = written.end + 2 * after.startswith(_OWNED)
            return written.period, [(word_before.start() if word_before else written.start, end)]
    return None, []


def is_likely(period: Period, today: date) -> bool:
    """Says whether something may have been published here within the period."""
    earliest = period.first or period.last or today
    return earliest.year >= _EARLIEST_YEAR and (period.first is None or period.first <= today)


def _is_of_writing(before: str, written: WrittenPeriod, after: str) -> bool:
    """Says whether the words around a span of time speak of writing."""
    is_point, is_last = written.opening in _POINTS, bool(_ENDS.match(after))
    if written.opening.isdigit() or after.startswith(_OWNED):
        return bool(_AS_ADJECTIVE.match(after))
    if _BELONGS.search(before) or (not is_point and _BARE.search(before)):
        return True
    if not is_point and is_last and _ANYTHING.match(before):
        return True
    around = before if before.strip() else after
    wrote, said = _AUTHOR_WROTE.search(around), _AUTHOR_SAID.search(around)
    if wrote:
        return is_last or not before.strip() or not wrote["about"].strip()
    # What somebody said about a thing "in 2016" may well be about that year.
    return bool(said) and (is_last or not before.strip()) and not is_point
