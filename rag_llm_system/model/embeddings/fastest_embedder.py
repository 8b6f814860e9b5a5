"""The embedder of the default settings: whatever computes fastest on this CPU."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.model.embeddings.fastest_runtime import Choice, Cpu, fastest_runtime, possible_runtimes, this_cpu
from rag_llm_system.model.embeddings.onnx_embedder import OnnxEmbedder
from rag_llm_system.model.embeddings.onnx_kinds import Precision, Runtime
from rag_llm_system.model.embeddings.openvino_embedder import OpenVinoEmbedder


class FastestEmbedder:
    """An `Embedder` port over the embedder that `fastest_runtime` chooses, at first use.

    Its fingerprint ends in int8 whatever is chosen: vectors are at least as exact as those of int8, and those of one
    choice find those of another. So an index stays valid when it, or its reader, moves to another machine.

    Args:
        model_id, weights_dir, cache_dir, n_threads, on_message: as `OnnxEmbedder` takes them.
        cpu: what is chosen for.
        runtimes: what may be chosen, in the order of preference.

    Raises:
        ConfigurationError: the model is of a kind that needs torch.
        IntegrityError: a file of the folder is damaged.
    """

    def __init__(
        self,
        *,
        model_id: str,
        weights_dir: Path,
        cache_dir: Path,
        n_threads: int = 1,
        on_message: Callable[[str], None] = lambda _message: None,
        cpu: Cpu | None = None,
        runtimes: Sequence[Runtime] | None = None,
    ) -> None:
        self._model_id = model_id
        self._weights_dir = weights_dir
        self._cache_dir = cache_dir
        self._n_threads = n_threads
        self._on_message = on_message
        self._cpu = cpu or this_cpu()
        self._runtimes = runtimes or possible_runtimes()
        self._choosing = threading.Lock()
        self._int8 = self._onnx("int8")
        self._chosen: OnnxEmbedder | None = None

    @property
    def dimension(self) -> int:
        return self._int8.dimension

    @property
    def max_tokens(self) -> int:
        return self._int8.max_tokens

    @property
    def fingerprint(self) -> str:
        return self._int8.fingerprint

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See the port.

        Raises:
            RagError: what the chosen embedder raises, or at the first call `fastest_runtime`.
        """
        return self._choice().embed(texts) if texts else np.empty((0, self.dimension), np.float32)

    def _choice(self) -> OnnxEmbedder:
        with self._choosing:
            if self._chosen is None:
                choice = fastest_runtime(
                    weights_dir=self._weights_dir,
                    cache_dir=self._cache_dir,
                    runtimes=self._runtimes,
                    cpu=self._cpu,
                    on_message=self._on_message,
                )
                self._chosen = self._embedder(choice)
            return self._chosen

    def _embedder(self, choice: Choice) -> OnnxEmbedder:
        match choice.runtime:
            case "onnx-int8":
                return self._int8
            case "onnx-fp32":
                return self._onnx("fp32")
            case "openvino-int8" | "openvino-bf16":
                return OpenVinoEmbedder(
                    model_id=self._model_id,
                    weights_dir=self._weights_dir,
                    cache_dir=self._cache_dir,
                    precision="int8" if choice.runtime == "openvino-int8" else "bf16",
                    short_precision=choice.short_precision,
                    n_threads=self._n_threads,
                    on_message=self._on_message,
                )

    def _onnx(self, precision: Precision) -> OnnxEmbedder:
        return OnnxEmbedder(
            model_id=self._model_id,
            weights_dir=self._weights_dir,
            cache_dir=self._cache_dir,
            precision=precision,
            promised="int8",
            n_threads=self._n_threads,
            on_message=self._on_message,
        )
