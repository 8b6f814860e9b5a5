"""Which blocks of a page belong to its main text: those whose words an extractor kept, and the code among them."""

import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+")
_LINK_TARGET = re.compile(r"\]\((?:[^()\s]|\([^()\s]*\))*\)")
_ITEM_NUMBER = re.compile(r"^\s*\d+\.\s", re.MULTILINE)
_LONGEST_RUN = 3
_PROSE_WORDS = 8
_KEPT_SHARE = 0.5


def main_blocks(blocks: Sequence[str], extracted: str) -> list[str]:
    """Gives the blocks of the main text, in order and unchanged.

    The extractor knows what belongs to the text, but loses blank lines, indentation and marks. So its words choose
    among blocks that were written with care.

    Args:
        blocks: the page's blocks as Markdown.
        extracted: what the extractor made of the page.
    """
    known = _runs(_words(extracted))
    belongs = [_is_code(block) or _share(_words(block), known) >= _KEPT_SHARE for block in blocks]
    prose = [
        number
        for number, block in enumerate(blocks)
        if belongs[number] and not _is_code(block) and len(_words(block)) >= _PROSE_WORDS
    ]
    if not prose:
        return []
    first, last = prose[0], prose[-1]
    # Short blocks count only where they adjoin: a menu's words may stand in the text as well.
    while first > 0 and belongs[first - 1]:
        first -= 1
    while last + 1 < len(blocks) and belongs[last + 1]:
        last += 1
    return [blocks[number] for number in range(first, last + 1) if belongs[number]]


def coverage(blocks: Sequence[str], extracted: str) -> float:
    """Gives the share of the extractor's words that the blocks hold, between 0 and 1."""
    return _share(_words(extracted), _runs(_words("\n".join(blocks))))


def _words(markdown: str) -> list[str]:
    return _WORD.findall(_LINK_TARGET.sub("]", _ITEM_NUMBER.sub("", markdown)).lower())


def _runs(words: Sequence[str]) -> set[tuple[str, ...]]:
    """Gives all runs of one to three words."""
    lengths = range(1, _LONGEST_RUN + 1)
    return {tuple(words[start : start + n]) for n in lengths for start in range(len(words) - n + 1)}


def _share(words: Sequence[str], known: set[tuple[str, ...]]) -> float:
    length = min(_LONGEST_RUN, len(words))
    runs = [tuple(words[start : start + length]) for start in range(len(words) - length + 1)] if words else []
    return sum(run in known for run in runs) / len(runs) if runs else 0.0


def _is_code(block: str) -> bool:
    return block.startswith("```")
