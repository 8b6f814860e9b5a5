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
_SPELLINGS = """
behaviour behavior; catalogu catalog; centr center; colour color; defenc defens; favour favor; fibr fiber; grey gray;
honour honor; labour labor; licenc licens; neighbour neighbor; offenc offens; programm program
"""
_ONE_SPELLING = dict(pair.split() for pair in _SPELLINGS.split(";"))
"""British stems, each with the American one: a question and its answer need not be written on one side of the sea."""
_NO_CONTENT = frozenset((_STOP_WORDS + _QUESTION_WORDS).split())
_ASKED_FOR = re.compile(
    r"\b(?:what|which)\s+(?:\w+\s+)?"
    r"((?:year|date|month|day|century|decade|percentage|percent|amount|type|kind|number)s?)\b",
    re.IGNORECASE,
)
_ASKED_TO_TELL = re.compile(
    r"\b(?:what|which|anything|something)\b.*?\b"
    r"(writ(?:es?|ten|ing|ings)|wrote|publish(?:e[sd])?|publications?|post(?:ed|s)?|articles?|blog(?:ged|s)?)"
    r"\s+(?:\w+\s+)?(?:about|on|regarding|concerning)\b",
    re.IGNORECASE | re.DOTALL,
)
_ASKED_HOW = re.compile(r"\bhow\b.*\b(works?|functions?|done)\W*$", re.IGNORECASE | re.DOTALL)
_BEFORE_SUBJECT = frozenset("does do did is are was were has have of for".split())
_DETERMINERS = frozenset("the a an this that".split())
_NEGATION = re.compile(r"\b(?:not|never|no|none|without|cannot|neither|nor|\w+n['’]t)\b", re.IGNORECASE)


StemWords = Callable[[list[str]], list[str]]


class AnswerKind(Enum):
    """What kind of thing a question asks for."""

    PERSON = "a name"
    YEAR = "a year"
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
        (AnswerKind.YEAR, r"\b(?:what|which) (?:\w+ )?year\b"),
        (AnswerKind.TIME, r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:date|day|month|century|decade|time)\b"),
        (AnswerKind.PERSON, r"\bwho(?:m|se)?\b"),
        (AnswerKind.PLACE, r"\bwhere\b|\b(?:what|which) (?:\w+ )?(?:city|country|place|town|state|region|continent)\b"),
        (AnswerKind.REASON, r"\bwhy\b|\bfor what reason\b|\bwhat (?:is the )?(?:reason|cause|purpose)"),
        (AnswerKind.DEFINITION, r"^\W*(?:what(?:['’]s| is| are)|define|what does .* (?:do|mean|stand for)\b)"),
    )
)
_MONTHS_AND_DAYS = (
    "january|february|march|april|(?-i:May)|june|july|august|september|october|november|december|"
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
)
_NUMBER_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand|million|billion|"
    "half|third|twice|once|dozen"
)
_SIGNS = {
    AnswerKind.NUMBER: re.compile(rf"\d|\b(?:{_NUMBER_WORDS})\b", re.IGNORECASE),
    AnswerKind.YEAR: re.compile(r"\b(?:1\d{3}|20\d\d)\b|\b\d{1,4} ?(?:BCE?|CE|AD)\b|\bAD ?\d"),
    AnswerKind.TIME: re.compile(
        rf"\b(?:1\d{{3}}|20\d\d|\d{{3,4}}s|{_MONTHS_AND_DAYS}|century|decade|today|(?-i:BC|AD))\b|\d{{1,2}}:\d\d",
        re.IGNORECASE,
    ),
    AnswerKind.PLACE: re.compile(r"\b(?:in|at|near|from|to|of|on)\s+(?:the\s+)?[A-Z]\w+"),
    AnswerKind.REASON: re.compile(
        r"\b(?:because|due to|since|so that|in order|as a result|therefore|cause[ds]?|reason|thus|owing)\b",
        re.IGNORECASE,
    ),
}
_DEFINES = re.compile(
    r"(?!\W*(?i:now|if|when|once|since|because|although|while|after|before|as)\b)"
    r"(.{1,70}?)\s(?:is|are|was|stands? for|means?|refers? to|denotes?|allows?|lets?|provides?)\s",
    re.DOTALL,
)
_MAX_DEFINED_TERMS = 3
_WHO_IS = re.compile(r"\W*who(?:['’]s| is| are| was| were)\b", re.IGNORECASE)
_NAME_WITHIN = re.compile(r"(?<!^)(?<![.!?] )\b[A-Z]\w+")


@dataclass(frozen=True, slots=True)
class Question:
    """A question as evidence is looked for.

    `terms` are the stems of its content words, in order; `names` and `numbers` are those of them that are written with
    a capital letter within the question, or begin with a digit; `subject` are those that name what it is asked of:
    "orjson" in "What license does orjson have?". `surface` holds the content words as they are written, in lower case,
    `words` all words. `kind` is what would answer it. `thing` is the name, in lower case, of what is to be defined,
    where the question asks for nothing else.
    """

    terms: tuple[str, ...]
    names: frozenset[str]
    numbers: frozenset[str]
    subject: frozenset[str]
    surface: frozenset[str]
    words: frozenset[str]
    thing: frozenset[str]
    kind: AnswerKind
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Word:
    """A word that begins at `start` in its text, in lower case, and its stem."""

    start: int
    lowered: str
    stem: str


