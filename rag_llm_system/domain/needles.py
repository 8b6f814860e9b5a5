"""Ids, links and names that are looked for in what was written down about runs."""

import html
import json
import re
from collections.abc import Iterable

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Needles:
    """Words that are found in a text as they are, and as JSON, JSON within JSON and HTML write them.

    A word that is a part of a longer one is not found. Of ids many can be looked for at once; each link and name takes
    a pass of its own.
    """

    def __init__(self, words: Iterable[str]) -> None:
        given = {word for word in words if word}
        self._ids = {word for word in given if _UUID.fullmatch(word)}
        self._spellings = sorted({spelling for word in given - self._ids for spelling in _spellings(word)})

    def stand_in(self, content: str | bytes) -> bool:
        """Says whether any of the words stands in it."""
        text = content if isinstance(content, str) else content.decode(errors="replace")
        if not self._ids.isdisjoint(_UUID.findall(text)):
            return True
        return any(_stands_alone(spelling, text) for spelling in self._spellings)


def _stands_alone(word: str, text: str) -> bool:
    """Says whether the word stands in the text with no letter or digit beside it."""
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        is_escape = start > 1 and text[start - 2] == "\\"  # the n of \n is no letter before it
        is_glued_before = word[0].isalnum() and start > 0 and text[start - 1].isalnum() and not is_escape
        is_glued_after = word[-1].isalnum() and end < len(text) and text[end].isalnum()
        if not (is_glued_before or is_glued_after):
            return True
        start = text.find(word, start + 1)
    return False


def _spellings(word: str) -> set[str]:
    escaped = json.dumps(word)[1:-1]
    plainly = json.dumps(word, ensure_ascii=False)[1:-1]
    return {word, escaped, plainly, json.dumps(escaped)[1:-1], json.dumps(plainly)[1:-1], html.escape(word)}
