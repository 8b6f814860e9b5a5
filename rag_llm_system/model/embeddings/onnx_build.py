"""Builds an ONNX embedder or reranker from its weights.

`onnx_cache` runs it as a child process: `python -m rag_llm_system.model.embeddings.onnx_build WEIGHTS_DIR TARGET
PRECISION KIND`. A failure is one line of JSON on standard output: error, message.
"""

import errno
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.errors import ConfigurationError, DiskFullError, IntegrityError, RagError
from rag_llm_system.model.embeddings.bert_graph import (
    build_batched_sentence_encoder,
    build_cross_encoder,
    build_sentence_encoder,
)
from rag_llm_system.model.embeddings.calibration import calibrate, calibration_texts
from rag_llm_system.model.embeddings.encoder_config import read_cross_encoder_config, read_encoder_config
from rag_llm_system.model.embeddings.onnx_kinds import USE_FP32, Kind
from rag_llm_system.model.embeddings.onnx_session import keep_onnx_runtime_silent
from rag_llm_system.model.embeddings.weights import WEIGHTS_FILE

if TYPE_CHECKING:
    from onnx import ModelProto

_LEAST_COSINE = 0.95


def build_onnx_model(weights_dir: Path, target: Path, precision: str, kind: Kind = "embedder") -> None:
    """Writes the model to `target`.

    Raises:
        ConfigurationError: the weights are not those of a plain BERT, or this machine computes int8 too roughly.
        IntegrityError: the weights are damaged.
        DiskFullError: too little space for the model.
    """
    import onnx

    model = _fp32_model(weights_dir, kind, batched=precision.startswith("batched-"))
    try:
        if precision == "int8":
            save_int8(model, target)
            require_faithful(model, target, kind)
            return
        if precision == "batched-int8":
            calibrate(model, _calibration_tokens(weights_dir))
        onnx.save(model, target)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFullError(f"too little space to keep the {kind} in {target.parent}; make room") from error
        raise ConfigurationError(f"{target.parent} cannot be written ({type(error).__name__})") from error


def require_faithful(fp32: "ModelProto", int8: Path, kind: Kind = "embedder") -> None:
    """Compares the vectors of the two on tokens drawn at random: on x86 without VNNI int8 products may saturate.

    Raises:
        ConfigurationError: they differ too much.
    """
    vocabulary = next(tensor for tensor in fp32.graph.initializer if "word_embeddings" in tensor.name).dims[0]
    texts = np.random.default_rng(0).integers(0, vocabulary, (4, 8), np.int64)
    one, other = _vectors(fp32.SerializeToString(), texts), _vectors(int8, texts)
    cosines = (one * other).sum(axis=1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))
    if not cosines.min() >= _LEAST_COSINE:
        what = f"int8 is too rough on this processor (cosine {cosines.min():.3f} to float32)"
        raise ConfigurationError(f"{what}; set {USE_FP32[kind]}")


def _calibration_tokens(weights_dir: Path) -> list[list[int]]:
    from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer

    tokenizer, longest = HuggingFaceTokenizer(weights_dir), read_encoder_config(weights_dir).max_length
    return [tokenizer.token_ids(text)[:longest] for text in calibration_texts()]


def _fp32_model(weights_dir: Path, kind: Kind, *, batched: bool) -> "ModelProto":
    weights = load_weights(weights_dir)
    if kind == "reranker":
        return build_cross_encoder(weights, read_cross_encoder_config(weights_dir))
    build = build_batched_sentence_encoder if batched else build_sentence_encoder
    return build(weights, read_encoder_config(weights_dir))


def load_weights(weights_dir: Path) -> dict[str, NDArray[Any]]:
    """Gives the tensors of a folder's model.safetensors by their names.

    Raises:
        IntegrityError: the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(weights_dir / WEIGHTS_FILE)
    except (SafetensorError, OSError) as error:
        raise IntegrityError(f"{weights_dir / WEIGHTS_FILE} is damaged; get the model folder anew") from error


def save_int8(model: "ModelProto", target: Path) -> None:
    """Writes the model with int8 weights, one scale a column, in its linear layers; all the rest stays float32.

    Quantising more than these, or with one scale a matrix, costs SciFact nDCG@10 0.008; this costs none.
    """
    keep_onnx_runtime_silent()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(model, target, per_channel=True, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8)


def _vectors(model: Path | bytes, texts: NDArray[np.int64]) -> NDArray[np.float32]:
    from rag_llm_system.model.embeddings.onnx_session import open_session

    session = open_session(model, n_threads=1)
    names, vector = [value.name for value in session.get_inputs()], session.get_outputs()[-1].name
    kinds_of_token = np.arange(texts.shape[1]) // (texts.shape[1] // 2)  # half of each belongs to a second text
    feeds = [dict(zip(names, (ids, kinds_of_token), strict=False)) for ids in texts]
    return np.stack([session.run([vector], feed)[0] for feed in feeds])


def _main() -> int:
    logging.disable(logging.WARNING)  # quantising recommends a preparation that makes no difference here
    weights_dir, target, precision, kind = sys.argv[1:]
    try:
        build_onnx_model(Path(weights_dir), Path(target), precision, "reranker" if kind == "reranker" else "embedder")
    except RagError as error:
        print(json.dumps({"error": type(error).__name__, "message": error.message}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
