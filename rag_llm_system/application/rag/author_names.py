"""The names of the known authors, found in questions in spite of case, accents and a slip of the fingers."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from rapidfuzz import process
from rapidfuzz.distance import OSA

from rag_llm_system.domain.users import UserDocument

_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
_BARE_POSSESSIVE = re.compile(r"['’](?=\s+\w)")
_COMMA = re.compile(r"\s*,")
_NOT_DECOMPOSED = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"})
_FUNCTION_WORDS = """
a about all an and are as at be been by can could did do does for from had has have he her his how i if in into is
it its me my not of on or our she should so some tell than that the their them there these they this to was we
were what when where which who whom whose why will with would you your say says said write writes wrote written
according
"""
_ORGANISATION_WORDS = """
ag alliance association author authority authors collective community company consortium contributors corp
corporation developer developers foundation gmbh group inc institute labs limited llc ltd maintainers organization
organisation project projects research software team technologies university
"""
_FUNCTION, _ORGANISATION = (frozenset(words.split()) for words in (_FUNCTION_WORDS, _ORGANISATION_WORDS))


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a question: as written without its possessive, and folded (no case, no accents)."""

    raw: str
    folded: str
    start: int
    end: int
    possessive: bool
    comma: bool
    """Whether a comma follows."""

    @property
    def capitalised(self) -> bool:
        return self.raw[:1].isupper()

    @property
    def is_content(self) -> bool:
        return self.folded not in _FUNCTION


class NameKind(Enum):
    """How much a name says by itself, from a person's full name to a single word."""

    PERSON = "full name of a person"
    ORGANISATION = "full name of an organisation"
    PART = "first or last name of a person"
    SINGLE = "name of one word"


@dataclass(frozen=True, slots=True)
class FoundName:
    """Authors that some words may mean. Several full names mean that the words do not tell whom."""

    kind: NameKind
    author_ids: tuple[str, ...]
    full_names: tuple[str, ...]


def words_of(text: str) -> list[Word]:
    """Gives the words of a text in order."""
    words = []
    for match in _WORD.finditer(text):
        raw = _POSSESSIVE.sub("", match.group())
        is_bare = raw == match.group() and raw[-1] in "sS" and bool(_BARE_POSSESSIVE.match(text, match.end()))
        possessive, end = is_bare or raw != match.group(), match.end() + is_bare
        words.append(Word(raw, fold(raw), match.start(), end, possessive, bool(_COMMA.match(text, end))))
    return words


def fold(text: str) -> str:
    """Gives text without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).translate(_NOT_DECOMPOSED)


def known_names(users: Iterable[UserDocument]) -> tuple[tuple[str, str], ...]:
    """Gives id and full name of each author."""
    return tuple((user.id, user.full_name) for user in users)


class AuthorNames:
    """Looks up words among the forms of the authors' names.

    Args:
        known: id and full name of each author.
    """

    def __init__(self, known: tuple[tuple[str, str], ...]) -> None:
        self.known = known
        self._forms: dict[NameKind, dict[str, list[tuple[str, str]]]] = {kind: {} for kind in NameKind}
        for author_id, full_name in known:
            for kind, form in _forms(full_name):
                self._forms[kind].setdefault(form, []).append((author_id, full_name))
        self._alike: dict[tuple[NameKind, int, str], list[str]] = {}
        for kind, forms in self._forms.items():
            for form in forms:
                self._alike.setdefault((kind, form.count(" "), form[0]), []).append(form)
        self.longest = max((form.count(" ") + 1 for forms in self._forms.values() for form in forms), default=0)

    def find(self, words: Sequence[str]) -> FoundName | None:
        """Gives the authors that these folded words, all of them, may mean; an exact form before a similar one.

        A slip in the first letter is not forgiven: so the similar ones are found fast among ten thousand.
        """
        if not any(word not in _FUNCTION for word in words):
            return None
        written = " ".join(words)
        for kind, forms in self._forms.items():
            if written in forms:
                return _found(kind, forms[written])
        if any(word in _FUNCTION for word in words):
            return None
        for kind, forms in self._forms.items():
            alike = self._alike.get((kind, written.count(" "), written[0]), ())
            close = [form for form in _close_to(written, alike) if _is_slip_of(written, form)]
            if close:
                return _found(kind, [author for form in close for author in forms[form]])
        return None


class KnownAuthors:
    """The names of the authors that are known now.

    Args:
        users: gives the known authors; asked each time, so that new ones are found.
    """

    def __init__(self, users: Callable[[], Iterable[UserDocument]]) -> None:
        self._users = users
        self._names = AuthorNames(())

    def names(self) -> AuthorNames:
        """Gives the names, made anew only where there are others than before."""
        known, names = known_names(self._users()), self._names
        if known != names.known:
            names = self._names = AuthorNames(known)
        return names


def _forms(full_name: str) -> list[tuple[NameKind, str]]:
    """Gives the ways to write a name, without repeats."""
    words = [word.folded for word in words_of(full_name)]
    words = words[1:] if words[:1] == ["the"] else words
    if not words:
        return []
    own = [word for word in words if word not in _ORGANISATION]
    if own and len(full_name.split()) == 1:  # also "rag_llm_system", whose parts are nobody's first or last name
        return [(NameKind.SINGLE, " ".join(words))]
    if len(own) < len(words):
        short = [(NameKind.SINGLE, own[0])] if len(own) == 1 else []
        return [(NameKind.ORGANISATION, " ".join(words)), *short] if len(words) > 1 else []
    if len(words) == 1:
        return [(NameKind.SINGLE, words[0])]
    whole = dict.fromkeys((" ".join(words), f"{words[0]} {words[-1]}"))
    parts = dict.fromkeys(word for word in (words[-1], words[0]) if len(word) > 1)
    return [*((NameKind.PERSON, form) for form in whole), *((NameKind.PART, form) for form in parts)]


def _close_to(written: str, forms: Sequence[str]) -> list[str]:
    matches = process.extract(written, forms, scorer=OSA.distance, score_cutoff=3, limit=None)
    return sorted(match[0] for match in matches)


def _is_slip_of(written: str, form: str) -> bool:
    """Says whether each word is its counterpart with slips: none in 4 letters, one in up to 8, two in more.

    Where all words but one are right, that one may have two from 6 letters on.
    """
    pairs = [(OSA.distance(word, name), len(name)) for word, name in zip(written.split(), form.split(), strict=True)]
    one_of_several = len(pairs) > 1 and sum(slips > 0 for slips, _ in pairs) == 1
    two_from = 6 if one_of_several else 9
    return all(slips <= (0 if n_letters < 5 else 1 if n_letters < two_from else 2) for slips, n_letters in pairs)


def _found(kind: NameKind, authors: list[tuple[str, str]]) -> FoundName:
    by_folded_name = {" ".join(fold(name).split()): name for _, name in sorted(authors, reverse=True)}
    author_ids = sorted({author_id for author_id, _ in authors})
    return FoundName(kind, tuple(author_ids), tuple(sorted(by_folded_name.values())))
