"""The embedders that are compared, each made in the process that measures it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import psutil
from numpy.typing import NDArray

from rag_llm_system.domain.errors import InputError, MissingExtraError

Kind = Literal["sentence-transformers", "torch-bf16", "onnx-fp32", "onnx-int8", "openvino-bf16", "openvino-int8"]
KINDS: tuple[Kind, ...] = get_args(Kind)
REFERENCE: Kind = "sentence-transformers"
"""What people have: the library itself, float32, its own batches of 32."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Model:
    """Which model is embedded with, and where built ones are kept."""

    model_id: str
    weights_dir: Path
    cache_dir: Path


@dataclass(frozen=True, slots=True)
class Round:
    """What one process measured: CPU seconds are those of all its threads."""

    load_cpu_s: float
    tokens_per_cpu_s: float
    query_cpu_ms: float
    query_wall_ms: float
    peak_rss_mb: float


def kind_named(name: str) -> Kind:
    """Gives the kind of that name.

    Raises:
        InputError: there is none.
    """
    for kind in KINDS:
        if kind == name:
            return kind
    raise InputError(f"there is no embedder {name!r}: choose of {', '.join(KINDS)}")


def measure(kind: Kind, model: Model, texts: Sequence[str], questions: Sequence[str], n_tokens: int) -> Round:
    """Gives one round: loading up to the first vectors, then all texts in one call, then one question after the other.

    Args:
        kind: what is measured.
        model: what it computes.
        texts: in bulk; the first ones are read once before, as what is built at first use is no part of the speed.
        questions: asked one at a time.
        n_tokens: of the texts, as far as the model reads them.
    """
    started = time.process_time()
    embed = embedder(kind, model)
    embed([questions[0], texts[0]])
    load_cpu_s = time.process_time() - started
    started = time.process_time()
    embed(texts)
    bulk_cpu_s = time.process_time() - started
    started, started_wall = time.process_time(), time.perf_counter()
    for question in questions:
        embed([question])
    query_cpu_s, query_wall_s = time.process_time() - started, time.perf_counter() - started_wall
    return Round(
        load_cpu_s=load_cpu_s,
        tokens_per_cpu_s=n_tokens / bulk_cpu_s,
        query_cpu_ms=1e3 * query_cpu_s / len(questions),
        query_wall_ms=1e3 * query_wall_s / len(questions),
        peak_rss_mb=_peak_rss_mb(),
    )


def prepare(kind: Kind, model: Model) -> None:
    """Builds what is built once, so that no round pays for it."""
    embedder(kind, model)(["ready", "ready " * 60])


def embed_all(kind: Kind, model: Model, *groups: Sequence[str]) -> list[NDArray[np.float32]]:
    """Gives the vectors of each group of texts."""
    embed = embedder(kind, model)
    return [embed(texts) for texts in groups]


def embedder(kind: Kind, model: Model) -> Embed:
    """Gives what embeds, on one thread."""
    from rag_llm_system.model.embeddings.onnx_embedder import OnnxEmbedder
    from rag_llm_system.model.embeddings.openvino_embedder import OpenVinoEmbedder
    from rag_llm_system.model.embeddings.sentence_transformers_embedder import SentenceTransformersEmbedder

    given: dict[str, Any] = {"model_id": model.model_id, "weights_dir": model.weights_dir, "n_threads": 1}
    match kind:
        case "sentence-transformers":
            return _plain_sentence_transformers(model.weights_dir)
        case "torch-bf16":
            return SentenceTransformersEmbedder(**given, precision="bf16").embed
        case "onnx-fp32" | "onnx-int8":
            precision: Any = kind.removeprefix("onnx-")
            return OnnxEmbedder(**given, cache_dir=model.cache_dir, precision=precision).embed
        case "openvino-bf16" | "openvino-int8":
            precision = kind.removeprefix("openvino-")
            return OpenVinoEmbedder(**given, cache_dir=model.cache_dir, precision=precision).embed


def _plain_sentence_transformers(weights_dir: Path) -> Embed:
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingExtraError("what the embedders are compared with", "torch") from error
    torch.set_num_threads(1)
    model = SentenceTransformer(str(weights_dir), device="cpu", local_files_only=True)

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)

    return embed


def _peak_rss_mb() -> float:
    """Gives the most that was resident; where the system does not tell, what is now."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return psutil.Process().memory_info().rss / 1e6
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e6
