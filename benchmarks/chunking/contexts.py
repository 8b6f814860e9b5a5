"""Ways to make a context of what was found, within a budget of characters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.chunking.questions import Span, merged
from rag_llm_system.application.rag.candidates import Candidate
from rag_llm_system.application.rag.context import ContextBuilder

Context = Mapping[str, list[Span]]
"""The spans of each document, merged."""


@dataclass(frozen=True)
class Finding:
    """What a question found.

    Args:
        windows: (document, start, end), best first.
        chunks: the same by their chunks, best first.
        beside: each window with the one before and the one after it in its document.
    """

    windows: Sequence[tuple[str, int, int]]
    chunks: Sequence[Candidate]
    beside: Mapping[tuple[str, int, int], tuple[str, int, int]]


def whole_chunks(finding: Finding, budget_chars: int) -> Context:
    """Gives the chunks in their order, those left out that do not fit."""
    return _filled([(chunk.document_id, chunk.start, chunk.end) for chunk in finding.chunks], budget_chars)


def windows_alone(finding: Finding, budget_chars: int) -> Context:
    """Gives the windows in their order; adjacent ones become one."""
    return _filled(finding.windows, budget_chars)


def windows_and_neighbours(finding: Finding, budget_chars: int) -> Context:
    """Gives each window with the one before and the one after it."""
    return _filled([finding.beside[window] for window in finding.windows], budget_chars)


def passages(n: int) -> Callable[[Finding, int], Context]:
    """Gives what the product makes of it: up to `n` passages."""

    def of_product(finding: Finding, budget_chars: int) -> Context:
        builder = ContextBuilder(lambda text: len(text.partition("\n")[2]), budget_chars)
        made, _ = builder(finding.chunks, n)
        spans: dict[str, list[Span]] = {}
        for one in made:
            spans.setdefault(one.document_id, []).append((one.start, one.start + len(one.text)))
        return {document: merged(of_document) for document, of_document in spans.items()}

    return of_product


CONTEXTS: Mapping[str, Callable[[Finding, int], Context]] = {
    "whole chunks": whole_chunks,
    "windows": windows_alone,
    "windows and neighbours": windows_and_neighbours,
    "4 passages": passages(4),
    "9 passages": passages(9),
}


def _filled(spans: Sequence[tuple[str, int, int]], budget_chars: int) -> Context:
    """Gives the spans, best first, that fit; characters that are there already cost nothing."""
    context: dict[str, list[Span]] = {}
    left = budget_chars
    for document, start, end in spans:
        held = context.get(document, [])
        wider = merged([*held, (start, end)])
        n_more = _length(wider) - _length(held)
        if n_more <= left:
            context[document] = wider
            left -= n_more
    return context


def _length(spans: Sequence[Span]) -> int:
    return sum(end - start for start, end in spans)
