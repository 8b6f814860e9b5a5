"""A text and where its tokens stand, so that sizes in tokens are looked up instead of counted again and again."""

from array import array
from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.ports.embedder import Tokenizer

_BLOCK_CHARS = 20_000
_CHARS_PER_TOKEN = 100


class TokenizedText:
    """A text with the character span of every token, found in one pass.

    A tokenizer may make one token, or none, of thousands of characters (a hex dump; what it does not know). Each 100
    of them count as a token here, so that no size in tokens lets a text of any length through.

    Args:
        text: the text.
        offsets: int32, shape (n_tokens, 2): spans [start, end), in order.
    """

    def __init__(self, text: str, offsets: NDArray[np.int32]) -> None:
        self.text = text
        spans = _long_spans_cut(_gaps_filled(np.maximum.accumulate(offsets, axis=0), len(text)))
        # Arrays of plain integers: bisect takes 0.2 us on them, ten times that on numpy's.
        self._starts = array("i", spans[:, 0].astype(np.intc).tobytes())
        self._ends = array("i", spans[:, 1].astype(np.intc).tobytes())

    @classmethod
    def of(cls, text: str, tokenizer: Tokenizer) -> "TokenizedText":
        """Gives the text with its tokens; a long text is handed over in blocks that end at white space."""
        bounds = _block_bounds(text)
        blocks = [text[start:end] for start, end in bounds]
        parts = [
            offsets.reshape(-1, 2) + start
            for (start, _), offsets in zip(bounds, tokenizer.encode_with_offsets(blocks), strict=True)
        ]
        return cls(text, np.concatenate(parts) if parts else np.empty((0, 2), dtype=np.int32))

    def count(self, start: int, end: int) -> int:
        """Counts the tokens that have at least one character in [start, end)."""
        return bisect_left(self._starts, end) - bisect_right(self._ends, start) if start < end else 0

    def starts_between(self, start: int, end: int) -> list[int]:
        """Gives where the tokens begin that begin in [start, end), in order."""
        return self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)].tolist()

    def start_of_last(self, n_tokens: int, end: int) -> int:
        """Gives the position where the last `n_tokens` tokens before `end` begin; `end` itself for 0 tokens."""
        after = bisect_left(self._starts, end)
        return self._starts[max(0, after - n_tokens)] if n_tokens > 0 and after > 0 else end


def _gaps_filled(spans: NDArray[np.int32], n_chars: int) -> NDArray[np.int32]:
    """Gives the spans with one more for each long gap before, between and after them; shape (n, 2), in order."""
    before, after = np.append(np.int32(0), spans[:, 1]), np.append(spans[:, 0], np.int32(n_chars))
    is_long = after - before > _CHARS_PER_TOKEN
    if not is_long.any():
        return spans
    gaps = np.column_stack([before[is_long], after[is_long]])
    filled = np.concatenate([spans, gaps])
    return filled[np.argsort(filled[:, 0], kind="stable")]


def _long_spans_cut(spans: NDArray[np.int32]) -> NDArray[np.int32]:
    """Gives the spans with each longer than a token counts for cut into several; shape (n, 2), in order."""
    if (spans[:, 1] - spans[:, 0] <= _CHARS_PER_TOKEN).all():
        return spans
    n_parts = np.maximum(1, -(-(spans[:, 1] - spans[:, 0]) // _CHARS_PER_TOKEN))
    numbers = np.arange(n_parts.sum()) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    starts = np.repeat(spans[:, 0], n_parts) + numbers * _CHARS_PER_TOKEN
    ends = np.minimum(starts + _CHARS_PER_TOKEN, np.repeat(spans[:, 1], n_parts))
    return np.column_stack([starts, ends]).astype(np.int32)


def _block_bounds(text: str) -> list[tuple[int, int]]:
    bounds = []
    start = 0
    while start < len(text):
        end = min(len(text), start + _BLOCK_CHARS)
        if end < len(text):
            end = _after_last_space(text, start + _BLOCK_CHARS // 2, end) or end
        bounds.append((start, end))
        start = end
    return bounds


def _after_last_space(text: str, start: int, end: int) -> int:
    """Gives the position after the last line end or else the last space in [start, end), 0 where there is none."""
    return text.rfind("\n", start, end) + 1 or text.rfind(" ", start, end) + 1
