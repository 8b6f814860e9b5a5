"""What cleaning does to HTML and Markdown, as pure functions. Code passes to the character."""

import html
import re
from collections.abc import Callable, Iterator

from rag_llm_system.application.preprocessing.text_operations import (
    as_plain_text,
    collapse_spaces,
    mend_characters,
    trim_blank_lines,
)

_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})(.*)$")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,9}[.)])(?:[ \t]|$)")
_INDENTED = re.compile(r"(?: {4}| {0,3}\t)")
_INLINE_CODE = re.compile(r"(?<![`\\])(`+)(?!`)(?:[^`\n]|\n(?![^\S\n]*\n)|(?!\1(?!`))`++){1,2000}?(?<!`)\1(?!`)")
_STASHED = re.compile(r"\x00(\d+)\x00")
_LONGEST_LIST_ITEM = 200
"""Lines that are looked at to see whether an indented line belongs to a list item."""

_BLOCK_TAGS = (
    "address|article|aside|blockquote|body|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form|"
    "h[1-6]|head|header|hr|html|li|main|nav|ol|p|section|summary|table|tbody|td|tfoot|th|thead|title|tr|ul"
)
# `s` is left out: "<s>" is a token of language models far more often than a struck-out word.
_INLINE_TAGS = (
    "a|abbr|audio|b|bdi|bdo|big|br|button|caption|cite|code|col|colgroup|data|del|dfn|em|embed|font|i|iframe|img|input|"
    "ins|kbd|label|link|mark|meta|object|picture|q|samp|small|source|span|strike|strong|sub|sup|svg|time|track|tt|u|var|"
    "video|wbr"
)
_NEVER_CLOSED = re.compile("br|dd|dt|hr|li|p|tbody|td|tfoot|th|thead|tr|wbr", re.IGNORECASE)
_ATTRIBUTES = (
    r"""(?:\s+(?:[\w:@.-]+\s*=\s*(?:"[^"<>]{0,2000}"|'[^'<>]{0,2000}'|[^\s"'<>=`]+)"""
    r"""|align|async|checked|controls|defer|disabled|hidden|muted|nowrap|open|required|reversed|selected))*+"""
)
_TAG = re.compile(rf"<(/?)({_BLOCK_TAGS}|{_INLINE_TAGS})({_ATTRIBUTES})\s*/?>", re.IGNORECASE)
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK_TAGS})\b[^<>]{{0,2000}}>", re.IGNORECASE)
_SPACE_BEFORE_ITEM = re.compile(r"(?<!\s)\s*+(?=<li\b)", re.IGNORECASE)
_TAG_IN_CODE = re.compile(r"</?(?:a|b|br|code|em|i|span|strong)\b[^<>]{0,2000}>", re.IGNORECASE)
_CODE = re.compile(r"<(code|kbd|samp|tt)\b[^<>]{0,200}>([^\n]{1,500}?)</\1\s*>", re.IGNORECASE)
_UNREAD = (
    ("<!--", "-->"),
    *((rf"<{name}\b[^<>]{{0,2000}}>", rf"</{name}\s*>") for name in ("script", "style", "template")),
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

_TARGET = r"""\(\s*+(<[^<>\n]*>|(?:[^\s()<>]|\([^\s()]*\))*+)(?:\s++(?:"[^"\n]*"|'[^'\n]*'))?\s*+\)"""
_LABEL = r"((?:[^\[\]\n]|\n(?![^\S\n]*\n)|\[[^\[\]\n]*\])*+)"
_BASE64_DATA = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,[A-Za-z0-9+/=%]*")
_LINKED_IMAGE = re.compile(rf"\[\s*!\[([^\[\]]*)\]{_TARGET}\s*\](?:{_TARGET}|\[[^\[\]\n]*\])")
_IMAGE = re.compile(rf"!\[([^\[\]]*)\]{_TARGET}")
_LINK = re.compile(rf"(?<!\\)\[{_LABEL}\]{_TARGET}")
_REFERENCE_LINK = re.compile(rf"(?<![\\\w\]])\[{_LABEL}\]\[([^\[\]\n]*)\]")
_DEFINITION = re.compile(
    r"^ {0,3}\[(?!\^)([^\[\]\n]+)\]:[ \t]+\S+(?:[ \t]+(?:\"[^\"\n]*\"|'[^'\n]*'|\([^()\n]*\)))?[ \t]*$", re.M
)
_LOOKS_LIKE_TARGET = re.compile(r"<|https?:|ftp:|mailto:|www\.|[/#.?]|.*[/.#]|$", re.IGNORECASE)
_BADGE = re.compile(
    r"shields\.io|badge|badgen\.net|travis-ci|circleci\.com|codecov\.io|coveralls\.io|/workflows/[^\s]*\.svg|"
    r"api\.codacy|snyk\.io|sonarcloud\.io|appveyor\.com|gitter\.im|zenodo\.org/[^\s]*\.svg",
    re.IGNORECASE,
)
_IMAGE_SOURCE = re.compile(r"""\bsrc\s*=\s*["']?([^"'\s>]*)""", re.IGNORECASE)
_IMAGE_WORDS = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)


