"""The cross-encoder scores what the model says, and cuts nothing off."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.domain.ports.reranker import Reranker
from rag_llm_system.model.rerankers.cross_encoder import CrossEncoderReranker
from tests.tiny_bert import MAX_LENGTH, make_tiny_bert

NO_TORCH = importlib.util.find_spec("sentence_transformers") is None
pytestmark = [pytest.mark.torch, pytest.mark.skipif(NO_TORCH, reason="no sentence-transformers")]

QUERY = "cat on a mat"
TEXTS = ["the cat sat on a mat", "rain", "", "we saw a dog!"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("reranker"), classifier=True)


@pytest.fixture(scope="module")
def reranker(folder: Path) -> Reranker:
    return CrossEncoderReranker(weights_dir=folder, batch_size=3)


def test_scores_are_the_sigmoid_of_what_the_model_gives(reranker: Reranker, folder: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        logits = [float(model(**tokenizer([QUERY], [text], return_tensors="pt")).logits) for text in TEXTS]
    expected = 1 / (1 + np.exp(-np.array(logits)))
    assert len(set(expected.round(3))) == len(TEXTS)
    np.testing.assert_allclose(reranker.score(QUERY, TEXTS), expected, atol=1e-5)


def test_no_texts_have_no_scores(reranker: Reranker) -> None:
    assert reranker.score(QUERY, []) == []


def test_scores_do_not_depend_on_the_texts_beside_them(reranker: Reranker) -> None:
    alone = [reranker.score(QUERY, [text])[0] for text in TEXTS]
    np.testing.assert_allclose(reranker.score(QUERY, TEXTS), alone, atol=1e-6)


def test_a_long_text_scores_as_its_best_part_does(reranker: Reranker) -> None:
    query = " ".join(["cat"] * 10)
    parts = ["the sea and the rain or the sea", " on a mat we saw the dog ran far"]
    room = MAX_LENGTH - 3 - 10
    assert max(len(part.split()) for part in parts) <= room < len("".join(parts).split())
    whole, *halves = reranker.score(query, ["".join(parts), *parts])
    assert halves[0] != pytest.approx(halves[1], abs=1e-3)
    assert whole == pytest.approx(max(halves), abs=1e-6)


def test_a_query_as_long_as_may_be_asked_is_read_to_its_end(reranker: Reranker) -> None:
    near, far = (reranker.score("cat " * 1000 + end, ["the sea"])[0] for end in ("rain", "night"))
    assert near != far
    assert 0 <= near <= 1


def test_threads_do_not_disturb_one_another(reranker: Reranker) -> None:
    expected = reranker.score(QUERY, TEXTS)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: reranker.score(QUERY, TEXTS), range(16)))
    np.testing.assert_allclose(found, [expected] * 16, atol=1e-6)


def test_a_model_with_several_outputs_is_refused(tmp_path: Path) -> None:
    encoder = make_tiny_bert(tmp_path, classifier=True, n_outputs=3)
    with pytest.raises(ConfigurationError, match=r"3 outputs.*RERANKING_CROSS_ENCODER_MODEL_ID"):
        CrossEncoderReranker(weights_dir=encoder).score(QUERY, TEXTS)


def test_an_encoder_without_a_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no weights classifier\..*RERANKING_CROSS_ENCODER_MODEL_ID"):
        CrossEncoderReranker(weights_dir=make_tiny_bert(tmp_path)).score(QUERY, TEXTS)


def test_a_device_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'cuda:99'.*RAG_MODEL_DEVICE"):
        CrossEncoderReranker(weights_dir=folder, device="cuda:99").score(QUERY, TEXTS)
