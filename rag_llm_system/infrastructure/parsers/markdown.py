"""Markdown (CommonMark) and reStructuredText; the markup stays, cleaning comes later."""

import itertools
import re

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.ports.source import Fetched, Parsed
from rag_llm_system.infrastructure.parsers.text import charset_of, clean_text, decode_text, file_title, name_of

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_KEY_AND_VALUE = re.compile(r"([A-Za-z][\w-]*):(?:[ \t]+(.*?))?[ \t]*")
_TITLE_KEYS = {"title": "title", "subtitle": "subtitle", "description": "subtitle"}
_AUTHOR_KEYS = {"author", "authors"}
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*")
_RST_RULE = re.compile(r"([^\w\s])\1+[ \t]*")
_MARKUP = re.compile(r"!\[[^\]]*\]\([^)]*\)|<[^<>]+>|[*`]")
_LINK = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")


class MarkdownParser:
    """Reads Markdown, and reStructuredText by its media type.

    Title: what the source calls it, else `title:` in the front matter, else the first heading, else the file's name.
    Front matter is read as plain `key: value` lines; lines that this parser has no place for stay in the text.
    """

    def parse(self, fetched: Fetched) -> Parsed:
        """Gives the text with its markup.

        Raises:
            InputError: the bytes are not text.
        """
        text = clean_text(decode_text(fetched.body, name=name_of(fetched), declared=charset_of(fetched)))
        if "rst" in fetched.media_type:
            front, heading = _FrontMatter(), _rst_title(text)
        else:
            front, text = _split_front_matter(text)
            heading = _first_heading(text)
        return Parsed(
            category=fetched.category or Category.ARTICLES,
            title=fetched.title or front.fields.get("title") or heading or file_title(fetched),
            text=text,
            subtitle=front.fields.get("subtitle", ""),
            authors=tuple(front.authors),
        )


class _FrontMatter:
    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.authors: list[str] = []
        self.other_lines: list[str] = []


def _split_front_matter(text: str) -> tuple[_FrontMatter, str]:
    front = _FrontMatter()
    match = _FRONT_MATTER.match(text)
    if not match or not _KEY_AND_VALUE.fullmatch(match.group(1).split("\n", 1)[0]):
        return front, text
    key = ""
    for line in match.group(1).splitlines():
        entry = _KEY_AND_VALUE.fullmatch(line)
        key = entry.group(1).lower() if entry else key
        value = _unquoted(entry.group(2) or "" if entry else line)
        if entry and key in _TITLE_KEYS and value:
            front.fields.setdefault(_TITLE_KEYS[key], value)
        elif key in _AUTHOR_KEYS:
            front.authors.extend(_names(value))
        elif line.strip():
            front.other_lines.append(line)
    kept = "\n".join(front.other_lines)
    body = text[match.end() :]
    return front, f"{kept}\n\n{body}" if kept else body


def _names(value: str) -> list[str]:
    """Gives the names of "Ada, Bob", "[Ada, Bob]" and of a line of a YAML list, "- Ada" or "- name: Ada"."""
    text = re.sub(r"^-\s+", "", value.strip()).strip("[] ")
    text = re.sub(r"^name:\s*", "", text)
    names = (_unquoted(part) for part in re.split(r",|\band\b|&", text))
    return [name for name in names if name and "@" not in name and ":" not in name]


def _unquoted(value: str) -> str:
    text = value.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _first_heading(text: str) -> str:
    fence = ""
    previous = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and (not fence or line.strip().startswith(fence)):
            fence = "" if fence else mark.group(1)
        elif not fence:
            if (atx := _ATX.fullmatch(line)) and (title := _without_markup(atx.group(1))):
                return title
            if previous and _UNDERLINE.fullmatch(line) and (title := _without_markup(previous)):
                return title
        previous = "" if fence or mark or not line.strip() or line.startswith(("    ", "\t", ">")) else line
    return ""


def _rst_title(text: str) -> str:
    """Gives the first line that is underlined by as much punctuation as it is long (docutils: "Sections")."""
    lines = text.split("\n")
    for line, rule in itertools.pairwise(lines):
        title = line.strip()
        if title and not _RST_RULE.fullmatch(line) and _RST_RULE.fullmatch(rule) and len(rule.rstrip()) >= len(title):
            return re.sub(r"[*`]", "", title)
    return ""


def _without_markup(heading: str) -> str:
    return " ".join(_MARKUP.sub("", _LINK.sub(r"\1", heading)).split())
