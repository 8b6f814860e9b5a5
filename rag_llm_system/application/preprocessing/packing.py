"""Joining small spans of a text to larger ones that are about equally full, and cutting one into equal parts."""

import math
import re
from collections.abc import Callable, Iterator, Sequence

from rag_llm_system.application.preprocessing.tokens import TokenizedText

Span = tuple[int, int]
_LINE = re.compile(r"[^\n]*\n(?:[^\S\n]*\n)*|[^\n]+$")


def balanced_borders(sizes: Sequence[int], costs: Sequence[float], limit: int, minimum: int = 0) -> list[int]:
    """Gives 0, then after how many units each group ends, so that every unit is in one group.

    Of all ways to fill groups up to the limit, the one whose squared shares of empty space and costs of ends have the
    least sum, found as Knuth and Plass break paragraphs into lines (1981). A unit over the limit is a group of its own.

    Args:
        sizes: of each unit.
        costs: of ending a group with each unit; an empty group costs 1.
        limit: the most that a group may hold.
        minimum: a group below it costs 1 more.
    """
    best = [0.0]
    previous = [0]
    for end in range(1, len(sizes) + 1):
        filled, lowest, at = 0, float("inf"), end - 1
        for start in range(end - 1, -1, -1):
            filled += sizes[start]
            if filled > limit and start < end - 1:
                break
            cost = best[start] + (1 - filled / limit) ** 2 + (filled < minimum)
            if cost < lowest:
                lowest, at = cost, start
        best.append(lowest + costs[end - 1])
        previous.append(at)
    borders = [len(sizes)]
    while borders[-1] > 0:
        borders.append(previous[borders[-1]])
    return borders[::-1]


def visible_spans(cut: Callable[[str], list[Span]], text: str, start: int, end: int) -> list[Span]:
    """Gives the spans that `cut` finds within [start, end), blank ones joined to what is before, or else after."""
    joined: list[Span] = []
    for first, last in cut(text[start:end]):
        span = (start + first, start + last)
        if joined and (not text[slice(*span)].strip() or not text[slice(*joined[-1])].strip()):
            joined[-1] = (joined[-1][0], span[1])
        else:
            joined.append(span)
    return joined


def line_spans(text: str) -> list[Span]:
    """Gives spans that tile the text: its lines, each with the blank ones after it."""
    return [match.span() for match in _LINE.finditer(text)]


def equal_parts(tokens: TokenizedText, start: int, end: int, limit: int) -> Iterator[Span]:
    """Gives about equal parts of a span, of up to `limit` tokens, cut before words where there are any near."""
    starts = tokens.starts_between(start, end)
    first = 0
    while len(starts) - first > limit:
        left = len(starts) - first
        target = first + math.ceil(left / math.ceil(left / limit))
        near = range(target, max(first, target - limit // 3), -1)
        at = next((number for number in near if tokens.text[starts[number] - 1].isspace()), target)
        if starts[at] > start and not tokens.text[start : starts[at]].isspace():
            yield start, starts[at]
            start = starts[at]
        first = at
    yield start, end
