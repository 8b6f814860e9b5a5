"""From chunks to windows: what is embedded, small enough that the embedder reads every word of it.

Windows end where sentences, paragraphs or lines do, are about equally full, and tile their chunk. All counting is done
on one tokenisation of the document.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag_llm_system.application.preprocessing.code_separators import is_code
from rag_llm_system.application.preprocessing.packing import (
    Span,
    balanced_borders,
    equal_parts,
    line_spans,
    visible_spans,
)
from rag_llm_system.application.preprocessing.tokens import TokenizedText
from rag_llm_system.domain.chunks import Chunk, Window, span_id
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.domain.ports.embedder import Tokenizer
from rag_llm_system.domain.sentences import sentence_spans

PACKING_VERSION = 1
"""Counts up whenever the packer would cut a chunk differently at the same sizes."""

_HEADING = re.compile(r"\s*#{1,6}[ \t]")
# What it costs to end a window somewhere, against a cost of 1 for an empty window.
_COST_AT_PARAGRAPH = 0.0
_COST_AT_LINE = 0.05
_COST_AT_SENTENCE = 0.1
_COST_AFTER_HEADING = 0.5
# Tokens may count differently once a text stands alone; so near to the limit they are counted again.
_MARGIN_TOKENS = 8


@dataclass(frozen=True)
class WindowPacker:
    """Packs chunks into windows.

    Args:
        tokenizer: the embedder's.
        max_window_tokens: the most tokens of a window's own text.
        max_input_tokens: the most tokens the embedder reads, heading and text together.
        max_heading_tokens: the most tokens of the heading.
    """

    tokenizer: Tokenizer
    max_window_tokens: int = 128
    max_input_tokens: int = 254
    max_heading_tokens: int = 32

    def __post_init__(self) -> None:
        if self.max_window_tokens < 1 or self.max_heading_tokens < 0:
            raise ConfigurationError("A window needs at least 1 token and a heading at least 0: raise the settings.")
        if self.max_heading_tokens * 2 > self.max_input_tokens:
            raise ConfigurationError(
                f"A heading of {self.max_heading_tokens} tokens leaves too little of the {self.max_input_tokens} that "
                "the embedder reads: lower it to half of them at the most."
            )

    def pack(self, chunks: Sequence[Chunk], tokens: TokenizedText) -> list[Window]:
        """Gives the windows of each chunk in order; `tokens` are those of the chunks' document.

        The windows of a chunk tile it and none is blank. With the heading and a line end before it, no window has
        more tokens than the embedder reads, whatever the text; only a single character is never cut.
        """
        headings = self._headings(chunks)
        windows: list[Window] = []
        for chunk in chunks:
            heading, n_heading = headings[chunk.path]
            limit = min(self.max_window_tokens, self.max_input_tokens - n_heading - 1)
            spans = _pack_chunk(chunk, tokens, limit)
            windows += (_window(chunk, span, heading) for span in spans)
        return self._cut_what_is_over(windows, tokens)

    def _headings(self, chunks: Sequence[Chunk]) -> dict[str, tuple[str, int]]:
        """Maps each path to its heading and the heading's number of tokens."""
        paths = list(dict.fromkeys(chunk.path for chunk in chunks))
        headings = [self._heading(chunks[0].document.title, path) for path in paths]
        return dict(zip(paths, zip(headings, self._count(headings), strict=True), strict=True))

    def _heading(self, title: str, path: str) -> str:
        """Gives the title's beginning and the path's end, together at most `max_heading_tokens` tokens."""
        title = " ".join(title.split())
        n_title, n_path = self._count([title, path])
        if n_title + n_path <= self.max_heading_tokens:
            return f"{title} {path}".strip()
        n_for_path = self.max_heading_tokens - min(n_title, self.max_heading_tokens // 2)
        while n_path > n_for_path and "/" in path:
            path = path.partition("/")[2]
            n_path = self._count([path])[0]
        path = self._beginning(path, n_for_path)
        title = self._beginning(title, self.max_heading_tokens - self._count([path])[0])
        return f"{title} {path}".strip()

    def _beginning(self, text: str, n_tokens: int) -> str:
        offsets = self.tokenizer.encode_with_offsets([text])[0]
        return text if len(offsets) <= n_tokens else text[: int(offsets[n_tokens][0])].rstrip()

    def _count(self, texts: Sequence[str]) -> list[int]:
        return [len(offsets) for offsets in self.tokenizer.encode_with_offsets(texts)]

    def _cut_what_is_over(self, windows: list[Window], tokens: TokenizedText) -> list[Window]:
        """Gives the windows with those halved, and halved again, that are over a limit when they stand alone."""
        suspects = [window for window in windows if self._may_be_over(window, tokens)]
        over = {window.id for window, is_over in zip(suspects, self._are_over(suspects), strict=True) if is_over}
        return [part for window in windows for part in (self._cut(window) if window.id in over else (window,))]

    def _may_be_over(self, window: Window, tokens: TokenizedText) -> bool:
        n_tokens = tokens.count(window.start, window.end) + self.max_heading_tokens
        return (
            n_tokens + _MARGIN_TOKENS > self.max_input_tokens
            or _is_within_word(tokens.text, window.start)
            or _is_within_word(tokens.text, window.end)
        )

    def _are_over(self, windows: Sequence[Window]) -> list[bool]:
        alone = self._count([window.text for window in windows])
        headed = self._count([f"{window.heading}\n{window.text}" for window in windows])
        return [
            n_alone > self.max_window_tokens or n_headed > self.max_input_tokens
            for n_alone, n_headed in zip(alone, headed, strict=True)
        ]

    def _cut(self, window: Window) -> Iterator[Window]:
        """Gives the window's halves, each cut again while it is over; a single visible character is never cut."""
        visible = [at for at, character in enumerate(window.text) if not character.isspace()]
        if len(visible) < 2:
            yield window
            return
        middle = window.start + visible[len(visible) // 2]
        for span in ((window.start, middle), (middle, window.end)):
            half = _window(window.chunk, span, window.heading)
            if self._are_over([half])[0]:
                yield from self._cut(half)
            else:
                yield half


def _window(chunk: Chunk, span: Span, heading: str) -> Window:
    # The chunk's id and not the document's: two chunks that overlap may have windows of the same span.
    return Window(span_id(chunk.id, *span, chunk.document.text[slice(*span)]), chunk, *span, heading)


def _is_within_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and not text[at - 1].isspace() and not text[at].isspace()


def _pack_chunk(chunk: Chunk, tokens: TokenizedText, limit: int) -> list[Span]:
    units = list(_units(chunk, tokens, limit))
    n_tokens = [max(1, tokens.count(*unit)) for unit in units]
    costs = [_cost_of_end(tokens.text[slice(*unit)]) for unit in units]
    borders = balanced_borders(n_tokens, costs, limit)
    return [(units[first][0], units[last - 1][1]) for first, last in pairwise(borders)]


def _cost_of_end(unit: str) -> float:
    if _HEADING.match(unit):
        return _COST_AFTER_HEADING
    if unit.count("\n", len(unit.rstrip())) > 1:
        return _COST_AT_PARAGRAPH
    return _COST_AT_LINE if unit.endswith("\n") else _COST_AT_SENTENCE


def _units(chunk: Chunk, tokens: TokenizedText, limit: int) -> Iterator[Span]:
    """Gives spans that tile the chunk, none blank, none over the limit: sentences, or lines, or parts of lines."""
    cut = line_spans if is_code(chunk.path) else sentence_spans
    for start, end in visible_spans(cut, tokens.text, chunk.start, chunk.end):
        if tokens.count(start, end) <= limit:
            yield start, end
            continue
        for line_start, line_end in visible_spans(line_spans, tokens.text, start, end):
            yield from equal_parts(tokens, line_start, line_end, limit)
