"""The BM25 encoder against the formula, written out."""

import math

import numpy as np
import pytest

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder


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


@pytest.mark.parametrize("wrong", [{"k1": -1.0}, {"b": 1.5}, {"avg_len": 0.0}, {"language": "klingon"}], ids=str)
def test_parameters_out_of_range_are_refused(wrong: dict[str, float | str]) -> None:
    with pytest.raises(ConfigurationError):
        Bm25Encoder(**wrong)  # type: ignore[arg-type]
