"""Which parts of a passage can stand alone as a quote: sentences, list items, rows of tables, not titles or badges."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from rag_llm_system.domain.sentences import sentence_spans

_FENCE = re.compile(r"^[ \t>]*(?:```|~~~)[ \t]*(\S*)", re.MULTILINE)
_CODE_LINE = re.compile(
    r"""\s*(?:
        >>>\s | \.\.\.\s | \$\s | import\ \w | from\ [\w.]+\ import\b
      | (?:async\ )?def\ \w | class\ \w+[:(] | return\ | @\w+
      | [\w.\[\]"']+\ ?[-+*/|]?=\ ?\S     # an assignment
      | [\w.]+\(.*\)[;,:]?\s*$         # a call
      | [{}()\[\];,\s]+$              # brackets alone
    )""",
    re.VERBOSE,
)
_LIST_MARKER = re.compile(r"[ \t]*(?:>[ \t]*)*(?:(?:\\?[-*+•·]|\d{1,3}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?)")
_QUOTE_MARKER = re.compile(r"[ \t]*(?:>[ \t]?)+")
_UNDERLINE = re.compile(r"\s*([=\-~^\"'*#+.])\1{2,}\s*$")
_NOT_PROSE = re.compile(
    r"""\s*(?:
        \#{1,6}\s                                  # a Markdown heading
      | \|                                         # a table row
      | (?:\[?!\[[^\]]*\]\([^)]*\)(?:\]\([^)]*\))?[\s,|]*)+$   # badges and images alone
      | \[[^\]]*\]\([^)]*\)\s*$                    # a link alone
      | \[[^\]]+\]:\s                              # a link's target
      | \.\.\s                                     # a directive or target of reStructuredText
      | :[\w-]+:(?:\s|$)                           # a field of one
      | https?://\S+\s*$                           # an address alone
      | </?[A-Za-z!][^>]*>\s*(?:</?[A-Za-z][^>]*>\s*)*$        # tags alone
    )""",
    re.VERBOSE,
)
_HEADING_MARKER = re.compile(r"[ \t]*#{1,6}[ \t]+(?:\d{1,3}(?:\.\d+)*[.)]?[ \t]+)?")
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|can|cannot|must|will|should|does|do|needs?|keeps?|holds?|makes?|stays?|gives?"
    r"|takes?|goes|stands?|runs?|becomes?|belongs?|survives?|refuses?|answers)\b"
)
_TELLING_WORDS = 6
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*$")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\||$)")
_OF_ONE_LINE = ("item", "row", "heading")
_TABLE_ROW = re.compile(r"(?:[^|\n]*\|){2,}")
_WORD = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+|\s+")
_SPACED = re.compile(r"\S+")
_ENDS_LIKE_PROSE = re.compile(r"[.!?:;…。！？][\"'”’)\]*_`]*$")
_INLINE_CODE = re.compile(r"`[^`]*`")
_CODE_SIGN = re.compile(r"\w\([^)]*=|->|\bself[.,]|[{};]\s*$|==|\w\.\w+\(|\w\[[\"'\w]+\]")
_SETTINGS = re.compile(r"[\w.-]+:[ \t]+\S+(?:\s*\n\s*[\w.-]+:[ \t]+\S+)+\s*")
"""Lines of YAML, two or more."""
_HEADING_WORDS = 8
_CODE_WORDS = 20
_MIN_WORDS = 3
_MIN_LETTERS = 0.6


Kind = Literal["prose", "code", "row", "heading"]


@dataclass(frozen=True, slots=True)
class Quotable:
    """Characters [start, end) of a passage, trimmed, without the marker of a list item or a heading."""

    start: int
    end: int
    kind: Kind = "prose"


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines [start, end) that belong together."""

    start: int
    end: int
    kind: str


def quotables(text: str) -> list[Quotable]:
    """Gives the parts of a text that can be quoted, in order: sentences, blocks of code, rows of Markdown tables.

    What a Markdown or reStructuredText reader does not see as prose (headings, badges, rules, link targets) is left
    out, and so are lines that look like a heading without its mark. Of headings those are kept that say something.
    """
    found = []
    for block in _blocks(text):
        if block.kind == "code":
            found.append(_trimmed(text, block.start, block.end, "code"))
        elif block.kind == "row":
            found.append(_trimmed(text, block.start, block.end, "row"))
        elif block.kind == "heading":
            marker = _HEADING_MARKER.match(text, block.start, block.end)
            found.append(_trimmed(text, marker.end() if marker else block.start, block.end, "heading"))
        else:
            found += _sentences(text, block)
    return [part for part in found if part.end > part.start]


