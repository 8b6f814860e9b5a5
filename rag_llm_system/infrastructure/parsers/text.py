"""From bytes to text, and plain text as a document."""

import codecs
import re
from pathlib import PurePosixPath

from charset_normalizer import CharsetMatch, from_bytes

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.ports.source import Fetched, Parsed

# UTF-32 first: its little-endian mark begins with the one of UTF-16.
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NEEDS_BOM = ["utf_7", "utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le"]
_WESTERN = "cp1252"
_WITH_ZEROS = re.compile(r"utf[-_]?(16|32)", re.IGNORECASE)
_LIKE_ENGLISH = re.compile(r"iso[-_]?2022|hz\b", re.IGNORECASE)
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_MOST_CHAOS = 0.2
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029\x85]")
# Everything in Unicode's C0 and C1 but tab and line feed, and what marks a byte order or nothing at all.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")


class PlainTextParser:
    """Reads plain text as an article. The title is what the source calls it, or the file's name."""

    def parse(self, fetched: Fetched) -> Parsed:
        """Gives the text without control characters.

        Raises:
            InputError: the bytes are not text.
        """
        return Parsed(
            category=fetched.category or Category.ARTICLES,
            title=fetched.title or file_title(fetched),
            text=clean_text(decode_text(fetched.body, name=name_of(fetched), declared=charset_of(fetched))),
        )


def decode_text(body: bytes, *, name: str, declared: str | None = None) -> str:
    """Gives the text of bytes: by byte order mark, as UTF-8, by the declared character set, else by a guess.

    A declared set whose bytes look like plain English (ISO-2022-JP) comes before UTF-8. Against the others UTF-8
    proves itself where it fits, while servers declare windows-1252 for everything. UTF-16 without a mark is believed
    where there are the zero bytes that it leads to expect.

    Args:
        body: the bytes.
        name: what they are called in the error.
        declared: the character set that the text itself or its sender names.

    Raises:
        InputError: the bytes are not text in any character set that is known.
    """
    for bom, encoding in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(encoding, "replace")
    declared = declared or "utf-8"
    if b"\0" in body and not _WITH_ZEROS.match(declared):
        raise InputError(f"{name} is not text: it holds zero bytes")
    comes_first = _LIKE_ENGLISH.match(declared) or b"\0" in body
    for encoding in (declared, "utf-8") if comes_first else ("utf-8", declared):
        try:
            return body.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return _guessed_text(body, name)


def charset_of(fetched: Fetched) -> str | None:
    """Gives the character set in the media type, as in "text/html; charset=utf-8"; None where it names none."""
    match = _CHARSET.search(fetched.media_type)
    return match.group(1) if match else None


def clean_text(text: str) -> str:
    """Gives the text with line feeds alone at line ends and without control characters."""
    return _CONTROL.sub("", _LINE_END.sub("\n", text))


def name_of(fetched: Fetched) -> str:
    """Gives what a person calls it in a message."""
    return fetched.path or fetched.title or fetched.link


def file_title(fetched: Fetched) -> str:
    """Gives the file's name without its suffix, or the link where there is no file."""
    return PurePosixPath(fetched.path).stem or fetched.link


def _guessed_text(body: bytes, name: str) -> str:
    matches = from_bytes(body, cp_exclusion=_NEEDS_BOM)
    best = matches.best()
    if best is None or best.chaos > _MOST_CHAOS:
        raise InputError(f"{name} is not text, or its character set is not known: save it as UTF-8")
    if any(_is_nearly_as_good_western(match, best) for match in matches):
        return body.decode(_WESTERN, "replace")
    return str(best)


def _is_nearly_as_good_western(match: CharsetMatch, best: CharsetMatch) -> bool:
    """Says whether the text may as well be Western European, which most texts without a declaration are.

    The library tells the character sets with one byte a letter apart by hundredths at best, and reads a French "à" as
    a Romanian "ŕ".
    """
    is_nearly_as_good = match.chaos <= best.chaos + 0.1 and match.coherence >= best.coherence - 0.1
    return is_nearly_as_good and _WESTERN in match.could_be_from_charset
