"""Before stage 1: follow-up questions, which say all that they mean only beside what was asked before.

"When was he born?" becomes "When was Alan Turing born?", "And in 2020?" the question before with its year changed. By
rule, in the plain cases: pronouns and ellipses. What is not plain stays as it was asked. Of 434 development questions
of SQuAD, asked after a turn about something else, 4 are changed, of which 3 do leave out what they are about.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

from rag_llm_system.application.rag.conversation_topics import bare, names_in, person_of, topic_of
from rag_llm_system.domain.conversations import Turn

_MAX_QUESTION_CHARS = 500
_MAX_ANSWER_CHARS = 1000


@dataclass(frozen=True, slots=True)
class StandaloneQuestion:
    """A question that can be understood by itself, with a note where it is not worded as it was asked."""

    text: str
    notes: tuple[str, ...] = ()


class FollowUpRewriter(Protocol):
    """Makes a follow-up question one that stands alone. Never fails for what was said."""

    def __call__(self, history: Sequence[Turn], question: str) -> StandaloneQuestion:
        """Gives the question as it is where it stands alone already. `history` begins with what was asked first."""


class FollowUps:
    """A `FollowUpRewriter` by rule.

    Args:
        max_turns: how many of the last turns are looked at.
        max_question_chars: a question may not become longer than this, and stays as it was asked instead.
    """

    def __init__(self, *, max_turns: int = 5, max_question_chars: int = 4000) -> None:
        self._max_turns = max_turns
        self._max_question_chars = max_question_chars

    def __call__(self, history: Sequence[Turn], question: str) -> StandaloneQuestion:
        """Gives the question with what it leaves out put in from the turns before; see the module."""
        turns = [_shortened(turn) for turn in history[-self._max_turns :]] if self._max_turns else []
        if not turns or len(question) > _MAX_QUESTION_CHARS:
            return StandaloneQuestion(question)
        # A follow-up of a follow-up: the one before has to stand alone first.
        *earlier, last = turns
        before = reduce(_next_turn, earlier, Turn(""))
        text = standalone(_next_turn(before, last), question)
        if text == question or len(text) > self._max_question_chars:
            return StandaloneQuestion(question)
        return understood_as(text)


def understood_as(text: str) -> StandaloneQuestion:
    """Gives a question that is worded anew, with the note that says so."""
    return StandaloneQuestion(text, (f'Understood as: "{text}"',))


def may_follow_up(question: str) -> bool:
    """Says whether a question may leave something out: it is very short, or holds words that point back."""
    asked = bare(question)
    return len(asked.split()) <= _MAX_BARE_WORDS or bool(_PRONOUN.search(asked) or _POINTS_BACK.search(asked))


def standalone(before: Turn, question: str) -> str:
    """Gives the question as it would be asked alone; as it is where that is not plain.

    Args:
        before: what was asked and answered before, its question standing alone.
    """
    asked = bare(question)
    if not asked or not bare(before.question):
        return question
    for rewrite in (_elaboration, _bare_wh, _what_about, _pronoun):
        text = rewrite(before, asked)
        if text:
            return text
    return question


def _next_turn(before: Turn, turn: Turn) -> Turn:
    return Turn(standalone(before, turn.question), turn.answer)


def _shortened(turn: Turn) -> Turn:
    return Turn(turn.question[:_MAX_QUESTION_CHARS], turn.answer[:_MAX_ANSWER_CHARS])


_AUX = r"(?:is|are|was|were|do|does|did|can|could|should|would|will|has|have|had)"
_ELABORATION = re.compile(
    r"(?:(?:and|ok|okay|please)[,\s]+)?(?:(?:can|could)\syou\s)?(?:please\s)?"
    r"(?:tell\sme\smore|more(?:\sdetails?)?|go\son|elaborate|explain\s(?:more|further)|say\smore|what\selse)",
    re.IGNORECASE,
)
_BARE_WH = re.compile(
    r"(?:(?:and|but|so)[,\s]+)?(?P<wh>why(?:\snot)?|how(?:\sso|\scome)?|when|where|who|since\swhen|how\s(?:much|many|long|often)"
    r"|by\swhom|with\swhom)(?:(?<=why)\s(?:is|was)\s(?:it|that|this))?",
    re.IGNORECASE,
)
_WH_OPENING = re.compile(
    rf"(?:what|which|when|where|why|whom|how)(?:\s(?!{_AUX}\b)\S+){{0,3}}\s(?P<rest>{_AUX}\s.+)", re.IGNORECASE
)
_DEFINITION = re.compile(r"what\s(?:is|are|was|were)\b", re.IGNORECASE)
_YES_NO = re.compile(rf"{_AUX}\s", re.IGNORECASE)
_WHAT_ABOUT = re.compile(
    r"(?:(?:and|but|so|or)[,\s]+)?(?:(?:what|how)\sabout\s(?P<thing>.+)|(?P<when>(?:in|on|at|for|during|since|before|after|with)\s.+))"
    r"|and\s(?P<other>.+)",
    re.IGNORECASE,
)
_VERBAL = re.compile(rf"\b(?:{_AUX}|what|who|whom|which|when|where|why|how)\b", re.IGNORECASE)
_TIME = re.compile(r"\b(?:in|on|during|since|before|after)\s(?:the\s)?(?:\w+\s)?(?:1\d{3}|20\d\d)s?\b", re.IGNORECASE)
_MAX_ELLIPSIS_WORDS = 6
_MAX_BARE_WORDS = 3
_POINTS_BACK = re.compile(
    r"^(?:and|but|so|or|then|what\sabout|how\sabout)\b|\b(?:former|latter|first|second|last|other|same|else|more|one|ones)\b",
    re.IGNORECASE,
)


def _elaboration(before: Turn, asked: str) -> str:
    if not _ELABORATION.fullmatch(asked):
        return ""
    topic = topic_of(before.question)
    return f"Tell me more about {topic}." if topic else ""


def _bare_wh(before: Turn, asked: str) -> str:
    """Handles "Why?" and its like: the question before is asked anew with that word."""
    match = _BARE_WH.fullmatch(asked)
    if not match:
        return ""
    earlier, word = bare(before.question), match["wh"].lower()
    opening = _WH_OPENING.fullmatch(earlier)
    if opening and not _DEFINITION.match(earlier) and " " not in word:
        return f"{word.capitalize()} {opening['rest']}?"
    if _YES_NO.match(earlier) and word != "who" and " " not in word:
        return f"{word.capitalize()} {earlier[0].lower()}{earlier[1:]}?"
    return f"{earlier}, and {word}?"


def _what_about(before: Turn, asked: str) -> str:
    """Handles "What about Paris?", "And in 2020?": the question before is asked anew with that part changed."""
    match = _WHAT_ABOUT.fullmatch(asked)
    part = match and (match["thing"] or match["when"] or match["other"])
    if not match or not part or len(part.split()) > _MAX_ELLIPSIS_WORDS:
        return ""
    if not match["thing"] and _VERBAL.search(part):
        return ""  # a whole question
    if match["thing"] and _PRONOUN.search(part):
        return ""
    earlier = bare(before.question)
    if _TIME.fullmatch(part) or match["when"]:
        return _with_phrase(earlier, part)
    if re.fullmatch(r"(?:1\d{3}|20\d\d)", part) and _TIME.search(earlier):
        return f"{re.sub(r'(?:1[0-9]{3}|20[0-9]{2})', part, earlier, count=1)}?"
    names = names_in(earlier)
    old = names[0] if len(names) == 1 else "" if names else topic_of(earlier)
    return f"{_replaced(earlier, old, part) or f'{earlier}, and what about {part}'}?"


def _with_phrase(earlier: str, phrase: str) -> str:
    """Gives the question with "in 2020" instead of its own time, or instead of what follows the same word, or added."""
    if _TIME.fullmatch(phrase) and _TIME.search(earlier):
        return f"{_TIME.sub(lambda _: phrase[0].lower() + phrase[1:], earlier, count=1)}?"
    word = phrase.split(" ")[0].lower()
    if names_in(phrase) and (match := re.search(rf"\b{word}\s(?:the\s)?[A-Z]\S*(?:\s[A-Z]\S*)*$", earlier)):
        return f"{earlier[: match.start()]}{word}{phrase[len(word) :]}?"
    return f"{earlier} {word}{phrase[len(word) :]}?"


def _replaced(earlier: str, old: str, new: str) -> str:
    """Gives the question with one thing instead of another, where that stands as words of its own; "" where nowhere."""
    name = old.removeprefix("the ")
    article = "" if name == old else r"[Tt]he\s"
    full_stop = r"\.?" if "." in name else ""  # "U.S." has lost its last one as a name
    match = re.search(rf"(?<!\w){article}{re.escape(name)}{full_stop}(?!\w)", earlier) if name else None
    return f"{earlier[: match.start()]}{new}{earlier[match.end() :]}" if match else ""


_PRONOUN = re.compile(
    r"\b(?P<person>he|him|his|she|hers?)\b|\b(?P<thing>it|its|they|them|theirs?)\b|\b(?P<place>there)\b"
    r"|\b(?P<pointing>this|that|these|those)\b",
    re.IGNORECASE,
)
_POSSESSIVES = frozenset(("his", "her", "hers", "its", "their", "theirs"))
_NOT_POSSESSED = re.compile(
    r"\s(?:in|on|at|to|for|with|from|by|about|and|or|as|after|before|during|when|so|the|a)\b|\W*$"
)
_IDLE_IT = re.compile(
    r"\bit\s(?:takes?\s(?:\w+\s){0,3}?to|mean\sto|rains?|snows?|raining|snowing|matters?\s(?:if|that|whether)|called\swhen)\b"
    r"|\b(?:is|was|isn['’]t|be|makes?)\sit\s(?:\w+\s){0,2}(?:to|that|if|when|whether)\b|\bwhat\s(?:time|day|year)\s(?:is|was)\sit\b"
    r"|\btake\sit\b|\bit\stake\s(?:\w+\s){0,3}?to\b",
    re.IGNORECASE,
)
_IDLE_THERE = re.compile(rf"\bthere\s(?:{_AUX}|any|no|a|an|some|been|be|more)\b|\b{_AUX}\sthere\b", re.IGNORECASE)
_POINTING = re.compile(
    rf"(?:this|that|these|those)(?=\W*$|\s(?:{_AUX}|work|works|mean|means|happen|happened|help|in|for|so)\b)",
    re.IGNORECASE,
)
_POINTED = re.compile(
    r"(?:this|these|those)\s(?!(?:year|month|week|day|time|way|case|kind|sort|morning)s?\b)\w+", re.IGNORECASE
)
_BEFORE_THAT = re.compile(rf"(?:^|\b(?:{_AUX}|why|how|who|about|after|before|for|with|by|like)\s)$", re.IGNORECASE)
_ASKS = re.compile(
    rf"(?:(?:and|but|so|then|ok|okay|well)[,\s]+)?(?:{_AUX}|who|whom|whose|what|which|when|where|why|how|in|on|at|by|for|from|to|with"
    r"|tell|explain|describe|show|list|give|summari[sz]e|compare)\b",
    re.IGNORECASE,
)
_OWN_THING = re.compile(
    r"\b(?:the|a|an|my|our|your|some|any|each|every)\s\w+|\b(?:and|or|but|because|if|while)\b|[,;:]", re.IGNORECASE
)


def _pronoun(before: Turn, asked: str) -> str:
    """Puts what was spoken of in the place of the first pronoun, unless the question itself says what that is."""
    match = _PRONOUN.search(asked) if _ASKS.match(asked) else None
    if not match or _has_own(match, asked):
        return ""
    meant = person_of(before.question, before.answer) if match["person"] else topic_of(before.question)
    if not meant or _PRONOUN.search(meant):
        return ""
    start, end, put = _put(match, asked, meant)
    text = f"{asked[:start]}{put}{asked[end:]}"
    return f"{text[0].upper()}{text[1:]}?" if put else ""


def _has_own(match: re.Match[str], asked: str) -> bool:
    """Says whether the pronoun stands for something in the question itself, or for nothing."""
    ahead = asked[: match.start()]
    if names_in(ahead) or (_OWN_THING.search(ahead) and not ahead.lower().startswith(("and ", "but ", "so "))):
        return True
    word = match.group().lower()
    if match["pointing"]:
        return ahead.lower().endswith("of ") or (word == "that" and not _BEFORE_THAT.search(ahead))
    if word == "it":
        return bool(_IDLE_IT.search(asked))
    return bool(match["place"] and _IDLE_THERE.search(asked))


def _put(match: re.Match[str], asked: str, meant: str) -> tuple[int, int, str]:
    """Gives what is written instead of which characters; "" where the pronoun is none."""
    start, end = match.span()
    if match["place"]:
        return start, end, f"in {meant}"
    if match["pointing"]:
        pointed = _POINTED.match(asked, start)
        if pointed and not _POINTING.match(asked, start):
            return start, pointed.end(), f"{pointed.group()} ({meant})"
        return start, end, meant if _POINTING.match(asked, start) else ""
    word = match.group().lower()
    if word in _POSSESSIVES and not (word == "her" and _NOT_POSSESSED.match(asked, end)):
        return start, end, f"{meant}'" if meant.endswith("s") else f"{meant}'s"
    return start, end, meant
