"""Stage 1, self-query: which known author does the question name?

A wrong filter hides the right passages, while a missed one only leaves more to search. So a name counts when it cannot
well be anything else: a person's full name, or a part of a name beside words that speak of writing ("by X",
"according to X", "what does X say"). Packages and companies are authors too, and a question about `onnx` is no question
about what the author "onnx" wrote: a one-word name needs the stronger of those cues.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_llm_system.application.rag.author_names import AuthorNames, NameKind, Word, known_names, words_of
from rag_llm_system.domain.users import UserDocument

_WRITING_WORDS = """
article articles blog book books chapter code documentation docs essay essays guide guides library libraries
newsletter note notes package packages paper papers piece pieces post posts published readme repo repos repository
repositories said story stories suggested text texts thread threads tutorial tutorials work works writing writings
written wrote
"""
_SAYS_WORDS = """
advises argues argued believes believed claims claimed describes described discusses discussed explains explained
mentions mentioned proposes proposed recommends recommended said says suggested suggests teaches thinks thought writes
wrote
"""
_SAY_WORDS = """
advise argue believe claim cover describe discuss explain mention propose recommend say said suggest teach think write
written
"""
_WRITING, _SAYS, _SAY = (frozenset(words.split()) for words in (_WRITING_WORDS, _SAYS_WORDS, _SAY_WORDS))
_DO = frozenset(("did", "do", "does", "had", "has", "have", "would"))
_JOINS = frozenset(("and", "or"))


@dataclass(frozen=True, slots=True)
class AuthorScope:
    """Whose writing to search. No `author_ids` means everybody's."""

    search_text: str
    """The question without the names, so that they do not outweigh what is asked about; never blank."""
    author_ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Mention:
    """Words [first, last] of a question that are an author's name, or could be."""

    first: int
    last: int
    kind: NameKind
    author_ids: tuple[str, ...]
    full_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Cue:
    """Words that speak of writing beside a name; `words` are their places in the question."""

    strong: bool
    words: tuple[int, ...] = ()


class SelfQuery:
    """Finds the authors that a question names. Reads the known authors, never adds one.

    Args:
        users: gives the known authors; asked at every question, so that new ones are found.
    """

    def __init__(self, users: Callable[[], Sequence[UserDocument]]) -> None:
        self._users = users
        self._names = AuthorNames(())

    def __call__(self, question: str) -> AuthorScope:
        """Gives the authors that the question names: one, any of several, or none, with a note where that needs one."""
        words = words_of(question)
        names = self._current_names()
        groups = _grouped(words, _mentions(words, names))
        cued = [(group, _cue(words, group[0].first, group[-1].last)) for group in groups]
        meant = [(_meant(words, group, cue), cue) for group, cue in cued]
        unique = [mention for group, _ in meant for mention in group if len(mention.full_names) == 1]
        if unique:
            return _scope(
                question, words, unique, [place for group, cue in meant if group and cue for place in cue.words]
            )
        return AuthorScope(question, notes=_notes(words, [mention for group, _ in meant for mention in group]))

    def _current_names(self) -> AuthorNames:
        known, names = known_names(self._users()), self._names
        if known != names.known:
            names = self._names = AuthorNames(known)
        return names


def _mentions(words: list[Word], names: AuthorNames) -> list[_Mention]:
    """Gives what could be names, from left to right, longer ones first where they overlap."""
    mentions: list[_Mention] = []
    place = 0
    while place < len(words):
        mention = _mention_at(words, place, names)
        if mention is None:
            place += 1
        else:
            mentions.append(mention)
            place = mention.last + 1
    return mentions


def _mention_at(words: list[Word], place: int, names: AuthorNames) -> _Mention | None:
    for length in range(min(names.longest, len(words) - place), 0, -1):
        found = names.find([word.folded for word in words[place : place + length]])
        if found is not None:
            return _Mention(place, place + length - 1, found.kind, found.author_ids, found.full_names)
    return None


def _grouped(words: list[Word], mentions: list[_Mention]) -> list[list[_Mention]]:
    """Joins what "and", "or" or a comma joins: a cue for one of them is a cue for all."""
    groups: list[list[_Mention]] = []
    for mention in mentions:
        between = words[groups[-1][-1].last + 1 : mention.first] if groups else []
        joined = bool(groups) and (
            (not between and words[mention.first - 1].comma) or (len(between) == 1 and between[0].folded in _JOINS)
        )
        if joined:
            groups[-1].append(mention)
        else:
            groups.append([mention])
    return groups


def _cue(words: list[Word], first: int, last: int) -> _Cue | None:
    """Gives the cue around words [first, last], the strongest there is."""
    before = [word.folded for word in words[:first]]
    after = words[last + 1].folded if last + 1 < len(words) else ""
    if before[-2:] == ["according", "to"]:
        return _Cue(True, (first - 2, first - 1))
    if before and before[-1] in _DO and after in _SAY:
        return _Cue(True, (first - 1, last + 1))
    if after in _SAYS:
        return _Cue(True, (last + 1,))
    if before[-1:] == ["by"]:
        return _Cue(len(before) > 1 and before[-2] in _WRITING, (first - 1,))
    if before[-1:] == ["author"]:
        return _Cue(True, (first - 1,))
    return _Cue(False) if words[last].possessive else None


def _meant(words: list[Word], group: list[_Mention], cue: _Cue | None) -> list[_Mention]:
    """Gives those of a group of possible names that are meant as names."""
    if cue and cue.strong:
        return group
    return [mention for mention in group if _speaks_for_itself(words[mention.first], mention.kind, cue is not None)]


def _speaks_for_itself(first_word: Word, kind: NameKind, is_cued: bool) -> bool:
    if kind is NameKind.PERSON:
        return True
    return is_cued and (kind is NameKind.ORGANISATION or (kind is NameKind.PART and first_word.capitalised))


def _scope(question: str, words: list[Word], mentions: list[_Mention], cue_words: list[int]) -> AuthorScope:
    names = sorted({name for mention in mentions for name in mention.full_names})
    places = {*cue_words, *(place for mention in mentions for place in range(mention.first, mention.last + 1))}
    return AuthorScope(
        _without(question, words, places),
        author_ids=tuple(sorted({author_id for mention in mentions for author_id in mention.author_ids})),
        names=tuple(names),
    )


def _without(question: str, words: list[Word], places: set[int]) -> str:
    """Gives the question without the words at `places`; whole where too little would be left to search for."""
    if not any(place not in places and word.is_content for place, word in enumerate(words)):
        return question
    pieces, at = [], 0
    for place in sorted(places):
        pieces.append(question[at : words[place].start])
        at = words[place].end
    return " ".join("".join([*pieces, question[at:]]).split()).strip(" ,;:")


def _notes(words: list[Word], ambiguous: list[_Mention]) -> tuple[str, ...]:
    if ambiguous:
        called = " ".join(word.raw for word in words[ambiguous[0].first : ambiguous[0].last + 1])
        return (f'Several authors are called "{called}"; searched all authors. Give the full name.',)
    unknown = _unknown_name(words)
    return (f'No author called "{unknown}" is known; searched all authors.',) if unknown else ()


def _unknown_name(words: list[Word]) -> str:
    """Gives the first run of capitalised words beside a strong cue, or ""."""
    first = 0
    while first < len(words):
        last = first
        while last < len(words) and words[last].capitalised and words[last].is_content:
            last += 1
        if first < last <= first + 3:
            cue = _cue(words, first, last - 1)
            if cue and cue.strong:
                return " ".join(word.raw for word in words[first:last])
        first = max(last, first + 1)
    return ""