def words_of_markup(text: str) -> str:
    """Gives the words of Markdown, HTML, or Markdown with HTML in it; paragraphs, lists, headings and code stay.

    Code (fenced, indented, in backticks, `<pre>`, `<code>`) passes to the character. Tags go only where they can be
    nothing but HTML: `a < b`, `List<int>` and unknown tags stay. A link leaves its words, an image its description,
    a badge nothing.
    """
    stash: list[str] = []
    text = _stash_code(as_plain_text(text), stash)
    for opening, closing in _UNREAD:
        text = _replace_between(text, opening, closing, lambda _: "")
    text = _words_of_markdown(text)
    text = _ENTITY.sub(lambda match: html.unescape(match.group()), _words_of_tags(text))
    text = collapse_spaces(mend_characters(text))
    return trim_blank_lines(_unstash(text, stash))


def first_heading(text: str) -> str:
    """Gives the words of the first Markdown heading, or "" where there is none."""
    match = re.search(r"^#{1,6}[ \t]+(.*\w.*?)[ \t#]*$", text, re.MULTILINE)
    return match.group(1) if match else ""


def _stash_code(text: str, stash: list[str]) -> str:
    """Gives the text with each piece of code replaced by a mark around NULs, which plain text has none of."""

    def put(code: str) -> str:
        stash.append(code)
        return f"\0{len(stash) - 1}\0"

    is_page = _is_page(text)
    segments = _code_and_prose(text, indented=not is_page)
    text = "\n".join(put(segment) if is_code else segment for is_code, segment in segments)
    text = _replace_between(text, r"<pre\b[^<>]{0,2000}>", r"</pre\s*>", lambda code: f"\n\n{put(_fenced(code))}\n\n")
    if is_page:
        text = re.sub(r"^[^\S\n]+", "", text, flags=re.MULTILINE)
    text = _INLINE_CODE.sub(lambda match: put(match.group()), text)
    return _CODE.sub(lambda match: put(f"`{_code_of_html(match.group(2))}`"), text)


def _replace_between(text: str, opening: str, closing: str, replace: Callable[[str], str]) -> str:
    """Gives the text with each `opening ... closing` replaced; what stands between is handed to `replace`."""
    last = max((match.end() for match in re.finditer(closing, text, re.IGNORECASE)), default=0)
    # What opens after the last end is never closed: looking at it would take quadratic time.
    pattern = re.compile(f"{opening}(.*?){closing}", re.IGNORECASE | re.DOTALL)
    return pattern.sub(lambda match: replace(match.group(1)), text[:last]) + text[last:]


def _is_page(text: str) -> bool:
    """Tells HTML from Markdown with some HTML in it: in HTML, block tags stand in more than every other line."""
    n_lines = sum(1 for line in text.split("\n") if line.strip())
    return len(_BLOCK_TAG.findall(text)) * 2 > n_lines


def _code_and_prose(text: str, *, indented: bool) -> Iterator[tuple[bool, str]]:
    """Gives (is code, lines) in order; joined by line ends the lines are the text (CommonMark 4.4, 4.5)."""
    lines = text.split("\n")
    start = at = 0
    while at < len(lines):
        end = _code_block_end(lines, at, indented=indented)
        if end > at:
            if at > start:
                yield False, "\n".join(lines[start:at])
            yield True, "\n".join(lines[at:end])
            start = end
        at = max(end, at + 1)
    if start < len(lines):
        yield False, "\n".join(lines[start:])


