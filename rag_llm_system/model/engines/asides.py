"""Sentences that are about the page or about something else than they seem to be: they answer by mistake."""

import re

_WORD = re.compile(r"[^\W\d_]+")
_PHRASES = (
    "join medium",
    "referral link",
    "membership fee",
    "follow me",
    "follow us",
    "connect with me",
    "subscribe to my",
    "subscribe to our",
    "subscribe to the newsletter",
    "subscribe now",
    "subscribe for free",
    "sign up for",
    "share this",
    "copy link",
    "min read",
    "thanks for reading",
    "thank you for reading",
    "enjoyed this",
    "liked this",
    "first contribution in",
    "copyright (c)",
    "copyright ©",
    "©",
    "all rights reserved",
)
"""Appeals, credits and notices as they stand under and beside articles."""
_APPEAL = re.compile(r"\W*(?:subscribe|share|copyright\W{1,5}\d{4})\b", re.IGNORECASE)
_BADGE = re.compile(r"\|\s+image::|^\s*:target:", re.MULTILINE)
"""An image of a reStructuredText file, as they stand in rows under titles."""
_LINKS_ALONE = re.compile(r"(?:\W*\[[^\]]*\](?:\([^)]*\))?){2,}\W*$")
_OF_OWN_SUBJECT = re.compile(
    r"""
    \b(?:this|our)\s+(?:\w+\s+)?(?:project|package|library|software|repository|repo|tool|module|code|program|framework
      |plugin|extension|dataset|document|documentation)\b
  | ^\W*the\s+(?:project|package|library|software|source\ code|code)\s+(?:is|was|has|can|may)\b
  | ^\W*(?:licen[sc]ed|released|distributed)\s+under\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HYPOTHETICAL = frozenset(("would", "could", "might", "rejected"))


def is_boilerplate(sentence: str, asked: frozenset[str]) -> bool:
    """Says whether a sentence is an appeal, a credit or a link of the page, and none of its words was `asked` for."""
    lowered = " ".join(sentence.lower().split())
    found = [phrase for phrase in _PHRASES if phrase in lowered]
    appeal = _APPEAL.match(lowered)
    if appeal:
        found.append(appeal.group())
    if not found:
        return bool(_BADGE.search(sentence) or _LINKS_ALONE.match(lowered))
    return asked.isdisjoint(word for phrase in found for word in _WORD.findall(phrase))


def speaks_of_own_subject(sentence: str) -> bool:
    """Says whether a sentence is about what its document is about, without a name: "This project is licensed ..."."""
    return bool(_OF_OWN_SUBJECT.search(sentence))


def is_hypothetical(words: frozenset[str]) -> bool:
    """Says whether the words of a sentence tell what would be, or what was not chosen."""
    return not _HYPOTHETICAL.isdisjoint(words)
