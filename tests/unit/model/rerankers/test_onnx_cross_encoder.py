"""What the cross-encoder in ONNX Runtime refuses, and how it is built; more in tests/contracts."""

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from rag_llm_system.domain.errors import BackendError, ConfigurationError, IntegrityError
from rag_llm_system.model.embeddings.encoder_config import read_cross_encoder_config
from rag_llm_system.model.embeddings.onnx_build import build_onnx_model
from rag_llm_system.model.embeddings.onnx_embedder import OnnxEmbedder
from rag_llm_system.model.rerankers.onnx_cross_encoder import OnnxCrossEncoderReranker
from tests.tiny_bert import MAX_LENGTH, make_tiny_bert


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_bert(tmp_path / "tiny", classifier=True)


def score(folder: Path, cache_dir: Path) -> tuple[list[float], list[str]]:
    said: list[str] = []
    reranker = OnnxCrossEncoderReranker(
        weights_dir=folder, cache_dir=cache_dir, precision="fp32", on_message=said.append
    )
    return reranker.score("cat on a mat", ["the cat sat on a mat", "rain"]), said


def change_config(folder: Path, file: str = "config.json", **values: object) -> None:
    config = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).write_text(json.dumps({**config, **values}), encoding="utf-8")


def test_it_is_built_once(folder: Path, tmp_path: Path) -> None:
    first, said = score(folder, tmp_path / "models")
    assert said == ["Preparing the fp32 reranker, once; this takes some seconds"]
    assert score(folder, tmp_path / "models") == (first, [])


def test_an_embedder_of_the_same_weights_stands_beside_it(folder: Path, tmp_path: Path) -> None:
    expected, _ = score(folder, tmp_path / "models")
    embedder = OnnxEmbedder(model_id="a", weights_dir=folder, cache_dir=tmp_path / "models", precision="fp32")
    assert embedder.embed(["the cat"]).shape == (1, 32)
    assert score(folder, tmp_path / "models") == (expected, [])


def test_a_model_that_was_cut_short_is_built_anew(folder: Path, tmp_path: Path) -> None:
    expected, _ = score(folder, tmp_path / "models")
    (model,) = (tmp_path / "models").glob("*/model.onnx")
    model.write_bytes(model.read_bytes()[:1000])
    found, said = score(folder, tmp_path / "models")
    assert found == expected
    assert len(said) == 1


def test_the_head_stays_float32(folder: Path, tmp_path: Path) -> None:
    import onnx

    build_onnx_model(folder, tmp_path / "model.onnx", "int8", "reranker")
    model = onnx.load(tmp_path / "model.onnx").graph
    assert [node.op_type for node in model.node].count("MatMulInteger") == 2 * 6  # layers, and linear maps in each
    types = {tensor.name: tensor.data_type for tensor in model.initializer}
    assert {types["pooler.dense.weight"], types["classifier.weight"]} == {onnx.TensorProto.FLOAT}


def test_what_one_pair_may_hold_is_what_the_torch_variant_reads(folder: Path) -> None:
    assert read_cross_encoder_config(folder).max_length == MAX_LENGTH
    change_config(folder, "tokenizer_config.json", model_max_length=int(1e30))
    assert read_cross_encoder_config(folder).max_length == 32


def test_a_model_with_several_outputs_is_refused(tmp_path: Path) -> None:
    several = make_tiny_bert(tmp_path / "tiny", classifier=True, n_outputs=3)
    with pytest.raises(ConfigurationError, match=r"3 outputs.*RERANKING_CROSS_ENCODER_MODEL_ID"):
        build_onnx_model(several, tmp_path / "model.onnx", "fp32", "reranker")


def test_an_encoder_without_a_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no weights classifier\.weight.*RERANKING_CROSS_ENCODER_MODEL_ID"):
        build_onnx_model(make_tiny_bert(tmp_path / "tiny"), tmp_path / "model.onnx", "fp32", "reranker")


@pytest.mark.parametrize(
    "missing", ["classifier.bias", "bert.pooler.dense.weight", "bert.encoder.layer.0.output.dense.bias"]
)
def test_a_missing_tensor_is_named(folder: Path, tmp_path: Path, missing: str) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights[missing]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ConfigurationError, match=rf"{missing.removeprefix('bert.')}.*RAG_RERANK_BACKEND=torch"):
        build_onnx_model(folder, tmp_path / "model.onnx", "fp32", "reranker")


def test_a_model_that_is_no_bert_is_left_to_torch(folder: Path, tmp_path: Path) -> None:
    change_config(folder, model_type="xlm-roberta")
    with pytest.raises(ConfigurationError, match=r"ONNX reranker cannot run.*RAG_RERANK_BACKEND=torch"):
        score(folder, tmp_path / "models")


def test_damaged_weights_are_an_integrity_error(folder: Path, tmp_path: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(IntegrityError, match="damaged"):
        score(folder, tmp_path / "models")


def test_a_failure_of_onnx_runtime_is_a_backend_error(folder: Path, tmp_path: Path) -> None:
    change_config(folder, "tokenizer_config.json", model_max_length=1000)
    change_config(folder, max_position_embeddings=1000)  # the weights hold 32 positions
    reranker = OnnxCrossEncoderReranker(weights_dir=folder, cache_dir=tmp_path, precision="fp32")
    with pytest.raises(BackendError, match=r"the reranker failed.*RAG_RERANK_BACKEND=torch or RAG_RERANK=off"):
        reranker.score("cat", ["the " * 100])
