"""The graph is BERT, whatever its weights are called and however it pools."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.model.embeddings.bert_graph import build_sentence_encoder
from rag_llm_system.model.embeddings.encoder_config import read_encoder_config
from rag_llm_system.model.embeddings.onnx_build import build_onnx_model, require_faithful
from rag_llm_system.model.embeddings.onnx_session import open_session
from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer
from tests.tiny_bert import make_tiny_bert, reference_vector

TEXT = "the cat sat on a mat and saw rain"


def vector(folder: Path, weights: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    model = build_sentence_encoder(weights, read_encoder_config(folder))
    session = open_session(model.SerializeToString(), n_threads=1)
    ids = np.array(HuggingFaceTokenizer(folder).token_ids(TEXT), np.int64)
    return np.asarray(session.run(None, {"input_ids": ids})[0])


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_both_poolings_give_the_vectors_of_numpy(tmp_path: Path, pooling: str) -> None:
    folder = make_tiny_bert(tmp_path, pooling=pooling)
    expected = reference_vector(folder, TEXT, pooling=pooling)
    np.testing.assert_allclose(vector(folder, load_file(folder / "model.safetensors")), expected, atol=1e-5)


def test_names_may_start_with_bert(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path)
    weights = load_file(folder / "model.safetensors")
    prefixed = {f"bert.{name}": value for name, value in weights.items()}
    np.testing.assert_array_equal(vector(folder, prefixed), vector(folder, weights))


def test_float16_weights_are_read_as_float32(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path)
    weights = load_file(folder / "model.safetensors")
    half = {name: value.astype(np.float16) for name, value in weights.items()}
    np.testing.assert_allclose(vector(folder, half), vector(folder, weights), atol=5e-3)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.bias"]
    with pytest.raises(ConfigurationError, match=r"no tensor 'encoder\.layer\.1\.output\.dense\.bias'"):
        vector(folder, weights)


def test_an_int8_model_that_says_something_else_is_refused(tmp_path: Path) -> None:
    folder, other = make_tiny_bert(tmp_path / "one"), make_tiny_bert(tmp_path / "two", seed=1)
    model = build_sentence_encoder(load_file(folder / "model.safetensors"), read_encoder_config(folder))
    build_onnx_model(other, tmp_path / "int8.onnx", "int8")
    with pytest.raises(ConfigurationError, match=r"int8 is too rough.*RAG_EMBED_PRECISION=fp32"):
        require_faithful(model, tmp_path / "int8.onnx")
