"""The graph that reads batches, and the same with int8 that was calibrated on a text of ours."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from rag_llm_system.model.embeddings.bert_graph import build_batched_sentence_encoder
from rag_llm_system.model.embeddings.calibration import calibrate, calibration_texts
from rag_llm_system.model.embeddings.encoder_config import read_encoder_config
from rag_llm_system.model.embeddings.onnx_session import open_session
from rag_llm_system.model.embeddings.openvino_embedder import batches
from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer
from tests.tiny_bert import make_tiny_bert, reference_vector

TEXTS = ["the cat sat on a mat", "rain", "we saw a dog and it ran far away from the house", "sea " * 20]


def vectors(folder: Path, *, int8: bool) -> NDArray[np.float32]:
    """Gives the vectors of the texts above, read in one batch."""
    tokenizer, config = HuggingFaceTokenizer(folder), read_encoder_config(folder)
    model = build_batched_sentence_encoder(load_file(folder / "model.safetensors"), config)
    tokens = [tokenizer.token_ids(text) for text in TEXTS]
    if int8:
        calibrate(model, tokens)
    ids = np.zeros((len(TEXTS), config.max_length), np.int64)
    mask = np.zeros_like(ids)
    for row, of_text in enumerate(tokens):
        ids[row, : len(of_text)] = of_text
        mask[row, : len(of_text)] = 1
    session = open_session(model.SerializeToString(), n_threads=1)
    (found,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
    return np.asarray(found)


def cosines(found: NDArray[np.float32], folder: Path, pooling: str = "mean") -> NDArray[np.float64]:
    return np.array([v @ reference_vector(folder, text, pooling=pooling) for v, text in zip(found, TEXTS, strict=True)])


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_padding_changes_no_vector_of_a_batch(tmp_path: Path, pooling: str) -> None:
    folder = make_tiny_bert(tmp_path, pooling=pooling)
    assert cosines(vectors(folder, int8=False), folder, pooling).min() >= 1 - 1e-6


def test_calibrated_int8_says_what_float32_says(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path)
    found = cosines(vectors(folder, int8=True), folder)
    assert 0.995 <= found.min() < 1 - 1e-9


def test_a_channel_that_reaches_far_beyond_the_others_leaves_them_their_steps(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path)
    weights = load_file(folder / "model.safetensors")
    for layer in ("encoder.layer.0.attention", "encoder.layer.1.attention"):  # the model as a whole stays the same
        weights[f"{layer}.self.value.weight"][5] *= 1000
        weights[f"{layer}.self.value.bias"][5] *= 1000
        weights[f"{layer}.output.dense.weight"][:, 5] /= 1000
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert cosines(vectors(folder, int8=True), folder).min() >= 0.995


def test_the_text_that_ships_is_long_and_short_and_of_several_languages() -> None:
    texts = calibration_texts()
    lengths = [len(text) for text in texts]
    assert len(texts) > 50
    assert min(lengths) < 40
    assert max(lengths) > 1200
    assert any("ü" in text for text in texts)
    assert any("图" in text for text in texts)


def test_texts_of_one_padded_length_are_read_together_the_longest_first() -> None:
    lengths = [40, 3, 33, 100, 48, 112, 16, *[70] * 10]
    found = list(batches(lengths, longer_than=16, longest=110))
    assert found == [
        ([3, 5], 110),
        ([7, 8, 9, 10, 11, 12, 13, 14], 80),
        ([15, 16], 80),
        ([0, 2, 4], 48),
    ]