def new_stemmer() -> StemWords:
    """Gives a function from lower-case words to their stems (Snowball English), to be used by one thread."""
    stem_words: StemWords = Stemmer.Stemmer("english").stemWords
    return stem_words


def read_question(text: str, stem_words: StemWords) -> Question:
    """Gives the terms and the kind of a question; no terms where it has no content word.

    The word that says what kind of thing is asked for ("In what year did ...", "What did Ann publish on ...") is no
    term, unless it is the only one: an answer seldom repeats it.
    """
    words = words_of(text, stem_words)
    content = [word for word in words if _folded(word.lowered) not in _NO_CONTENT]
    for pattern in (_ASKED_FOR, _ASKED_TO_TELL, _ASKED_HOW):
        asked_for = pattern.search(text)
        if asked_for:
            content = [word for word in content if word.start != asked_for.start(1)] or content
    names = frozenset(word.stem for word in content if word is not words[0] and text[word.start].isupper())
    kind = _kind_of(text, {word.stem for word in content}, names)
    return Question(
        terms=tuple(dict.fromkeys(word.stem for word in content)),
        names=names,
        subject=_subject(words, content),
        numbers=frozenset(word.stem for word in content if word.lowered[0].isdigit()),
        surface=frozenset(word.lowered for word in content),
        words=frozenset(_folded(word.lowered) for word in words),
        thing=_thing(words, content) if kind is AnswerKind.DEFINITION else frozenset(),
        kind=kind,
        is_negated=is_negated(text),
    )


def could_answer(question: Question, sentence: str) -> bool:
    """Says whether a sentence holds the kind of thing that is asked for, as far as its form tells.

    What the question itself says does not count: "When was the fire of 1666 put out?" asks for another date.
    """
    if question.kind is AnswerKind.DEFINITION:
        subject = _DEFINES.match(sentence)
        return subject is not None and not question.surface.isdisjoint(map(str.lower, _WORD.findall(subject.group(1))))
    if question.kind is AnswerKind.PERSON:
        return any(name.lower() not in question.words for name in _NAME_WITHIN.findall(sentence))
    sign = _SIGNS.get(question.kind)
    if sign is None:
        return True
    signs = (_WORD.findall(match.group()) for match in sign.finditer(sentence))
    return any(not question.words.issuperset(map(_folded, words)) for words in signs)


def is_negated(text: str) -> bool:
    """Says whether a text denies something."""
    return bool(_NEGATION.search(text))


def words_of(text: str, stem_words: StemWords) -> list[Word]:
    """Gives the words of a text in order."""
    matches = list(_WORD.finditer(text))
    stems = stem_words([_folded(match.group()) for match in matches])
    return [
        Word(match.start(), match.group().lower(), _ONE_SPELLING.get(stem, stem))
        for match, stem in zip(matches, stems, strict=True)
    ]


def _kind_of(text: str, terms: set[str], names: frozenset[str]) -> AnswerKind:
    kind = next((kind for kind, pattern in _KINDS if pattern.search(text.lower())), AnswerKind.OTHER)
    if kind is AnswerKind.DEFINITION and len(terms) > _MAX_DEFINED_TERMS:
        return AnswerKind.OTHER  # "What is the name of the team that ..." asks for no definition
    if kind is AnswerKind.PERSON and _WHO_IS.match(text) and terms == names:
        return AnswerKind.DEFINITION  # "Who is Ann Roe?" names the person and asks what she is
    return kind


def _subject(words: list[Word], content: list[Word]) -> frozenset[str]:
    """Gives the stems of the content words that follow the last auxiliary verb or "of", up to the next other word."""
    starts = {word.start for word in content}
    found: set[str] = set()
    is_within = False
    for word in words:
        if word.start in starts:
            if is_within:
                found.add(word.stem)
        elif word.lowered not in _DETERMINERS:
            is_within = word.lowered in _BEFORE_SUBJECT
            follows = any(other.start > word.start for other in content)
            found = set() if is_within and follows else found
    return frozenset(found)


def _thing(words: list[Word], content: list[Word]) -> frozenset[str]:
    """Gives the content words where they stand together: "the port of the API" is no name of one thing."""
    starts = {word.start for word in content}
    places = [place for place, word in enumerate(words) if word.start in starts]
    stand_together = places and places[-1] - places[0] == len(places) - 1
    return frozenset(word.lowered for word in content) if stand_together else frozenset()


def _folded(word: str) -> str:
    """Gives a word without case and accents, an irregular verb as its infinitive, which no stemmer finds."""
    lowered = word.lower()
    if not word.isascii():
        decomposed = unicodedata.normalize("NFKD", lowered)
        return "".join(char for char in decomposed if not unicodedata.combining(char))
    return _BASE_FORM.get(lowered, lowered)
