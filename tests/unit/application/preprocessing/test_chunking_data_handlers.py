import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.application.preprocessing.chunking_data_handlers import (
    ArticleChunkingHandler,
    ChunkingHandler,
    PostChunkingHandler,
    RepositoryChunkingHandler,
    TokenChunkingHandler,
)
from rag_llm_system.application.preprocessing.tokens import TokenizedText
from rag_llm_system.domain.chunks import Chunk
from rag_llm_system.domain.cleaned_documents import CleanedDocument
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import ConfigurationError
from tests.unit.application.preprocessing.cases import PROPERTY, TEXTS, WordTokenizer, cleaned, repository

_PARAGRAPH = "A paragraph says one thing and then another. It is about so long that a few make a chunk. " * 4


def _chunks(handler: ChunkingHandler, document: CleanedDocument) -> list[Chunk]:
    return handler.chunk(document, TokenizedText.of(document.text, WordTokenizer()))


def _held(chunks: Sequence[Chunk]) -> str:
    """Gives the text that the chunks hold together, each character once; fails where one is left out."""
    text, end = "", 0
    for chunk in chunks:
        assert chunk.start <= end < chunk.end
        text += chunk.document.text[end : chunk.end]
        end = chunk.end
    return text


@PROPERTY
@given(TEXTS, st.integers(1, 60))
def test_article_chunks_tile_the_text_and_none_is_blank(text: str, min_chars: int) -> None:
    document = cleaned(text)
    chunks = _chunks(ArticleChunkingHandler(min_chars, min_chars * 2), document)
    assert "".join(chunk.text for chunk in chunks) == (text if text.strip() else "")
    assert all(chunk.text.strip() for chunk in chunks)
    assert chunks == _chunks(ArticleChunkingHandler(min_chars, min_chars * 2), document)


