"""Where sentences begin and end."""

import re

_ABBREVIATION = re.compile(
    r"""
    \b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|cf|e\.g|i\.e|etc|al|approx|Figs?|Eqs?|Vol|pp|eds?|Inc|Ltd|Co)\.$
  | ^[ \t>]*\d{1,3}\.$                       # the number of a list item
    """,
    re.VERBOSE | re.MULTILINE,
)
_BLOCK_START = r"[^\S\n]*(?:[-*+>|•][ \t]|\#{1,6}[ \t]|\d{1,3}[.)][ \t]|```|~~~|===|---)"
_BOUNDARY = re.compile(
    rf"""
    (?<![.!?…؟۔।॥])[.!?…؟۔।॥]++["'”’»)\]*_`]*+    # a full stop with what closes after it,
      (?:(?:[^\S\n]*\n)+|[^\S\n]+)                # then space, but not the indentation of the next line
  | [。！？]++["'”’」』）*_]*+(?:[^\S\n]*\n)*      # the same where no space follows
  | (?:\n[^\S\n]*)+\n                             # a blank line
  | \n(?={_BLOCK_START})                          # a line that opens a list item, heading, table or fence
    """,
    re.VERBOSE,
)
_BLOCK = re.compile(_BLOCK_START)
_LONGEST_ABBREVIATION = 12


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Gives spans [start, end) that together hold every character; the space after a sentence belongs to it.

    Blank lines, list items and headings end a sentence too. Full stops of common English abbreviations, initials and
    list numbers, and those before a lower-case letter, do not. A line's indentation belongs to what it indents.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _BOUNDARY.finditer(text):
        if match.end() < len(text) and _ends_sentence(text, start, match):
            spans.append((start, match.end()))
            start = match.end()
    if start < len(text):
        spans.append((start, len(text)))
    return spans


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    mark, end = text[match.start()], match.end()
    if mark == "\n" or match.group().count("\n") > 1 or mark in "。！？":
        return True
    if text[end - 1] == "\n" and _BLOCK.match(text, end):
        return True
    if text[end].islower():
        return False
    last = match.start() + 1
    return mark != "." or not _ABBREVIATION.search(text, max(start, last - _LONGEST_ABBREVIATION), last)
