"""Other ways of cutting than each category its own: one size for all, by name.

Chunks are the units of context under every one of them, and the windows that are embedded lie within. What each is
worth is measured by `poe bench chunking`. Whoever changes where one cuts counts up `CHUNKING_VERSION`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.application.preprocessing.chunking_data_handlers import (
    ChunkingHandler,
    TokenChunkingHandler,
    chunk_of_span,
)
from rag_llm_system.application.preprocessing.code_separators import is_code
from rag_llm_system.application.preprocessing.packing import (
    Span,
    balanced_borders,
    equal_parts,
    line_spans,
    visible_spans,
)
from rag_llm_system.application.preprocessing.tokens import TokenizedText
from rag_llm_system.domain.chunks import Chunk
from rag_llm_system.domain.cleaned_documents import CleanedDocument, Section
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.domain.ports.embedder import Embedder
from rag_llm_system.domain.sentences import sentence_spans

Strategy = Literal["category", "fixed", "overlapping", "semantic", "hierarchical"]
_SENTENCE_TOKENS = 64
_SENTENCES_A_SIDE = 3
_EMBEDDED_AT_ONCE = 1024


@dataclass(frozen=True)
class ChunkSizes:
    """How long the chunks are, in tokens.

    Args:
        chunk_tokens: the most of a chunk, but of a hierarchical one.
        overlap_tokens: what overlapping chunks repeat of the one before, at the most.
        parent_tokens: the most of a hierarchical chunk, the parent of its windows.
    """

    chunk_tokens: int = 350
    overlap_tokens: int = 50
    parent_tokens: int = 1000


def strategy_handlers(
    strategy: Strategy, sizes: ChunkSizes, embedder: Callable[[], Embedder]
) -> dict[Category, ChunkingHandler]:
    """Gives what cuts each category; nothing for "category", whose handlers differ.

    Args:
        strategy: "fixed" cuts every so many tokens, "overlapping" at sentences and repeats some, "semantic" where
            neighbouring sentences have least in common, "hierarchical" into long parents of small windows.
        sizes: how long the chunks are.
        embedder: is asked for where sentences are compared. One without a cache: a document's erasure erases the
            vectors of its windows, not of its sentences.

    Raises:
        ConfigurationError: there is no such strategy, or the sizes are impossible.
    """
    made: Mapping[str, Callable[[], ChunkingHandler]] = {
        "fixed": lambda: FixedChunkingHandler(sizes.chunk_tokens),
        "overlapping": lambda: TokenChunkingHandler(sizes.chunk_tokens, sizes.overlap_tokens),
        "semantic": lambda: SemanticChunkingHandler(sizes.chunk_tokens, embedder()),
        "hierarchical": lambda: TokenChunkingHandler(sizes.parent_tokens, 0),
    }
    if strategy == "category":
        return {}
    if strategy not in made:
        raise ConfigurationError(f"There is no chunking {strategy!r}: use category, {', '.join(made)}.")
    handler = made[strategy]()
    return dict.fromkeys(Category, handler)


@dataclass(frozen=True)
class FixedChunkingHandler:
    """Cuts into about equal chunks of at most `size_tokens` tokens, before a word, whatever else stands there."""

    size_tokens: int

    def __post_init__(self) -> None:
        _require_tokens(self.size_tokens)

    def chunk(self, document: CleanedDocument, tokens: TokenizedText) -> list[Chunk]:
        """Gives the chunks in order, none across a section's border; they tile the text."""
        return [
            chunk_of_span(document, *span, section.path)
            for section in _visible_sections(document)
            for span in _joined_where_blank(
                document.text, list(equal_parts(tokens, section.start, section.end, self.size_tokens))
            )
        ]