@PROPERTY
@given(TEXTS, st.integers(1, 60), st.data())
def test_token_chunks_hold_every_character_and_none_is_blank(text: str, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    tokens = TokenizedText.of(text, WordTokenizer())
    chunks = TokenChunkingHandler(size, overlap).chunk(cleaned(text, Category.POSTS), tokens)
    assert _held(chunks) == (text if text.strip() else "")
    assert all(tokens.count(after.start, before.end) <= overlap for before, after in pairwise(chunks))
    assert all(chunk.text.strip() for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == len(chunks)


@PROPERTY
@given(st.lists(st.integers(1, 12), min_size=6, max_size=60))
def test_article_chunks_are_1000_to_2000_characters_and_end_at_paragraphs(lengths: list[int]) -> None:
    text = "\n\n".join("One more short sentence. " * length for length in lengths)
    chunks = _chunks(ArticleChunkingHandler(), cleaned(text))
    sizes = [len(chunk.text) for chunk in chunks]
    assert max(sizes) <= 2000
    assert len(text) < 4000 or min(sizes) >= 1000
    assert len(text) < 4000 or all(chunk.text.endswith("\n\n") for chunk in chunks[:-1])


def test_an_article_chunk_begins_at_a_heading_rather_than_within_a_section() -> None:
    text = "\n\n".join(f"## Part {number}\n\n{_PARAGRAPH}\n\n{_PARAGRAPH * 3}" for number in range(5))
    chunks = _chunks(ArticleChunkingHandler(), cleaned(text))
    assert [chunk.text[:9] for chunk in chunks] == [f"## Part {number}" for number in range(5)]


def test_a_post_that_fits_is_one_chunk() -> None:
    text = "word " * 250
    assert [chunk.text for chunk in _chunks(PostChunkingHandler(), cleaned(text, Category.POSTS))] == [text]


def test_post_chunks_keep_to_their_size_and_repeat_the_end_of_the_one_before() -> None:
    text = "".join(f"Post sentence {number} is short. " for number in range(300))
    chunks = _chunks(PostChunkingHandler(), cleaned(text, Category.POSTS))
    tokenizer = WordTokenizer()
    assert max(tokenizer.count(chunk.text) for chunk in chunks) <= 250
    repeated = [text[after.start : before.end] for before, after in pairwise(chunks)]
    assert all(0 < tokenizer.count(words) <= 25 for words in repeated)
    assert all(words.startswith("Post sentence") for words in repeated)


def test_a_short_tail_joins_the_chunk_before() -> None:
    text = "".join(f"Word number {number}. " for number in range(60))
    chunks = _chunks(TokenChunkingHandler(230, 0), cleaned(text, Category.POSTS))
    assert [chunk.text for chunk in chunks] == [text]


def _function(name: str, n_lines: int) -> str:
    lines = "".join(
        f"    value_{number} = compute({number})\n{'' if number % 5 else chr(10)}" for number in range(n_lines)
    )
    return f"@decorated(1)\n# what it does\ndef {name}():\n{lines}    return 0\n"


@pytest.mark.parametrize("suffix", [".py", ".js", ".go", ".java", ".rs", ".unknown", ".sh"])
def test_functions_stay_whole_where_they_fit(suffix: str) -> None:
    functions = [_function(f"f{number}", 10 + number % 17) for number in range(30)]
    chunks = _chunks(RepositoryChunkingHandler(400, 40), repository({f"a{suffix}": "\n\n".join(functions)}))
    assert len(chunks) > 5
    for function in functions:
        assert any(function in chunk.text for chunk in chunks)


def test_methods_stay_whole_where_their_class_does_not_fit() -> None:
    methods = [
        re.sub("^(?=.)", "    ", _function(f"f{number}", 12 + number % 7), flags=re.MULTILINE) for number in range(30)
    ]
    chunks = _chunks(RepositoryChunkingHandler(400, 40), repository({"a.py": "class A:\n" + "\n".join(methods)}))
    for method in methods:
        assert any(method in chunk.text for chunk in chunks)


def test_code_chunks_and_their_overlaps_begin_with_a_whole_line() -> None:
    text = "\n\n".join(_function(f"f{number}", 20) for number in range(20))
    chunks = _chunks(RepositoryChunkingHandler(300, 60), repository({"a.py": text}))
    assert all(chunk.start == 0 or text[chunk.start - 1] == "\n" for chunk in chunks)
    assert any(after.start < before.end for before, after in pairwise(chunks))


def test_markdown_is_cut_at_its_headings() -> None:
    text = "\n".join(f"# Part {number}\n\n{_PARAGRAPH}" for number in range(10))
    chunks = _chunks(RepositoryChunkingHandler(200, 0), repository({"README.md": text}))
    assert all(chunk.text.startswith("# Part") for chunk in chunks)


@PROPERTY
@given(st.lists(TEXTS.filter(str.strip), max_size=4), st.integers(2, 40))
def test_no_chunk_crosses_the_border_of_a_file(texts: list[str], size: int) -> None:
    paths = ["a.py", "b.md", "c.txt", "d.js"]
    document = repository(dict(zip(paths, texts, strict=False)))
    chunks = _chunks(TokenChunkingHandler(size, size // 4), document)
    assert _held(chunks) == document.text
    for section in document.sections:
        inside = [chunk for chunk in chunks if chunk.path == section.path]
        assert inside[0].start == section.start
        assert inside[-1].end == section.end


@pytest.mark.parametrize("text", ["f" * 300_000, "\ufffd\n" * 100_000, "漢" * 50_000, "\n" * 100_000 + "x"])
def test_a_text_of_one_endless_word_or_of_none_is_cut_too(text: str) -> None:
    chunks = _chunks(RepositoryChunkingHandler(), repository({"a.bin": text}))
    assert _held(chunks) == text
    assert max(len(chunk.text) for chunk in chunks) <= 1600 * 100


def test_the_text_is_not_tokenised_to_measure_pieces() -> None:
    tokenizer = WordTokenizer()
    document = repository({"a.py": "\n\n".join(_function(f"f{number}", 20) for number in range(50))})
    tokens = TokenizedText.of(document.text, tokenizer)
    RepositoryChunkingHandler(200, 20).chunk(document, tokens)
    assert tokenizer.n_chars == len(document.text)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="overlap by 10"):
        TokenChunkingHandler(10, 10)
    with pytest.raises(ConfigurationError, match="1500 to 2000"):
        ArticleChunkingHandler(1500, 2000)


def test_a_bare_install_is_told_which_extra_to_install() -> None:
    program = """
import sys
sys.modules["langchain_text_splitters"] = None
from rag_llm_system.application.preprocessing.dispatchers import ChunkingDispatcher
from rag_llm_system.domain.errors import MissingExtraError
from tests.unit.application.preprocessing.cases import PROPERTY, WordTokenizer, cleaned
try:
    ChunkingDispatcher(WordTokenizer()).chunk(cleaned("word " * 900))
except MissingExtraError as error:
    print(error.extra)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "pipelines\n"
