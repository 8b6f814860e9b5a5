"""What every Embedder does, checked against BERT in plain numpy."""

import importlib.util
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_llm_system.domain.ports.embedder import Embedder
from rag_llm_system.model.embeddings.onnx_embedder import OnnxEmbedder
from rag_llm_system.model.embeddings.openvino_embedder import OpenVinoEmbedder
from rag_llm_system.model.embeddings.sentence_transformers_embedder import SentenceTransformersEmbedder
from tests.tiny_bert import MAX_LENGTH, make_tiny_bert, reference_vector

NO_OPENVINO = importlib.util.find_spec("openvino") is None
NO_TORCH = importlib.util.find_spec("sentence_transformers") is None
TEXTS = ["the cat sat on a mat", "Rain!", "", "we saw a dog and it ran far, far away from the house", "sea " * 22]

N_SHORT_TOKENS = 5
"""Of the texts above some are short then, and some are not."""


@dataclass(frozen=True)
class Case:
    """An embedder, its model's folder, and how close to float64 it is expected to come (cosine)."""

    embedder: Embedder
    folder: Path
    least_cosine: float


@pytest.fixture(
    scope="module",
    params=[
        "fp32",
        "int8",
        pytest.param("openvino", marks=pytest.mark.skipif(NO_OPENVINO, reason="no openvino")),
        pytest.param(
            "torch", marks=[pytest.mark.torch, pytest.mark.skipif(NO_TORCH, reason="no sentence-transformers")]
        ),
    ],
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    root = tmp_path_factory.mktemp("embedder")
    folder = make_tiny_bert(root / "tiny")
    if request.param == "torch":
        torch_embedder = SentenceTransformersEmbedder(model_id="somebody/tiny", weights_dir=folder, batch_size=3)
        yield Case(torch_embedder, folder, 1 - 1e-6)
        return
    if request.param == "openvino":
        yield Case(
            OpenVinoEmbedder(
                model_id="somebody/tiny", weights_dir=folder, cache_dir=root / "models", short_tokens=N_SHORT_TOKENS
            ),
            folder,
            0.98,
        )
        return
    yield Case(
        OnnxEmbedder(model_id="somebody/tiny", weights_dir=folder, cache_dir=root / "models", precision=request.param),
        folder,
        0.98 if request.param == "int8" else 1 - 1e-6,
    )


def test_vectors_are_those_of_bert_in_numpy(case: Case) -> None:
    expected = np.array([reference_vector(case.folder, text) for text in TEXTS])
    assert cosines(case.embedder.embed(TEXTS), expected).min() >= case.least_cosine


def test_vectors_are_float32_normalised_and_as_many_as_texts(case: Case) -> None:
    vectors = case.embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), case.embedder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_texts_give_no_rows(case: Case) -> None:
    vectors = case.embedder.embed([])
    assert vectors.shape == (0, case.embedder.dimension)
    assert vectors.dtype == np.float32


def test_a_vector_does_not_depend_on_the_texts_beside_it(case: Case) -> None:
    together = case.embedder.embed(TEXTS)
    alone = np.concatenate([case.embedder.embed([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(case.embedder.embed(TEXTS[::-1])[::-1], together, atol=1e-6)


def test_the_longest_text_that_fits_is_read_whole(case: Case) -> None:
    assert case.embedder.max_tokens == MAX_LENGTH - 2
    text = " ".join(["night"] * (MAX_LENGTH - 3) + ["sun"])
    expected = np.array([reference_vector(case.folder, text)])
    assert cosines(case.embedder.embed([text]), expected).min() >= case.least_cosine


def test_a_longer_text_is_the_mean_of_its_halves(case: Case) -> None:
    words = ["cat"] * 15 + ["sea"] * 15
    vector = case.embedder.embed([" ".join(words)])
    halves = [reference_vector(case.folder, " ".join(words[:15])), reference_vector(case.folder, " ".join(words[15:]))]
    assert cosines(vector, np.mean(halves, axis=0)[None]).min() >= case.least_cosine


@pytest.mark.parametrize("glue", [" ", "!"])
def test_the_end_of_a_very_long_text_counts(case: Case, glue: str) -> None:
    start = glue.join(["cat"] * 1000)
    near, far = case.embedder.embed([f"{start}{glue}{glue.join(['rain'] * n)}" for n in (500, 501)])
    assert np.abs(near - far).max() > 0
    np.testing.assert_allclose(np.linalg.norm(near), 1, atol=1e-6)


def test_threads_do_not_disturb_one_another(case: Case) -> None:
    texts = [f"{text} {'dog ' * number}" for number in range(8) for text in TEXTS[:4]]
    expected = case.embedder.embed(texts)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda text: case.embedder.embed([text])[0], texts))
    np.testing.assert_allclose(np.array(found), expected, atol=1e-6)


def test_characters_that_utf8_cannot_hold_are_read_as_unknown(case: Case) -> None:
    np.testing.assert_array_equal(case.embedder.embed(["cat \ud83d mat"]), case.embedder.embed(["cat \ufffd mat"]))


def test_the_fingerprint_names_model_weights_and_precision(case: Case, tmp_path: Path) -> None:
    name, _, rest = case.embedder.fingerprint.partition("@")
    weights, _, precision = rest.partition(":")
    assert name == "tiny"
    assert len(weights) == 8
    assert precision == ("int8" if case.least_cosine < 0.99 else "fp32")
    other = make_tiny_bert(tmp_path / "other", seed=1)
    embedder = OnnxEmbedder(model_id="somebody/tiny", weights_dir=other, cache_dir=tmp_path)
    assert embedder.fingerprint.split(":")[0] != case.embedder.fingerprint.split(":")[0]


def cosines(vectors: NDArray[np.float32], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((vectors * expected).sum(axis=1) / np.linalg.norm(expected, axis=1))