@dataclass(frozen=True)
class SemanticChunkingHandler:
    """Cuts between sentences that have least in common, into chunks of at most `size_tokens` tokens.

    As in TextTiling (Hearst 1997) a border is judged by what stands on its two sides, here three sentences each, and as
    in Kamradt's semantic splitting by how their embeddings differ. It costs the share of the document's borders at
    which the sides are no more alike. The borders are those of least cost at which chunks are about equally full.
    Cutting takes about as long as embedding the windows.
    """

    size_tokens: int
    embedder: Embedder = field(repr=False)
    embedded_by: str = field(init=False)

    def __post_init__(self) -> None:
        _require_tokens(self.size_tokens)
        object.__setattr__(self, "embedded_by", self.embedder.fingerprint)

    def chunk(self, document: CleanedDocument, tokens: TokenizedText) -> list[Chunk]:
        """Gives the chunks in order, none across a section's border; they tile the text."""
        sections = _visible_sections(document)
        sentences = [list(self._sentences(section, tokens)) for section in sections]
        costs = _shares_no_more_alike([self._likeness(document.text, spans) for spans in sentences])
        chunks: list[Chunk] = []
        for section, spans, likely in zip(sections, sentences, costs, strict=True):
            sizes = [max(1, tokens.count(*span)) for span in spans]
            borders = balanced_borders(sizes, [*likely, 0.0], self.size_tokens, self.size_tokens // 2)
            joined = [(spans[first][0], spans[last - 1][1]) for first, last in pairwise(borders)]
            chunks += (chunk_of_span(document, *span, section.path) for span in joined)
        return chunks

    def _sentences(self, section: Section, tokens: TokenizedText) -> Iterator[Span]:
        """Gives spans that tile the section, none blank: sentences, or lines of code, long ones in parts."""
        limit = min(_SENTENCE_TOKENS, self.size_tokens)
        cut = line_spans if is_code(section.path) else sentence_spans
        for start, end in visible_spans(cut, tokens.text, section.start, section.end):
            yield from _joined_where_blank(tokens.text, list(equal_parts(tokens, start, end, limit)))

    def _likeness(self, text: str, spans: Sequence[Span]) -> NDArray[np.float32]:
        """Gives the cosine similarity of the two sides of each border between sentences; shape (n_spans - 1,)."""
        if len(spans) < 2:
            return np.empty(0, dtype=np.float32)
        texts = [text[slice(*span)].strip() for span in spans]
        slices = range(0, len(texts), _EMBEDDED_AT_ONCE)
        vectors = np.concatenate([self.embedder.embed(texts[at : at + _EMBEDDED_AT_ONCE]) for at in slices])
        sums = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0, dtype=np.float64)])
        borders = np.arange(1, len(spans))
        before = sums[borders] - sums[np.maximum(borders - _SENTENCES_A_SIDE, 0)]
        after = sums[np.minimum(borders + _SENTENCES_A_SIDE, len(spans))] - sums[borders]
        lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        cosines = (before * after).sum(axis=1) / np.maximum(lengths, 1e-9)
        # Rounded, so that sums in another order choose no other border.
        return np.asarray(cosines.round(5), dtype=np.float32)


def _require_tokens(size_tokens: int) -> None:
    if size_tokens < 1:
        raise ConfigurationError(f"A chunk cannot have {size_tokens} tokens: set at least 1.")


def _visible_sections(document: CleanedDocument) -> list[Section]:
    sections = document.sections or (Section(path="", start=0, end=len(document.text)),)
    return [section for section in sections if document.text[section.start : section.end].strip()]


def _joined_where_blank(text: str, spans: Sequence[Span]) -> list[Span]:
    """Gives the spans, a blank one joined to what is before it."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and not text[start:end].strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _shares_no_more_alike(likeness: Sequence[NDArray[np.float32]]) -> list[list[float]]:
    """Gives for each border the share of all borders whose sides are no more alike, section by section."""
    in_order = np.sort(np.concatenate([*likeness, np.empty(0, dtype=np.float32)]))
    return [(np.searchsorted(in_order, one, side="right") / max(1, len(in_order))).tolist() for one in likeness]
