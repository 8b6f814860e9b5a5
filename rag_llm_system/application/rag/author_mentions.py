"""Which known authors a question names.

A wrong filter hides the right passages, while a missed one only leaves more to search. So a name counts when it cannot
well be anything else: a person's full name, or a part of a name beside words that speak of writing ("by X",
"according to X", "what does X say"). Packages and companies are authors too, and a question about `onnx` is no question
about what the author "onnx" wrote: a one-word name needs the stronger of those cues.
"""

from dataclasses import dataclass

from rag_llm_system.application.rag.author_names import AuthorNames, NameKind, Word

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
_WHOSE = frozenset(
    """
    article articles blog code documentation docs essay essays newsletter post posts repo repos repositories repository
    tutorial tutorials writing writings
    """.split()
)
_TITLES = frozenset(("dr", "mr", "mrs", "ms", "prof", "professor"))
_DO = frozenset(("did", "do", "does", "had", "has", "have", "would"))
_PUBLISH = frozenset(("blog", "blogged", "post", "posted", "publish", "published"))
"""A package or a company does this too, so that it says less."""
_JOINS = frozenset(("and", "or"))


@dataclass(frozen=True, slots=True)
class NamedAuthors:
    """The authors that a question names: none, one, or any of several."""

    author_ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    """First and last word of each name, titles counted in."""
    cue_places: frozenset[int] = frozenset()
    """Words that only say that a name is an author's."""
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


def named_authors(words: list[Word], names: AuthorNames) -> NamedAuthors:
    """Gives the authors that these words of a question name, with a note where they name one that is not known."""
    groups = _grouped(words, _mentions(words, names))
    cued = [(group, _cue(words, group[0].first, group[-1].last)) for group in groups]
    meant = [(_meant(words, group, cue), cue) for group, cue in cued]
    unique = [mention for group, _ in meant for mention in group if len(mention.full_names) == 1]
    if not unique:
        return NamedAuthors(notes=_notes(words, [mention for group, _ in meant for mention in group]))
    return NamedAuthors(
        author_ids=tuple(sorted({author_id for mention in unique for author_id in mention.author_ids})),
        names=tuple(sorted({name for mention in unique for name in mention.full_names})),
        spans=tuple((_with_titles(words, mention.first), mention.last) for mention in unique),
        cue_places=frozenset(place for group, cue in meant if group and cue for place in cue.words),
    )


def may_name_an_author(words: list[Word], names: AuthorNames) -> bool:
    """Says whether any of these words could be an author's name, whatever stands beside it."""
    return bool(_mentions(words, names))


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
    first = _with_titles(words, first)
    before = [word.folded for word in words[:first]]
    after = words[last + 1].folded if last + 1 < len(words) else ""
    the = before[-1:] == ["the"]
    ahead = before[:-1] if the else before
    if ahead[-2:] == ["according", "to"]:
        return _Cue(True, tuple(range(first - 2 - the, first)))
    if ahead and ahead[-1] in _DO and after in _SAY | _PUBLISH:
        return _Cue(after in _SAY, (*range(first - 1 - the, first), last + 1))
    if after in _SAYS:
        return _Cue(True, (last + 1,))
    if before[-1:] == ["by"]:
        return _Cue(len(before) > 1 and before[-2] in _WRITING, (first - 1,))
    if before[-1:] in (["of"], ["from"]) and len(before) > 1 and before[-2] in _WHOSE:
        return _Cue(True, (first - 1,))
    if before[-1:] == ["author"]:
        return _Cue(True, (first - 1,))
    if not words[last].possessive:
        return None
    return _Cue(any(word.folded in _WHOSE for word in words[last + 1 : last + 4]))


def _meant(words: list[Word], group: list[_Mention], cue: _Cue | None) -> list[_Mention]:
    """Gives those of a group of possible names that are meant as names."""
    if cue and cue.strong:
        return group
    return [mention for mention in group if _speaks_for_itself(words[mention.first], mention.kind, cue is not None)]


def _speaks_for_itself(first_word: Word, kind: NameKind, is_cued: bool) -> bool:
    if kind is NameKind.PERSON:
        return True
    return is_cued and (kind is NameKind.ORGANISATION or (kind is NameKind.PART and first_word.capitalised))


def _with_titles(words: list[Word], first: int) -> int:
    while first and words[first - 1].folded in _TITLES:
        first -= 1
    return first


def _notes(words: list[Word], ambiguous: list[_Mention]) -> tuple[str, ...]:
    if ambiguous:
        called = " ".join(word.raw for word in words[ambiguous[0].first : ambiguous[0].last + 1])
        return (f'Several authors are called "{called}"; searched all authors. Give the full name.',)
    unknown = _unknown_name(words)
    return (f'No author called "{unknown}" is known; searched all authors.',) if unknown else ()


def _unknown_name(words: list[Word]) -> str:
    """Gives the first run of capitalised words that must be an author's name, or "".

    Less counts than for a name that is known: people whom a question is about also wrote and said things once.
    """
    first = 0
    while first < len(words):
        last = first
        while last < len(words) and words[last].capitalised and words[last].is_content:
            last += 1
        if first < last <= first + 3 and _asks_for_an_author(words, first, last - 1):
            return " ".join(word.raw for word in words[first:last])
        first = max(last, first + 1)
    return ""


def _asks_for_an_author(words: list[Word], first: int, last: int) -> bool:
    first = _with_titles(words, first)
    before = [word.folded for word in words[max(0, first - 2) : first]]
    after = words[last + 1].folded if last + 1 < len(words) else ""
    return (
        before == ["according", "to"]
        or (before[-1:] in (["do"], ["does"]) and after in _SAY)
        or (len(before) == 2 and before[0] in _WHOSE and before[1] in ("by", "from"))
    )
