"""The embedder on torch: for GPUs, and for models that the ONNX embedder cannot run."""

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.errors import BackendError, ConfigurationError
from rag_llm_system.model.embeddings.long_texts import halves_that_fit, weighted_mean
from rag_llm_system.model.embeddings.onnx_kinds import TorchPrecision
from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer, without_lone_surrogates
from rag_llm_system.model.embeddings.torch_model import compute_in_half, load_torch_model
from rag_llm_system.model.embeddings.weights import weights_sha256

_GPU_BATCH = 512


class SentenceTransformersEmbedder:
    """An `Embedder` port over a SentenceTransformer, which is loaded at first use. Threads take turns.

    A text longer than `max_tokens` is treated as the ONNX embedder treats it: halved until every part fits. Vectors
    in fp32 equal those of the ONNX embedder to 1e-5, so the two share their fingerprint. Where no more is asked for
    than int8 gives, a GPU computes in fp16 and shares the fingerprint of int8: it is nearer to fp32 than int8 is.

    Args:
        model_id: what the model is called; its last part goes into the fingerprint.
        weights_dir: the model's folder, as `locate_weights` gives it.
        device: of torch, such as "cpu", "cuda", "cuda:1", "mps"; "auto": a GPU where there is one.
        precision: how exact vectors have to be. bf16 is computed as such; int8, which torch has not, in fp16 on a GPU
            and in fp32 on the CPU.
        batch_size: texts that the model reads at a time; a GPU reads more.
        n_threads: of torch in this process, on the CPU.

    Raises:
        IntegrityError: tokenizer.json is missing or damaged.
    """

    def __init__(
        self,
        *,
        model_id: str,
        weights_dir: Path,
        device: str = "cpu",
        precision: TorchPrecision = "fp32",
        batch_size: int = 64,
        n_threads: int = 1,
    ) -> None:
        self._name = Path(model_id).name
        self._weights_dir = weights_dir
        self._device = device
        self._precision = precision
        self._batch_size = batch_size
        self._n_threads = n_threads
        self._tokenizer = HuggingFaceTokenizer(weights_dir)
        self._turn = threading.RLock()
        self._loaded: Any = None

    @property
    def dimension(self) -> int:
        return int(self._model().get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        limit = self._model().get_max_seq_length()
        if limit is None:
            what = f"the model in {self._weights_dir} does not say how much it reads"
            raise ConfigurationError(f"{what}; set max_seq_length in its sentence_bert_config.json")
        return int(limit) - self._tokenizer.n_special_tokens

    @cached_property
    def fingerprint(self) -> str:
        promised = "fp32" if self._precision == "fp32" else "int8"
        return f"{self._name}@{weights_sha256(self._weights_dir)[:8]}:{promised}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See the port.

        Raises:
            MissingExtraError: the extra torch is not installed.
            ConfigurationError: the model cannot be loaded on that device.
            BackendError: torch failed, for want of memory for instance.
        """
        max_tokens = self.max_tokens
        parts_of = [
            halves_that_fit(without_lone_surrogates(text), lambda part: self._tokenizer.count(part) <= max_tokens)
            for text in texts
        ]
        found = iter(self._encode([part for parts in parts_of for part in parts]))
        vectors = [self._joined(parts, [next(found) for _ in parts]) for parts in parts_of]
        return np.array(vectors, np.float32).reshape(len(texts), self.dimension)

    def _joined(self, parts: list[str], vectors: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        if len(parts) == 1:
            return vectors[0]
        n_special = self._tokenizer.n_special_tokens
        return weighted_mean(vectors, [self._tokenizer.count(part) + n_special for part in parts])

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        try:
            with self._turn:  # its tokenizer changes while it is used
                model = self._model()
                batch_size = self._batch_size if _is_cpu(model) else max(self._batch_size, _GPU_BATCH)
                vectors = model.encode(texts, batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False)
        except RuntimeError as error:  # torch's errors, of memory too, are RuntimeErrors
            what = f"the embedder failed on {self._device!r} ({type(error).__name__})"
            raise BackendError(f"{what}; try a smaller batch or RAG_MODEL_DEVICE=cpu") from error
        return np.asarray(vectors, np.float32)

    def _model(self) -> Any:
        with self._turn:
            if self._loaded is None:
                model = load_torch_model(
                    "SentenceTransformer", self._weights_dir, device=self._device, n_threads=self._n_threads
                )
                if self._precision == "bf16":
                    compute_in_half(model, "bfloat16")
                elif self._precision == "int8" and not _is_cpu(model):
                    compute_in_half(model, "float16")
                self._loaded = model
            return self._loaded


def _is_cpu(model: Any) -> bool:
    return str(model.device) == "cpu"
