"""From cleaned documents to chunks, the units of context: one handler a category.

RecursiveCharacterTextSplitter of langchain-text-splitters proposes where to cut. What it proposes is put in order here:
chunks are exact spans that together hold every character, begin with a word, and are not needlessly short.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Protocol

from rag_llm_system.application.preprocessing.code_separators import is_code, separators_for_path
from rag_llm_system.application.preprocessing.packing import Span, balanced_borders, visible_spans
from rag_llm_system.application.preprocessing.tokens import TokenizedText
from rag_llm_system.domain.chunks import Chunk, span_id
from rag_llm_system.domain.cleaned_documents import CleanedDocument, Section
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

CHUNKING_VERSION = 1
"""Counts up whenever a handler would cut a document differently at the same sizes."""

# What it costs to end an article's chunk somewhere, against a cost of 1 for an empty chunk.
_COST_BEFORE_HEADING = 0.0
_COST_AT_PARAGRAPH = 0.05
_COST_WITHIN_PARAGRAPH = 1.0
_TAIL_TOKENS = 50
# The look behind keeps a long run of line ends from being tried from each of them.
_HEADING_NEXT = r"(?<!\n)\n\n+(?=#{1,6} )"
_PROSE_SEPARATORS = (_HEADING_NEXT, r"\n\n+", r"\n", r"(?<=[.!?…])[^\S\n]+", r"(?<=[。！？])", r"[^\S\n]+", "")
_PROSE_STARTS = re.compile(r"\n\s*|(?<=[.!?…])[^\S\n]+|(?<=[。！？])")
_LINE_STARTS = re.compile(r"\n+")
_BLANK_TO_LINE_END = re.compile(r"(?:[^\S\n]*\n)+")
_BLANK = re.compile(r"[^\S\n]+")


class ChunkingHandler(Protocol):
    """Cuts the documents of one category. Its `repr` names every size that decides where."""

    def chunk(self, document: CleanedDocument, tokens: TokenizedText) -> list[Chunk]:
        """Gives chunks in the order of the text; `tokens` are those of `document.text`.

        Together they hold every character; a text (or a section) of nothing but white space has none.
        """


@dataclass(frozen=True)
class ArticleChunkingHandler:
    """Cuts at paragraphs, `min_chars` to `max_chars` characters a chunk, without overlap.

    Only a text that leaves no other way (one shorter than `min_chars`, say) has a shorter chunk.
    """

    category: ClassVar[Category] = Category.ARTICLES
    min_chars: int = 1000
    max_chars: int = 2000

    def __post_init__(self) -> None:
        if not 0 < self.min_chars <= self.max_chars / 2:
            raise ConfigurationError(
                f"An article's chunks cannot have {self.min_chars} to {self.max_chars} characters: "
                "set a minimum from 1 to half the maximum."
            )

    def chunk(self, document: CleanedDocument, tokens: TokenizedText) -> list[Chunk]:  # noqa: ARG002 (characters only)
        """Gives the chunks in order; they tile the text."""
        text = document.text
        if len(text) <= self.max_chars:  # the balance below never makes two chunks of what fits into one
            return [chunk_of_span(document, 0, len(text))] if text.strip() else []
        # Pieces so small leave enough choice for joining them to chunks that are about equally long.
        splitter = _splitter(_PROSE_SEPARATORS, "end", max(1, self.min_chars // 4), len)
        borders = _borders(splitter, text, 0, len(text))
        pieces = visible_spans(lambda _: list(pairwise(borders)), text, 0, len(text))
        lengths = [end - start for start, end in pieces]
        costs = [_cost_of_border(text, end) for _, end in pieces]
        groups = pairwise(balanced_borders(lengths, costs, self.max_chars, self.min_chars))
        spans = [(pieces[first][0], pieces[last - 1][1]) for first, last in groups]
        return [chunk_of_span(document, start, end) for start, end in spans if text[start:end].strip()]


@dataclass(frozen=True)
class TokenChunkingHandler:
    """Cuts into chunks of `size_tokens` tokens, of which up to `overlap_tokens` repeat the end of the chunk before.

    A chunk is up to 50 tokens (or a fifth of `size_tokens`) longer where a tail that short would be left over.
    """

    size_tokens: int
    overlap_tokens: int

    def __post_init__(self) -> None:
        if not 0 <= self.overlap_tokens < self.size_tokens:
            raise ConfigurationError(
                f"Chunks of {self.size_tokens} tokens cannot overlap by {self.overlap_tokens}: "
                "set an overlap from 0 to below the size."
            )

    def chunk(self, document: CleanedDocument, tokens: TokenizedText) -> list[Chunk]:
        """Gives the chunks in order, none across a section's border."""
        whole = Section(path="", start=0, end=len(document.text))
        return [
            chunk_of_span(document, start, end, section.path)
            for section in document.sections or (whole,)
            for start, end in self._spans(section, tokens)
        ]

    def _spans(self, section: Section, tokens: TokenizedText) -> Iterator[Span]:
        if not tokens.text[section.start : section.end].strip():
            return
        pieces = self._pieces(section, tokens)
        starts = _LINE_STARTS if is_code(section.path) else _PROSE_STARTS
        yield pieces[0]
        for (before, start), (_, end) in pairwise(pieces):
            n_tokens = min(self.overlap_tokens, tokens.count(before, start) // 2)
            yield _reach_back(tokens, start, n_tokens, starts), end

    def _pieces(self, section: Section, tokens: TokenizedText) -> list[Span]:
        """Gives spans that tile the section, each with room for what it repeats."""
        start, end = section.start, section.end
        if tokens.count(start, end) <= self.size_tokens:
            return [(start, end)]
        size = self.size_tokens - self.overlap_tokens
        separators = separators_for_path(section.path)
        keep = "start" if separators else "end"
        splitter = _splitter(separators or _PROSE_SEPARATORS, keep, size, _TokenLength(tokens, start, end))
        spans = list(pairwise(_borders(splitter, tokens.text, start, end)))
        limits = _Limits(size // 2, size, min(_TAIL_TOKENS, self.size_tokens // 5))
        return _merge_short(spans, tokens.text, limits, tokens.count)


@dataclass(frozen=True)
class PostChunkingHandler(TokenChunkingHandler):
    """Cuts posts: most are one chunk."""

    category: ClassVar[Category] = Category.POSTS
    size_tokens: int = 250
    overlap_tokens: int = 25


@dataclass(frozen=True)
class RepositoryChunkingHandler(TokenChunkingHandler):
    """Cuts repositories file by file: code at its definitions, Markdown at its headings."""

    category: ClassVar[Category] = Category.REPOSITORIES
    size_tokens: int = 1500
    overlap_tokens: int = 100


class _TokenLength:
    """Gives the number of tokens of a piece of a text by looking up where it stands in it."""

    def __init__(self, tokens: TokenizedText, start: int, end: int) -> None:
        self._tokens, self._start, self._end = tokens, start, end
        self._at = start
        self._lengths: dict[str, int] = {}

    def __call__(self, piece: str) -> int:
        if piece not in self._lengths:
            self._lengths[piece] = self._look_up(piece)
        return self._lengths[piece]

    def _look_up(self, piece: str) -> int:
        # The splitter asks mostly in reading order. Any place will do: the same characters have the same tokens.
        found = self._tokens.text.find(piece, self._at, self._end)
        self._at = found if found >= 0 else self._tokens.text.find(piece, self._start, self._end)
        return self._tokens.count(self._at, self._at + len(piece))


@dataclass(frozen=True)
class _Limits:
    """Below `minimum` a span joins a neighbour if both fit into `maximum`; below `tail` it joins one in any case."""

    minimum: int
    maximum: int
    tail: int


def _cost_of_border(text: str, border: int) -> float:
    if text.startswith("#", border):
        return _COST_BEFORE_HEADING
    return _COST_AT_PARAGRAPH if text.endswith("\n\n", 0, border) else _COST_WITHIN_PARAGRAPH


def _splitter(
    separators: Sequence[str], keep_separator: str, size: int, length: Callable[[str], int]
) -> "RecursiveCharacterTextSplitter":
    try:
        from langchain_text_splitters import RecursiveCharacterTextSplitter
    except ImportError as error:
        raise MissingExtraError("Cutting documents into chunks", "pipelines") from error
    return RecursiveCharacterTextSplitter(
        separators=list(separators),
        is_separator_regex=True,
        keep_separator="start" if keep_separator == "start" else "end",
        chunk_size=size,
        chunk_overlap=0,
        length_function=length,
        strip_whitespace=False,
    )


def _borders(splitter: "RecursiveCharacterTextSplitter", text: str, start: int, end: int) -> list[int]:
    """Gives rising positions from `start` to `end`, each after the first at a word or a line's indentation."""
    borders = [start]
    at = start
    for piece in splitter.split_text(text[start:end]):
        at = text.find(piece, at, end) + len(piece)
        border = _after_blank(text, at, end)
        if border > borders[-1]:
            borders.append(border)
    if end > borders[-1]:
        borders.append(end)
    return borders


def _after_blank(text: str, at: int, end: int) -> int:
    """Gives the position after line ends, and, within a line, after spaces; a line's indentation is not passed over."""
    if match := _BLANK_TO_LINE_END.match(text, at, end):
        return match.end()
    match = _BLANK.match(text, at, end)
    return match.end() if match and text[at - 1] != "\n" else at


def _merge_short(spans: list[Span], text: str, limits: _Limits, size: Callable[[int, int], int]) -> list[Span]:
    merged: list[Span] = []
    for start, end in spans:
        short = merged and min(size(*merged[-1]), size(start, end)) < limits.minimum
        if short and size(merged[-1][0], end) <= limits.maximum:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    at = 0
    while at < len(merged):
        if len(merged) > 1 and (size(*merged[at]) < limits.tail or not text[slice(*merged[at])].strip()):
            at = _merge_into_smaller_neighbour(merged, at, size)
        else:
            at += 1
    return [span for span in merged if text[slice(*span)].strip()]


def _merge_into_smaller_neighbour(spans: list[Span], at: int, size: Callable[[int, int], int]) -> int:
    """Joins the span with one beside it, in place, and gives where the joined span stands."""
    with_next = at == 0 or (at + 1 < len(spans) and size(*spans[at + 1]) < size(*spans[at - 1]))
    first = at if with_next else at - 1
    spans[first : first + 2] = [(spans[first][0], spans[first + 1][1])]
    return first


def _reach_back(tokens: TokenizedText, start: int, n_tokens: int, starts: re.Pattern[str]) -> int:
    """Gives the first line or sentence start among the last `n_tokens` tokens before `start`, else `start`."""
    earliest = tokens.start_of_last(n_tokens, start)
    for match in starts.finditer(tokens.text, max(0, earliest - 1), start):
        if match.end() >= earliest:
            return match.end()
    return start


def chunk_of_span(document: CleanedDocument, start: int, end: int, path: str = "") -> Chunk:
    """Gives the chunk that is the span [start, end) of the document."""
    return Chunk(span_id(document.id, start, end, document.text[start:end]), document, start, end, path)
