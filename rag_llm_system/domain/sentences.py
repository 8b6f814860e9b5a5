"""Where sentences begin and end."""

import re

_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|cf|e\.g|i\.e|etc|al|approx|Fig|Figs|Eq|No|Nos|Vol|pp|ed|eds|Inc|Ltd|Co)\.)$"
)
_BOUNDARY = re.compile(
    r"""
    [.!?…]+["'”’)\]*_`]*(?=\s)\s+        # a full stop with what closes after it, then space
  | [。！？]+                              # the same where no space follows
  | \n\s*\n\s*                            # a blank line
  | \n(?=[ \t]*(?:[-*+>|]\s|\#{1,6}\s|\d{1,3}[.)]\s|```|===|---))  # a line that opens a list item, heading, table, fence
    """,
    re.VERBOSE,
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Gives spans [start, end) that together hold every character; the space after a sentence belongs to it.

    Blank lines, list items and headings end a sentence too. Full stops of common English abbreviations and initials,
    and those before a lower-case letter, do not.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _BOUNDARY.finditer(text):
        if match.end() > start and match.end() < len(text) and _ends_sentence(text, start, match):
            spans.append((start, match.end()))
            start = match.end()
    if start < len(text):
        spans.append((start, len(text)))
    return spans


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    if text[match.start()] != ".":
        return True
    if "\n\n" in match.group():
        return True
    if text[match.end()].islower():
        return False
    return not _ABBREVIATION.search(text, max(start, match.start() - 12), match.start() + 1)
