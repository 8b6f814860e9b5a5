"""What cleaning does to characters, spaces and words, as pure functions."""

import re
import unicodedata

_LINE_END = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Bidirectional marks and tag characters may hide or reorder words. The joiners U+200C and U+200D spell words in Persian
# and Hindi and hold emojis together, so they stay.
_UNSEEN = re.compile(
    r"[\x01-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff"
    r"\U000e0000-\U000e007f]"
)
_SPACES = re.compile(r"[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000 ]+")
_STRUCK_OR_UNDERLINED = re.compile(r"[\u0332\u0333\u0335\u0336]")
_STYLED = re.compile(r"[\u2100-\u214f\u2460-\u24ff\uff01-\uff5e\U0001d400-\U0001d7ff\U0001f130-\U0001f149]")
_HASHTAG = re.compile(r"(?:(?<![\w#&/])|(?<=\bhashtag))#(?=\w*[^\W\d_])(?=\w)")
_LINKEDIN_HASHTAG = re.compile(r"\bhashtag(?=#\w)")
_SEE_MORE = re.compile(r"[ \t]*(?:…|\.\.\.)[ \t]*(?:see )?more[ \t]*$", re.IGNORECASE | re.MULTILINE)

_CONTINUATION = "\x80-\xbf" + bytes(range(0x80, 0xA0)).decode("cp1252", "ignore")
_MOJIBAKE = re.compile(f"[ÂÃ][{_CONTINUATION}]|â[{_CONTINUATION}]{{2}}|ð[{_CONTINUATION}]{{3}}")


def as_plain_text(text: str) -> str:
    r"""Gives the text with "\n" for every line end and without what no store or encoder can hold.

    NUL characters go; lone surrogates become U+FFFD. Nothing else changes: code may pass.
    """
    return _SURROGATE.sub("\ufffd", text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n"))


def mend_characters(text: str) -> str:
    r"""Gives the text in Unicode NFC, mojibake mended, unseen and control characters gone but for "\t" and "\n"."""
    text = _LINE_END.sub("\n", mend_mojibake(text))
    return unicodedata.normalize("NFC", _UNSEEN.sub("", text))


def mend_mojibake(text: str) -> str:
    """Gives the text with UTF-8 that was read as Windows-1252 put right ("donâ€™t" -> "don’t").

    One two-character sequence alone may be meant ("«ROMÂ»"), so it is left; longer or repeated ones are not.
    """
    found = _MOJIBAKE.findall(text)
    if not found or (len(found) == 1 and len(found[0]) == 2):
        return text
    return _MOJIBAKE.sub(lambda match: _read_as_utf8(match.group()), text)


def collapse_spaces(text: str) -> str:
    """Gives the text with one space for each run within a line and one blank line for each run of blank lines.

    A line's indentation is kept, since lists and code mean something by it.
    """
    lines = (_collapse_line(line) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def trim_blank_lines(text: str) -> str:
    """Gives the text without blank lines before it and without white space after it."""
    return re.sub(r"\A(?:[^\S\n]*\n)+", "", text.rstrip())


def shorten(text: str, max_chars: int) -> str:
    """Gives the text as one line of at most `max_chars` characters, cut at a word where it is cut, then with "…"."""
    line = " ".join(text.split())
    if len(line) <= max_chars:
        return line
    cut = line[: max_chars - 1]
    return (cut[: cut.rfind(" ")] if " " in cut else cut).rstrip(" ,;:-") + "…"


def plain_letters(text: str) -> str:
    """Gives the text with letters and digits that are styled by code point ("𝗯𝗼𝗹𝗱") as plain ones (Unicode NFKC).

    Other compatibility characters ("™", "½", "²") are left: folding them would change what they say.
    """
    return _STYLED.sub(_plain_letter, _STRUCK_OR_UNDERLINED.sub("", text))


def words_of_hashtags(text: str) -> str:
    """Gives the text with "#LLMOps" as "LLMOps"; "C#", "#1", headings and links' fragments are left."""
    return _HASHTAG.sub("", _LINKEDIN_HASHTAG.sub("", text))


def drop_see_more(text: str) -> str:
    """Gives the text without the "…see more" of a folded post."""
    return _SEE_MORE.sub("", text)


def _collapse_line(line: str) -> str:
    words = line.lstrip()
    if not words:
        return ""
    indentation = _SPACES.sub(lambda match: match.group().replace("\t", "    "), line[: len(line) - len(words)])
    return indentation + _SPACES.sub(" ", words).rstrip()


def _read_as_utf8(characters: str) -> str:
    try:
        return b"".join(_windows_byte(character) for character in characters).decode()
    except UnicodeDecodeError:
        return characters


def _windows_byte(character: str) -> bytes:
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")


def _plain_letter(match: re.Match[str]) -> str:
    plain = unicodedata.normalize("NFKC", match.group())
    return plain if len(plain) == 1 and (plain.isalnum() or plain.isascii()) else match.group()
