"""Every strategy holds every character, whatever the text; each cuts where it says."""

import hashlib
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag_llm_system.application.preprocessing.chunking_strategies import (
    ChunkSizes,
    FixedChunkingHandler,
    SemanticChunkingHandler,
    Strategy,
    strategy_handlers,
)
from rag_llm_system.application.preprocessing.dispatchers import ChunkingDispatcher
from rag_llm_system.application.preprocessing.tokens import TokenizedText
from rag_llm_system.domain.chunks import Chunk
from rag_llm_system.domain.cleaned_documents import CleanedDocument
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import ConfigurationError
from tests.unit.application.preprocessing.cases import PROPERTY, TEXTS, WordTokenizer, cleaned, repository

STRATEGIES: tuple[Strategy, ...] = ("category", "fixed", "overlapping", "semantic", "hierarchical")


class TopicEmbedder:
    """Points at the first word of a text, so that sentences that begin alike are alike."""

    dimension = 16
    max_tokens = 254
    fingerprint = "first words"

    def __init__(self) -> None:
        self.n_calls = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.n_calls += 1
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            word = text.split()[0].encode("utf-8", "replace")
            vectors[row, hashlib.sha256(word).digest()[0] % self.dimension] = 1
        return vectors


def _dispatcher(strategy: Strategy, sizes: ChunkSizes) -> ChunkingDispatcher:
    handlers = strategy_handlers(strategy, sizes, TopicEmbedder)
    return ChunkingDispatcher(WordTokenizer(), handlers=handlers, max_window_tokens=20)


def _chunks(handler: FixedChunkingHandler | SemanticChunkingHandler, document: CleanedDocument) -> list[Chunk]:
    return handler.chunk(document, TokenizedText.of(document.text, WordTokenizer()))


def _held(chunks: Sequence[Chunk]) -> str:
    """Gives the text that the chunks hold together, each character once; fails where one is left out."""
    held, end = "", 0
    for chunk in chunks:
        assert chunk.start <= end < chunk.end
        held += chunk.document.text[end : chunk.end]
        end = chunk.end
    return held


@pytest.mark.parametrize("strategy", STRATEGIES)
@PROPERTY
@given(text=TEXTS, size=st.integers(2, 60), category=st.sampled_from(Category))
def test_no_strategy_loses_a_character(strategy: Strategy, text: str, size: int, category: Category) -> None:
    document = cleaned(text, category)
    dispatcher = _dispatcher(strategy, ChunkSizes(size, size // 3, 2 * size))
    chunks = dispatcher.chunk(document)
    assert _held(chunks) == (text if text.strip() else "")
    assert all(chunk.text.strip() for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    windows = dispatcher.windows(document)
    for chunk in chunks:
        inside = [window for window in windows if window.chunk.id == chunk.id]
        assert "".join(window.text for window in inside) == chunk.text
    assert chunks == dispatcher.chunk(document)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "x" * 100_000,
        "word " * 20_000,
        "\x00\x01\x02\x1b" * 500,
        "漢字仮名交じり文が続く" * 500,
        "ภาษาไทยไม่มีช่องว่าง" * 300,
        "👩‍💻🚀" * 2_000,
        "a" + " " * 50_000 + "b",
        "a. " + "word " * 300 + " " * 50_000,
        "a. " + "\n" * 50_000 + "b",
        ". ! ? " * 3_000,
    ],
    ids="empty blank word line control chinese thai emoji space trailing lines dots".split(),
)
def test_no_strategy_fails_on_an_odd_text(strategy: Strategy, text: str) -> None:
    began = time.process_time()
    windows = _dispatcher(strategy, ChunkSizes()).windows(cleaned(text))
    chunks = list(dict.fromkeys(window.chunk for window in windows))
    assert _held(chunks) == (text if text.strip() else "")
    assert sum(len(window.text) for window in windows) == sum(len(chunk.text) for chunk in chunks)
    assert time.process_time() - began < 5  # half a second each; one that tries each place from each takes a minute


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_chunk_crosses_the_border_of_a_file(strategy: Strategy) -> None:
    document = repository({"a.py": "value = 1\n" * 300, "b.md": "One more sentence. " * 300})
    chunks = _dispatcher(strategy, ChunkSizes(60, 10, 200)).chunk(document)
    assert _held(chunks) == document.text
    assert {chunk.path for chunk in chunks if chunk.start < 3000} == {"a.py"}
    assert {chunk.path for chunk in chunks if chunk.end > 3000} == {"b.md"}


def test_fixed_chunks_are_equally_long_and_begin_with_a_word() -> None:
    chunks = _chunks(FixedChunkingHandler(50), cleaned("word " * 1020))
    sizes = [WordTokenizer().count(chunk.text) for chunk in chunks]
    assert (min(sizes), max(sizes)) == (48, 49)
    assert all(chunk.text.startswith("word") for chunk in chunks)


def test_semantic_chunks_end_where_the_subject_changes() -> None:
    subjects = ["Lanterns burn oil at night. ", "Granite is a hard stone. ", "Otters swim in rivers. "]
    text = "".join(subject * n for subject, n in zip(subjects, (11, 8, 13), strict=True))
    embedder = TopicEmbedder()
    chunks = _chunks(SemanticChunkingHandler(100, embedder), cleaned(text))
    assert [chunk.text for chunk in chunks] == [subject * n for subject, n in zip(subjects, (11, 8, 13), strict=True)]
    assert embedder.n_calls == 1


def test_semantic_chunks_keep_to_their_size() -> None:
    chunks = _chunks(SemanticChunkingHandler(30, TopicEmbedder()), cleaned("A short sentence, again. " * 200))
    assert max(WordTokenizer().count(chunk.text) for chunk in chunks) <= 30


def test_only_the_semantic_strategy_asks_for_an_embedder() -> None:
    def refuse() -> TopicEmbedder:
        raise AssertionError("nobody asked for this")

    for strategy in STRATEGIES:
        if strategy != "semantic":
            strategy_handlers(strategy, ChunkSizes(), refuse)


def test_strategies_and_their_sizes_have_fingerprints_of_their_own() -> None:
    sizes = (ChunkSizes(), ChunkSizes(chunk_tokens=300), ChunkSizes(overlap_tokens=40), ChunkSizes(parent_tokens=900))
    fingerprints = [_dispatcher(strategy, ChunkSizes()).settings_fingerprint() for strategy in STRATEGIES]
    assert len(set(fingerprints)) == len(STRATEGIES)
    assert fingerprints == [_dispatcher(strategy, ChunkSizes()).settings_fingerprint() for strategy in STRATEGIES]
    of_sizes = {tuple(_dispatcher(strategy, size).settings_fingerprint() for strategy in STRATEGIES) for size in sizes}
    assert len(of_sizes) == len(sizes)


def test_what_is_no_strategy_and_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="no chunking 'clever'"):
        strategy_handlers("clever", ChunkSizes(), TopicEmbedder)  # type: ignore[arg-type]
    for strategy in ("fixed", "semantic", "overlapping"):
        with pytest.raises(ConfigurationError):
            strategy_handlers(strategy, ChunkSizes(chunk_tokens=0), TopicEmbedder)