def _code_block_end(lines: list[str], at: int, *, indented: bool) -> int:
    """Gives the line after the code block that opens in line `at`, or `at` where none does."""
    if fence := _FENCE.match(lines[at]):
        return _fence_end(lines, at, fence) if "`" not in fence.group(2) else at
    opens = indented and lines[at].strip() and _INDENTED.match(lines[at]) and not _LIST_ITEM.match(lines[at])
    if not opens or (at and lines[at - 1].strip()) or _is_within_list(lines, at):
        return at
    end = at
    for number in range(at, len(lines)):
        if _INDENTED.match(lines[number]) and lines[number].strip():
            end = number + 1
        elif lines[number].strip():
            break
    return end


def _fence_end(lines: list[str], at: int, fence: re.Match[str]) -> int:
    for number in range(at + 1, len(lines)):
        closing = _FENCE.match(lines[number])
        if closing and closing.group(1).startswith(fence.group(1)) and not closing.group(2).strip():
            return number + 1
    return len(lines)


def _is_within_list(lines: list[str], at: int) -> bool:
    for line in reversed(lines[max(0, at - _LONGEST_LIST_ITEM) : at]):
        if line.strip():
            if _LIST_ITEM.match(line):
                return True
            if not line[0].isspace():
                return False
    return False


def _fenced(code: str) -> str:
    lines = _code_of_html(code).strip("\n")
    return f"```\n{lines}\n```"


def _code_of_html(code: str) -> str:
    return html.unescape(_TAG_IN_CODE.sub("", code))


def _words_of_markdown(text: str) -> str:
    text = _BASE64_DATA.sub("", text)
    text = _LINKED_IMAGE.sub(lambda match: _image_words(match.group(1), match.group(2)), text)
    text = _IMAGE.sub(lambda match: _image_words(match.group(1), match.group(2)), text)
    text = _LINK.sub(_link_words, text)
    references = {" ".join(name.casefold().split()) for name in _DEFINITION.findall(text)}
    if references:
        text = _REFERENCE_LINK.sub(lambda match: _reference_words(match, references), text)
        text = _DEFINITION.sub("", text)
    return text


def _image_words(description: str, source: str) -> str:
    return "" if _BADGE.search(source) else description


def _link_words(match: re.Match[str]) -> str:
    words, target = match.group(1), match.group(2)
    is_call = match.start() > 0 and (
        match.string[match.start() - 1].isalnum() or match.string[match.start() - 1] in "_])"
    )
    if not _LOOKS_LIKE_TARGET.match(target) or (is_call and not re.match(r"<|https?:|mailto:|/|#", target)):
        return match.group()
    return words or (target.strip("<>") if target.startswith(("http", "<http")) else "")


def _reference_words(match: re.Match[str], references: set[str]) -> str:
    name = " ".join((match.group(2) or match.group(1)).casefold().split())
    return match.group(1) if name in references else match.group()


def _words_of_tags(text: str) -> str:
    closed = {match.group(2).lower() for match in _TAG.finditer(text) if match.group(1)}

    def replace(match: re.Match[str]) -> str:
        name = match.group(2).lower()
        is_opening = not match.group(1)
        if is_opening and not match.group(3).strip() and name not in closed and not _NEVER_CLOSED.fullmatch(name):
            return match.group()
        return _tag_words(name, match.group(3), is_opening=is_opening)

    return _TAG.sub(replace, _SPACE_BEFORE_ITEM.sub("\n", text))


def _tag_words(name: str, attributes: str, *, is_opening: bool) -> str:
    """Gives what stands in a tag's place: line ends for blocks, a mark for headings and list items."""
    if name == "img":
        source, words = _IMAGE_SOURCE.search(attributes), _IMAGE_WORDS.search(attributes)
        return _image_words(
            (words.group(1) or words.group(2) or "") if words else "", source.group(1) if source else ""
        )
    if name in ("br", "tr"):
        return "\n" if is_opening else ""
    if name in ("td", "th"):
        return "" if is_opening else " "
    if name == "li":
        return "- " if is_opening else ""
    if re.fullmatch("h[1-6]", name):
        return f"\n\n{'#' * int(name[1])} " if is_opening else "\n\n"
    return "\n\n" if re.fullmatch(_BLOCK_TAGS, name) else ""


def _unstash(text: str, stash: list[str]) -> str:
    while _STASHED.search(text):
        text = _STASHED.sub(lambda match: stash[int(match.group(1))], text)
    return text
