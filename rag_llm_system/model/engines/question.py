"""What a question asks: its words that matter, and what kind of thing would answer it."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import Stemmer

_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = """
a about after all also am an and any are as at be because been before being between both but by can could did do does
doing down during each else etc ever every for from further get gets give given got had has have having he her here hers
him his how however i if in into is it its itself just ll many may me might more most much must my no nor not now of off
on once one only or other our out over own please re s same shall she should show so some such t tell than that the
their them then there these they this those through to too under until up upon us use used uses using ve very was way we
were what when where whether which while who whom whose why will with within would yes you your
"""
_QUESTION_WORDS = "called call describe define definition explain kind mean meaning name named said say says sort type"
_IRREGULAR_VERBS = """
become became; begin began begun; break broke broken; bring brought; build built; buy bought; catch caught; choose
chose chosen; come came; draw drew drawn; drive drove driven; eat ate eaten; fall fell fallen; fight fought; find
found; fly flew flown; forget forgot forgotten; freeze froze frozen; grow grew grown; hide hid hidden; hold held; keep
kept; know knew known; lead led; leave left; lend lent; lose lost; make made; meet met; pay paid; ride rode ridden;
ring rang rung; rise rose risen; run ran; see saw seen; seek sought; sell sold; send sent; shoot shot; sing sang sung;
sink sank sunk; speak spoke spoken; spend spent; stand stood; steal stole stolen; strike struck; swear swore sworn;
swim swam; take took taken; teach taught; think thought; throw threw thrown; understand understood; wear wore worn;
win won; write wrote written
"""
_BASE_FORM = {form: verb.split()[0] for verb in _IRREGULAR_VERBS.split(";") for form in verb.split()[1:]}
_NO_CONTENT = frozenset((_STOP_WORDS + _QUESTION_WORDS).split())


StemWords = Callable[[list[str]], list[str]]


class AnswerKind(Enum):
    """What kind of thing a question asks for."""

    PERSON = "a name"
    TIME = "a date"
    NUMBER = "a number"
    PLACE = "a place"
    REASON = "a reason"
    DEFINITION = "what something is"
    OTHER = "anything"


_KINDS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (AnswerKind.NUMBER, r"\bhow (?:many|much|long|old|far|tall|large|big|often|fast|high|deep)\b"),
        (AnswerKind.NUMBER, r"\bpercent|\bnumber of\b|\bscore\b"),
        (AnswerKind.TIME, r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:year|date|day|month|century|decade|time)\b"),
        (AnswerKind.PERSON, r"\bwho(?:m|se)?\b"),
        (AnswerKind.PLACE, r"\bwhere\b|\b(?:what|which) (?:\w+ )?(?:city|country|place|town|state|region|continent)\b"),
        (AnswerKind.REASON, r"\bwhy\b|\bfor what reason\b|\bwhat (?:is the )?(?:reason|cause|purpose)"),
        (AnswerKind.DEFINITION, r"^\W*(?:what(?:['’]s| is| are)|define|what does .* (?:do|mean|stand for)\b)"),
    )
)
_MONTHS_AND_DAYS = (
    "january|february|march|april|may|june|july|august|september|october|november|december|"
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
)
_NUMBER_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand|million|billion|"
    "half|third|twice|once|dozen"
)
_SIGNS = {
    AnswerKind.NUMBER: re.compile(rf"\d|\b(?:{_NUMBER_WORDS})\b", re.IGNORECASE),
    AnswerKind.TIME: re.compile(
        rf"\b(?:1\d{{3}}|20\d\d|\d{{3,4}}s|{_MONTHS_AND_DAYS}|century|decade|today|bc|ad)\b|\d{{1,2}}:\d\d",
        re.IGNORECASE,
    ),
    AnswerKind.PLACE: re.compile(r"\b(?:in|at|near|from|to|of|on)\s+(?:the\s+)?[A-Z]\w+"),
    AnswerKind.REASON: re.compile(
        r"\b(?:because|due to|since|so that|in order|as a result|therefore|cause[ds]?|reason|thus|owing)\b",
        re.IGNORECASE,
    ),
}
_DEFINES = re.compile(
    r"(.{1,70}?)\s(?:is|are|was|stands? for|means?|refers? to|denotes?|allows?|lets?|provides?)\s", re.DOTALL
)
_MAX_DEFINED_TERMS = 3
_NAME_WITHIN = re.compile(r"(?<!^)(?<![.!?] )\b[A-Z]\w+")


@dataclass(frozen=True, slots=True)
class Question:
    """A question as evidence is looked for: the stems of its content words, all its words, what would answer it."""

    terms: tuple[str, ...]
    words: frozenset[str]
    kind: AnswerKind


def new_stemmer() -> StemWords:
    """Gives a function from lower-case words to their stems (Snowball English), to be used by one thread."""
    stem_words: StemWords = Stemmer.Stemmer("english").stemWords
    return stem_words


def read_question(text: str, stem_words: StemWords) -> Question:
    """Gives the terms and the kind of a question; no terms where it has no content word."""
    words = [_folded(word) for word in _WORD.findall(text)]
    terms = stem_words([word for word in words if word not in _NO_CONTENT])
    lowered = text.lower()
    kind = next((kind for kind, pattern in _KINDS if pattern.search(lowered)), AnswerKind.OTHER)
    if kind is AnswerKind.DEFINITION and len(set(terms)) > _MAX_DEFINED_TERMS:
        kind = AnswerKind.OTHER  # "What is the name of the team that ..." asks for no definition
    return Question(tuple(dict.fromkeys(terms)), frozenset(words), kind)


def could_answer(question: Question, sentence: str) -> bool:
    """Says whether a sentence holds the kind of thing that is asked for, as far as its form tells."""
    if question.kind is AnswerKind.DEFINITION:
        subject = _DEFINES.match(sentence)
        return subject is not None and not question.words.isdisjoint(map(_folded, _WORD.findall(subject.group(1))))
    if question.kind is AnswerKind.PERSON:
        return any(name.lower() not in question.words for name in _NAME_WITHIN.findall(sentence))
    sign = _SIGNS.get(question.kind)
    return sign is None or bool(sign.search(sentence))


def places_of(terms: frozenset[str], text: str, stem_words: StemWords) -> list[tuple[int, str]]:
    """Gives where in a text words with one of these stems begin, and the stem, in order."""
    words = [(match.start(), match.group()) for match in _WORD.finditer(text)]
    stems = stem_words([_folded(word) for _, word in words])
    return [(start, stem) for (start, _), stem in zip(words, stems, strict=True) if stem in terms]


def _folded(word: str) -> str:
    """Gives a word without case and accents, an irregular verb as its infinitive, which no stemmer finds."""
    lowered = word.lower()
    if not word.isascii():
        decomposed = unicodedata.normalize("NFKD", lowered)
        return "".join(char for char in decomposed if not unicodedata.combining(char))
    return _BASE_FORM.get(lowered, lowered)
