import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.application.preprocessing.chunking_data_handlers import ArticleChunkingHandler, TokenChunkingHandler
from rag_llm_system.application.preprocessing.embedding_data_handlers import embedding_text
from rag_llm_system.application.preprocessing.tokens import TokenizedText
from rag_llm_system.application.preprocessing.windows import WindowPacker
from rag_llm_system.domain.chunks import Window
from rag_llm_system.domain.cleaned_documents import CleanedDocument
from rag_llm_system.domain.errors import ConfigurationError
from tests.unit.application.preprocessing.cases import (
    PROPERTY,
    TEXTS,
    WordStartTokenizer,
    WordTokenizer,
    cleaned,
    repository,
)


def _windows(document: CleanedDocument, packer: WindowPacker, size: int = 300) -> list[Window]:
    tokens = TokenizedText.of(document.text, packer.tokenizer)
    return packer.pack(TokenChunkingHandler(size, size // 10).chunk(document, tokens), tokens)


def _texts(text: str, max_window_tokens: int, title: str = "") -> list[str]:
    packer = WindowPacker(WordTokenizer(), max_window_tokens)
    return [window.text for window in _windows(cleaned(text, title=title), packer)]


@pytest.mark.parametrize("tokenizer", [WordTokenizer(), WordStartTokenizer()])
@PROPERTY
@given(text=TEXTS, title=TEXTS, limit=st.integers(1, 40))
def test_windows_tile_their_chunk_within_every_limit(
    tokenizer: WordTokenizer, text: str, title: str, limit: int
) -> None:
    packer = WindowPacker(tokenizer, limit, 40, 12)
    windows = _windows(cleaned(text, title=title), packer)
    by_chunk: dict[str, list[Window]] = {}
    for window in windows:
        by_chunk.setdefault(window.chunk.id, []).append(window)
        assert window.text.strip()
        assert tokenizer.count(window.text) <= limit
        assert tokenizer.count(embedding_text(window)) <= 40
        assert tokenizer.count(window.heading) <= 12
    for inside in by_chunk.values():
        assert "".join(window.text for window in inside) == inside[0].chunk.text
        assert inside[0].start == inside[0].chunk.start
    assert len({window.id for window in windows}) == len(windows)
    assert windows == _windows(cleaned(text, title=title), packer)


@PROPERTY
@given(TEXTS.filter(str.strip), st.sampled_from(["a.py", "b.md"]))
def test_windows_of_an_article_or_a_file_lose_nothing(text: str, path: str) -> None:
    packer = WindowPacker(WordTokenizer(), 16)
    tokens = TokenizedText.of(text, packer.tokenizer)
    article = cleaned(text)
    windows = packer.pack(ArticleChunkingHandler(50, 100).chunk(article, tokens), tokens)
    assert "".join(window.text for window in windows) == text
    file = repository({path: text})
    windows = packer.pack(TokenChunkingHandler(60, 0).chunk(file, tokens), tokens)
    assert "".join(window.text for window in windows) == text


def test_windows_end_with_sentences() -> None:
    text = "".join(f"Sentence number {number} has seven words. " for number in range(12))
    assert all(window.rstrip().endswith("words.") for window in _texts(text, 30))


def test_windows_are_about_equally_full() -> None:
    text = "Four words in here. " * 7
    counts = [WordTokenizer().count(window) for window in _texts(text, 30)]
    assert counts == [20, 15] or counts == [15, 20]


def test_a_window_ends_at_a_paragraph_rather_than_within_one() -> None:
    paragraphs = ["One two three. Four five six.\n\n", "Seven eight nine. Ten two ten. Four to go. Off they go.\n\n"]
    assert _texts("".join(paragraphs), 18) == paragraphs


def test_a_heading_goes_with_what_follows() -> None:
    text = "Some text that fills. It goes on here.\n\n# Head\n\nWhat stands below it. And some more of it here."
    assert _texts(text, 16) == ["Some text that fills. It goes on here.\n\n", text.partition("here.\n\n")[2]]


def test_code_is_cut_between_lines_and_rather_at_blank_ones() -> None:
    text = "def f(x):\n    return x\n\ndef g(y):\n    y = 1. \n    return y\n"
    windows = _windows(repository({"a.py": text}), WindowPacker(WordTokenizer(), 14))
    assert [window.text for window in windows] == [text[: text.index("def g")], text[text.index("def g") :]]


def test_a_long_sentence_is_cut_before_words_into_equal_parts() -> None:
    windows = _texts("word " * 50, 20)
    assert [WordTokenizer().count(window) for window in windows] == [17, 17, 16]


def test_a_long_word_is_cut_between_tokens() -> None:
    assert _texts("abcdef" * 10, 4) == ["abcdef" * 4, "abcdef" * 3, "abcdef" * 3]


def test_windows_of_overlapping_chunks_never_share_an_id() -> None:
    windows = _windows(
        cleaned("Ten words stand here and make one window of ten. " * 20), WindowPacker(WordTokenizer(), 11), 120
    )
    spans = [(window.start, window.end) for window in windows]
    assert len(set(spans)) < len(spans)
    assert len({window.id for window in windows}) == len(windows)


def test_a_heading_is_the_title_and_the_end_of_a_long_path() -> None:
    def heading(title: str, path: str) -> str:
        document = repository({path: "x = 1\n"}).model_copy(update={"title": title})
        return _windows(document, WindowPacker(WordTokenizer(9), 128, 254, 8))[0].heading

    assert heading("owner/name", "a.py") == "owner/name a.py"
    assert heading("one two three four five six", "src/deep/app.py") == "one two three four five app.py"
    assert heading("", "src/deep/deeper/app.py") == "deep/deeper/app.py"
    assert heading("one two three four five six seven eight nine", "a.py").startswith("one two three")


def test_a_heading_never_takes_the_windows_room() -> None:
    with pytest.raises(ConfigurationError, match="lower it to half"):
        WindowPacker(WordTokenizer(), 128, 50, 32)


def test_a_long_heading_leaves_smaller_windows_that_still_end_with_sentences() -> None:
    text = "Seven short words stand in here now. " * 20
    packer = WindowPacker(WordTokenizer(9), 40, 40, 20)
    counts = [WordTokenizer(9).count(window.text) for window in _windows(cleaned(text, title="word " * 30), packer)]
    assert set(counts) == {16}


def test_a_document_is_tokenised_once() -> None:
    tokenizer = WordTokenizer()
    document = cleaned("Some words make a sentence. " * 500)
    _windows(document, WindowPacker(tokenizer))
    assert tokenizer.n_chars < len(document.text) + 200


def test_nothing_gives_no_windows() -> None:
    assert _windows(cleaned(" \n\n "), WindowPacker(WordTokenizer())) == []
