"""The BM25 encoder against the formula, written out."""

import math
import subprocess
import sys

import numpy as np
import pytest

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.infrastructure.vector_stores.bm25 import LANGUAGES, Bm25Encoder, analysis_in_words


def test_a_documents_weights_are_those_of_the_formula() -> None:
    k1, b, avg_len = 1.7, 0.4, 5.0
    encoder = Bm25Encoder(k1=k1, b=b, avg_len=avg_len)
    text = "The lantern and the lantern, a lantern by the river: granite."
    length = 5  # lantern three times, river, granite; the others are stop words

    terms, weights = encoder.encode_document(text)

    found = dict(zip(terms.tolist(), weights.tolist(), strict=True))
    assert len(found) == 3
    for word, tf in (("lantern", 3), ("river", 1), ("granite", 1)):
        (term,) = encoder.encode_query(word)[0].tolist()
        assert math.isclose(found[term], tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / avg_len)), rel_tol=1e-5)


def test_a_query_counts_each_term_once_and_knows_its_other_forms() -> None:
    terms, weights = Bm25Encoder().encode_query("Running runs RUN run!")

    assert len(terms) == 1
    assert weights.tolist() == [1.0]
    assert terms.dtype == np.uint32
    assert weights.dtype == np.float32


@pytest.mark.parametrize("text", ["", " \n", "the of and", "...", "\ud800"])
def test_a_text_without_terms_gives_empty_arrays(text: str) -> None:
    encoder = Bm25Encoder()

    assert [len(part) for part in (*encoder.encode_document(text), *encoder.encode_query(text))] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "wrong",
    [{"k1": -1.0}, {"b": 1.5}, {"avg_len": 0.0}, {"language": "klingon"}, {"language": "english, no verbs"}],
    ids=str,
)
def test_parameters_out_of_range_are_refused(wrong: dict[str, float | str]) -> None:
    with pytest.raises(ConfigurationError):
        Bm25Encoder(**wrong)  # type: ignore[arg-type]


def _shared_terms(language: str, question: str, text: str) -> int:
    encoder = Bm25Encoder(language=language)
    return len(set(encoder.encode_query(question)[0].tolist()) & set(encoder.encode_document(text)[0].tolist()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "words",
        "機械学習は人工知能の一分野です",
        "机器学习",
        "การเรียนรู้",
        "שלום العالم",
        "👩‍💻🚀",
        "\x00\x1b",
        "\ud83d",
        "x" * 10_000,
    ],
)
def test_any_text_has_finite_weights_in_any_language(text: str) -> None:
    for language in LANGUAGES:
        encoder = Bm25Encoder(language=language)
        for terms, weights in (encoder.encode_document(text), encoder.encode_query(text)):
            assert len(terms) == len(set(terms.tolist())), language
            assert np.isfinite(weights).all(), language
            assert (weights > 0).all(), language


@pytest.mark.parametrize(
    ("language", "stop_words", "stemmer", "n_terms", "n_shared"),
    [
        ("english", True, True, 2, 1),
        ("english", False, True, 4, 1),
        ("english", True, False, 2, 0),
        ("english", False, False, 4, 0),
        ("german", True, True, 4, 0),
        ("none", True, True, 4, 0),
        ("hebrew", True, True, 4, 0),
    ],
)
def test_stop_words_and_the_stemmer_can_be_left_off(
    language: str, stop_words: bool, stemmer: bool, n_terms: int, n_shared: int
) -> None:
    in_words = analysis_in_words(language, stop_words=stop_words, stemmer=stemmer)

    assert len(Bm25Encoder(language=in_words).encode_document("the lantern and granite")[0]) == n_terms
    assert _shared_terms(in_words, "lanterns", "a lantern") == n_shared


def test_a_language_says_only_what_it_has() -> None:
    bare = {language: analysis_in_words(language, stop_words=False, stemmer=False) for language in LANGUAGES}

    assert bare["english"] == "english, no stop words, no stemmer"
    assert bare["hebrew"] == "hebrew, no stop words"
    assert (bare["none"], bare["multilingual"]) == ("none", "multilingual")
    assert analysis_in_words("english", stop_words=True, stemmer=True) == "english"


def test_a_language_is_known_before_an_index_is_compared_with_it_and_in_any_case() -> None:
    assert analysis_in_words(" German ", stop_words=True, stemmer=False) == "german, no stemmer"
    with pytest.raises(ConfigurationError, match="RAG_BM25_LANGUAGE to one of arabic"):
        analysis_in_words("klingon", stop_words=True, stemmer=True)


@pytest.mark.parametrize(
    ("question", "text"),
    [("人工智能", "机器学习是人工智能的一个分支"), ("人工知能", "機械学習は人工知能の一分野です")],
)
def test_chinese_and_japanese_are_found_by_their_words_where_the_language_says_so(question: str, text: str) -> None:
    assert _shared_terms("english", question, text) == 0
    assert _shared_terms("english", text, text) == 1
    for language in ("chinese", "japanese", "multilingual"):
        assert _shared_terms(language, question, text) > 0


def test_words_of_any_language_are_there_without_a_network() -> None:
    program = """
import sys
def refuse(event, arguments):
    if event.startswith(("socket.", "urllib.", "http.")):
        raise PermissionError(event)
from rag_llm_system.infrastructure.vector_stores.bm25 import LANGUAGES, Bm25Encoder
sys.addaudithook(refuse)
print(all(len(Bm25Encoder(language=language).encode_query("granite 人工知能")[0]) for language in LANGUAGES))
"""
    # What is native raises no audit events, so that addresses of nowhere stand in its way.
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    ran = subprocess.run(
        [sys.executable, "-c", program], env=nowhere | {"HOME": "/nowhere"}, capture_output=True, text=True, check=True
    )

    assert ran.stdout == "True\n"
