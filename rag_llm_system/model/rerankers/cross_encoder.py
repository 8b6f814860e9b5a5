"""A reranker that reads query and text together: a cross-encoder (Nogueira and Cho 2019, arXiv:1901.04085)."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.errors import BackendError, ConfigurationError
from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer
from rag_llm_system.model.embeddings.torch_model import load_torch_model
from rag_llm_system.model.rerankers.long_pairs import score_texts


class CrossEncoderReranker:
    """A `Reranker` port over a CrossEncoder of sentence-transformers, loaded at first use. Threads take turns.

    The score is the sigmoid of the model's one output; long texts and queries: see `score_texts`.

    Args:
        weights_dir: the model's folder, as `locate_weights` gives it.
        device: of torch, such as "cpu", "cuda", "cuda:1", "mps".
        batch_size: pairs that the model reads at a time.
        n_threads: of torch in this process, on the CPU.

    Raises:
        IntegrityError: tokenizer.json is missing or damaged.
    """

    def __init__(self, *, weights_dir: Path, device: str = "cpu", batch_size: int = 32, n_threads: int = 1) -> None:
        self._weights_dir = weights_dir
        self._device = device
        self._batch_size = batch_size
        self._n_threads = n_threads
        self._tokenizer = HuggingFaceTokenizer(weights_dir)
        self._turn = threading.RLock()
        self._loaded: Any = None

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """See the port.

        Raises:
            MissingExtraError: the extra torch is not installed.
            ConfigurationError: the model cannot be loaded on that device, or is no reranker with a single output.
            BackendError: torch failed, for want of memory for instance.
        """
        return score_texts(query, texts, self._tokenizer, int(self._model().max_seq_length), self._predict)

    def _predict(self, pairs: list[tuple[str, str]]) -> NDArray[np.float32]:
        if not pairs:
            return np.empty(0, np.float32)
        import torch

        try:
            with self._turn:  # its tokenizer changes while it is used
                scores = self._model().predict(
                    pairs, batch_size=self._batch_size, activation_fn=torch.nn.Sigmoid(), show_progress_bar=False
                )
        except RuntimeError as error:  # torch's errors, of memory too, are RuntimeErrors
            what = f"the reranker failed on {self._device!r} ({type(error).__name__})"
            raise BackendError(f"{what}; try RAG_MODEL_DEVICE=cpu or RAG_RERANK=off") from error
        return np.asarray(scores, np.float32)

    def _model(self) -> Any:
        with self._turn:
            if self._loaded is None:
                model = load_torch_model(
                    "CrossEncoder", self._weights_dir, device=self._device, n_threads=self._n_threads
                )
                if model.num_labels != 1:
                    what = f"the model in {self._weights_dir} has {model.num_labels} outputs, a reranker has 1"
                    raise ConfigurationError(f"{what}; set RERANKING_CROSS_ENCODER_MODEL_ID to a reranker")
                if missing := _missing_weights_of_head(model.model, self._weights_dir):
                    what = f"the model in {self._weights_dir} is no reranker: it has no weights {missing[0]}"
                    raise ConfigurationError(f"{what}; set RERANKING_CROSS_ENCODER_MODEL_ID to a reranker")
                self._loaded = model
            return self._loaded


def _missing_weights_of_head(model: Any, weights_dir: Path) -> list[str]:
    """Gives the weights above the encoder that the file lacks: transformers makes them up at random."""
    from safetensors import safe_open

    if not type(model).__name__.endswith("ForSequenceClassification"):
        return []  # a language model's head may be its embeddings, which are stored once
    with safe_open(weights_dir / "model.safetensors", framework="np") as file:
        stored = set(file.keys())
    of_encoder = f"{model.base_model_prefix}."
    return [name for name in model.state_dict() if not name.startswith(of_encoder) and name not in stored]
