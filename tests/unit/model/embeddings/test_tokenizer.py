"""Offsets point into the text as it was given, and nothing is cut off."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tokenizers

from rag_llm_system.domain.errors import IntegrityError
from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer
from tests.tiny_bert import MAX_LENGTH, make_tiny_bert


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def tokenizer(folder: Path) -> HuggingFaceTokenizer:
    return HuggingFaceTokenizer(folder)


def tokens(tokenizer: HuggingFaceTokenizer, text: str) -> list[str]:
    (spans,) = tokenizer.encode_with_offsets([text])
    return [text[start:end] for start, end in spans]


def test_every_word_has_its_span(tokenizer: HuggingFaceTokenizer) -> None:
    (spans,) = tokenizer.encode_with_offsets(["The cat, sat"])
    assert spans.dtype == np.int32
    assert spans.tolist() == [[0, 3], [4, 7], [7, 8], [9, 12]]


@pytest.mark.parametrize("before", ["🐈🐈 ", "e\u0301é ", "ß\u200b\x00 ", "猫猫 ", "\ud83d ", "\r\n\t "])
def test_offsets_count_python_characters(tokenizer: HuggingFaceTokenizer, before: str) -> None:
    assert tokens(tokenizer, f"{before}dog")[-1] == "dog"


def test_a_long_text_is_not_cut_off_whatever_the_file_says(folder: Path, tokenizer: HuggingFaceTokenizer) -> None:
    as_the_file_says = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert {len(as_the_file_says.encode("sea " * n).ids) for n in (1, 500)} == {MAX_LENGTH // 2}
    assert len(tokenizer.encode_with_offsets(["sea " * 500])[0]) == 500
    assert tokenizer.count("sea") == 1
    assert len(tokenizer.token_ids("sea")) == 3


def test_empty_texts_and_no_texts(tokenizer: HuggingFaceTokenizer) -> None:
    assert tokenizer.encode_with_offsets([]) == []
    assert tokenizer.encode_with_offsets([""])[0].shape == (0, 2)


def test_threads_share_a_tokenizer(tokenizer: HuggingFaceTokenizer) -> None:
    texts = [f"the cat {'ran ' * number}" for number in range(200)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(tokenizer.count, texts))
    assert found == [2 + number for number in range(200)]


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_a_missing_or_damaged_file_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(IntegrityError, match=r"tokenizer\.json is missing or damaged"):
        HuggingFaceTokenizer(tmp_path)
