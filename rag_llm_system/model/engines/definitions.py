"""How clearly a sentence says what a thing is."""

import re
from collections.abc import Iterable

_MARKUP = re.compile(r"[*_`\"“”]+|\\(?=\W)")
_WORD = re.compile(r"[^\W_]+")
_DETERMINERS = frozenset(("a", "an", "the"))
_SAYS_WHAT_IT_IS = re.compile(
    r"""(?P<subject>[^.!?:;,]{1,80}?)
    (?:\s*\((?P<aside>[^()]{1,60})\))?,?\s+
    (?:
        (?:is|are|was|were)\s+(?:\w+ly\s+|basically\s+)?(?:a|an|the|one|another|any)\b
        (?!\s+(?:very\s+)?(?:good|great|nice|better|best|bad|bit|lot|must|problem|case|same|only|first|last)\b)
      | (?:stands?|stood)\ for\b | refers?\ to\b | means?\b | denotes?\b | describes?\b
      | (?:allows?|lets?|provides?|enables?|offers?|combines?|aims?|consists?)\b
      | [-–—:]\ (?:a|an|the)\b
    )""",
    re.VERBOSE,
)
_EXPANSION = re.compile(r"(?P<before>(?:[\w-]+\s+){1,8})\((?P<aside>[^()]{2,80})\)")
_EXPANDED = 0.6
"""What it counts that a sentence spells a short form out: "Direct Preference Optimization (DPO)"."""


def definition_strength(thing: Iterable[str], sentence: str) -> float:
    """Gives 1 where a sentence begins by saying what the thing is, 0.6 where it spells a short form out, or else 0.

    Args:
        thing: the words of its name, in lower case.
        sentence: may have the marks of Markdown.
    """
    name = _singular(thing)
    plain = _MARKUP.sub("", sentence)
    opening = _SAYS_WHAT_IT_IS.match(plain)
    if opening and name in (_name_in(opening["subject"]), _name_in(opening["aside"] or "")):
        return 1.0
    expands = len(name) == 1 and any(_spells_out("".join(name), match) for match in _EXPANSION.finditer(plain))
    return _EXPANDED if expands else 0.0


def _name_in(text: str) -> frozenset[str]:
    return _singular(word for word in map(str.lower, _WORD.findall(text)) if word not in _DETERMINERS)


def _singular(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word.removesuffix("s") for word in words)


def _spells_out(short: str, match: re.Match[str]) -> bool:
    """Says whether one side of "Some Long Name (SLN)" or "SLN (Some Long Name)" has the other one's initials."""
    before, aside = (_WORD.findall(side.lower()) for side in match.group("before", "aside"))
    for written, long_form in ((aside, before), (before[-1:], aside)):
        is_short = len(written) == 1 and written[0].removesuffix("s") == short
        if is_short and "".join(word[0] for word in long_form).endswith(short):
            return True
    return False