def shortened(text: str, start: int, end: int, max_words: int, is_wanted: Callable[[str], bool]) -> tuple[int, int]:
    """Gives the span of at most `max_words` words within [start, end) that holds the most wanted words.

    Of equally good spans it gives the one that begins where the text does, or else the middle one.
    """
    words = [(start + word.start(), start + word.end()) for word in _SPACED.finditer(text[start:end])]
    if len(words) <= max_words:
        return start, end
    so_far = list(accumulate((is_wanted(text[first:last]) for first, last in words), initial=0))
    counts = [after - before for before, after in zip(so_far, so_far[max_words:], strict=False)]
    most = max(counts)
    best = [place for place, count in enumerate(counts) if count == most]
    place = 0 if best[0] == 0 else best[len(best) // 2]
    return words[place][0], words[place + max_words - 1][1]


def ends_like_prose(sentence: str) -> bool:
    """Says whether a sentence has its full stop or another mark of an end; headings, slogans and some items do not."""
    return bool(_ENDS_LIKE_PROSE.search(sentence))


def _blocks(text: str) -> Iterator[_Block]:
    """Groups lines: a block of code, a list item, a paragraph. Lines that are no prose end a block and are dropped."""
    block: _Block | None = None
    fenced = _starts_within_code(text)
    for start, end, following in _lines(text):
        line = text[start:end]
        kind, fenced = _kind_of(line, fenced, following)
        goes_on = block and (
            (kind == block.kind and kind not in _OF_ONE_LINE) or (kind == "text" and block.kind != "code")
        )
        if block and goes_on:
            block = _Block(block.start, end, block.kind)
        else:
            if block:
                yield block
            block = _Block(start, end, kind) if kind else None
    if block:
        yield block


def _lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Gives each line's span and the next line."""
    spans = []
    start = 0
    for line in text.splitlines(keepends=True):
        spans.append((start, start + len(line)))
        start += len(line)
    for place, (start, end) in enumerate(spans):
        following = text[slice(*spans[place + 1])] if place + 1 < len(spans) else ""
        yield start, end, following


def _starts_within_code(text: str) -> bool:
    """Guesses whether a passage was cut from the middle of fenced code: its first fence then is one that closes."""
    labels = _FENCE.findall(text)
    return bool(labels) and not labels[0] and (len(labels) % 2 == 1 or bool(labels[1]))


def _kind_of(line: str, fenced: bool, following: str) -> tuple[str, bool]:
    """Gives what a line is, "" for what cannot be quoted, and whether a fence is open after it."""
    if _FENCE.match(line):
        return "", not fenced
    if fenced:
        return "code", True
    if _is_row(line, following):
        return "row", False
    if _is_telling_heading(line):
        return "heading", False
    if (
        not line.strip()
        or _UNDERLINE.match(following)
        or _UNDERLINE.match(line)
        or _NOT_PROSE.match(line)
        or _TABLE_ROW.match(line)
    ):
        return "", False
    if _LIST_MARKER.match(line):
        return "item", False
    if _CODE_LINE.match(line):
        return "code", False
    return ("quote" if _QUOTE_MARKER.match(line) else "text"), False


def _is_row(line: str, following: str) -> bool:
    """Says whether a line is a row of a Markdown table with something to say, not its header or its rule."""
    cells = [cell for cell in line.strip().strip("|").split("|") if _WORD.search(cell)] if _ROW.match(line) else []
    return len(cells) > 1 and not _TABLE_RULE.match(following) and len(_WORD.findall(line)) >= _MIN_WORDS


def _is_telling_heading(line: str) -> bool:
    """Says whether a Markdown heading is a sentence: it has a verb and enough words, and asks nothing."""
    if not _HEADING_MARKER.match(line) or line.rstrip().endswith("?"):
        return False
    return len(_WORD.findall(line)) >= _TELLING_WORDS and bool(_VERB.search(line))


def _sentences(text: str, block: _Block) -> list[Quotable]:
    start = block.start
    marker = (_LIST_MARKER if block.kind == "item" else _QUOTE_MARKER).match(text, start, block.end)
    start = marker.end() if marker else start
    spans = [_trimmed(text, start + first, start + last) for first, last in sentence_spans(text[start : block.end])]
    return [part for part in spans if _is_prose(text[part.start : part.end], block.kind, len(spans))]


def _trimmed(text: str, start: int, end: int, kind: Kind = "prose") -> Quotable:
    piece = text[start:end]
    return Quotable(start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip()), kind)


def _is_prose(sentence: str, kind: str, n_in_block: int) -> bool:
    n_words = len(_WORD.findall(sentence))
    letters = sum(map(len, _LETTERS.findall(sentence)))
    if n_words < _MIN_WORDS or letters < _MIN_LETTERS * len(sentence):
        return False
    if _SETTINGS.fullmatch(sentence):
        return False
    if n_words < _CODE_WORDS and _CODE_SIGN.search(_INLINE_CODE.sub("", sentence)):
        return False
    looks_like_heading = kind == "text" and n_in_block == 1 and n_words < _HEADING_WORDS
    return not looks_like_heading or ends_like_prose(sentence)
