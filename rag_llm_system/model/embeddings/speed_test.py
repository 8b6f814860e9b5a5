"""Which way to compute is the fastest on this CPU: one layer of the real model, some milliseconds each.

`fastest_runtime` runs it as a child process, `python -m rag_llm_system.model.embeddings.speed_test WEIGHTS_DIR
RUNTIME...`. It prints one line of JSON: for each runtime, tokens per CPU second and the least cosine to float32.
"""

import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.errors import BackendError
from rag_llm_system.model.embeddings.bert_graph import build_batched_sentence_encoder, build_sentence_encoder
from rag_llm_system.model.embeddings.calibration import calibrate
from rag_llm_system.model.embeddings.encoder_config import read_encoder_config
from rag_llm_system.model.embeddings.onnx_build import load_weights, save_int8
from rag_llm_system.model.embeddings.onnx_kinds import Runtime
from rag_llm_system.model.embeddings.onnx_session import open_session
from rag_llm_system.model.embeddings.openvino_embedder import BATCH
from rag_llm_system.model.embeddings.openvino_model import OpenVinoModel

if TYPE_CHECKING:
    from onnx import ModelProto

_N_TOKENS = 128
_N_ROUNDS = 5

Read = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Gives the vectors, (B, H), of token ids, (B, S)."""


class Measured(TypedDict):
    """Tokens per CPU second, the best of some rounds, and the least cosine to what float32 gives."""

    tokens_per_cpu_s: float
    cosine: float


def measure(weights_dir: Path, runtimes: Sequence[Runtime], workplace: Path) -> dict[Runtime, Measured]:
    """Gives what was measured of each runtime.

    Args:
        weights_dir: of the model; its first layer alone is run.
        runtimes: what may be chosen.
        workplace: an empty folder for built layers.

    Raises:
        RagError: the weights cannot be read.
    """
    config = replace(read_encoder_config(weights_dir), n_layers=1)
    weights = load_weights(weights_dir)
    length = min(_N_TOKENS, config.max_length)
    n_words = len(weights[next(name for name in weights if name.endswith("word_embeddings.weight"))])
    ids = np.random.default_rng(0).integers(0, n_words, (BATCH, length), np.int64)
    exact = _onnx(build_sentence_encoder(weights, config).SerializeToString())(ids)
    found: dict[Runtime, Measured] = {}
    for runtime in runtimes:
        build = build_batched_sentence_encoder if runtime.startswith("openvino-") else build_sentence_encoder
        try:
            read = _reader(runtime, build(weights, config), ids, workplace)
            cosine = float((read(ids) * exact).sum(axis=1).min())
        except BackendError:  # a library that does not run on this CPU is one that is not chosen
            found[runtime] = {"tokens_per_cpu_s": 0, "cosine": 0}
            continue
        found[runtime] = {"tokens_per_cpu_s": round(ids.size / _best_cpu_s(read, ids)), "cosine": round(cosine, 4)}
    return found


def _reader(runtime: Runtime, model: "ModelProto", ids: NDArray[np.int64], workplace: Path) -> Read:
    match runtime:
        case "onnx-fp32":
            return _onnx(model.SerializeToString())
        case "onnx-int8":
            save_int8(model, workplace / "int8.onnx")
            return _onnx(workplace / "int8.onnx")
        case "openvino-int8":
            calibrate(model, ids.tolist())
    return _openvino(model.SerializeToString())


def _onnx(model: Path | bytes) -> Read:
    session = open_session(model, n_threads=1)
    return lambda ids: np.stack([session.run(None, {"input_ids": row})[0] for row in ids])


def _openvino(model: Path | bytes) -> Read:
    compiled = OpenVinoModel(model, n_threads=1)
    return lambda ids: compiled.run(ids, np.ones_like(ids))


def _best_cpu_s(read: Read, ids: NDArray[np.int64]) -> float:
    """The best round is the one that other work on the machine disturbed least."""
    seconds = []
    for _ in range(_N_ROUNDS):
        started = time.process_time()
        read(ids)
        seconds.append(time.process_time() - started)
    return min(seconds)


def _main() -> int:
    logging.disable(logging.WARNING)  # quantising recommends a preparation that makes no difference here
    weights_dir, *runtimes = sys.argv[1:]
    with tempfile.TemporaryDirectory() as workplace:
        print(json.dumps(measure(Path(weights_dir), runtimes, Path(workplace))))  # type: ignore[arg-type]
    return 0


if __name__ == "__main__":
    sys.exit(_main())
