"""The cross-encoder in torch agrees with transformers, and refuses what is none; more in tests/contracts."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.domain.ports.reranker import Reranker
from rag_llm_system.model.rerankers.cross_encoder import CrossEncoderReranker
from tests.tiny_bert import make_tiny_bert

NO_TORCH = importlib.util.find_spec("sentence_transformers") is None
pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.skipif(NO_TORCH, reason="no sentence-transformers")]

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
