"""A cross-encoder (Nogueira and Cho 2019, arXiv:1901.04085) in ONNX Runtime on the CPU, without torch."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.errors import BackendError
from rag_llm_system.model.embeddings.encoder_config import read_cross_encoder_config
from rag_llm_system.model.embeddings.onnx_cache import built_model
from rag_llm_system.model.embeddings.onnx_kinds import USE_TORCH, Precision
from rag_llm_system.model.embeddings.onnx_session import open_session
from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer
from rag_llm_system.model.rerankers.long_pairs import score_texts

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxCrossEncoderReranker:
    """A `Reranker` port over a BERT with one output; built (once) and loaded at first use. Threads do not wait.

    The score is the sigmoid of the output; long texts and queries: see `score_texts`. Pairs are read one at a time,
    so a score depends on its pair alone, to the bit, and costs what the pair is long, with no padding.

    Args:
        weights_dir: holds model.safetensors, config.json, tokenizer.json, as `locate_weights` gives it.
        cache_dir: where built models are kept.
        precision: of the linear layers beneath the head.
        n_threads: of one call.
        on_message: told when the model has to be built, which takes seconds.

    Raises:
        ConfigurationError: the model is of a kind that needs torch.
        IntegrityError: a file of the folder is damaged.
    """

    def __init__(
        self,
        *,
        weights_dir: Path,
        cache_dir: Path,
        precision: Precision = "int8",
        n_threads: int = 1,
        on_message: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._weights_dir = weights_dir
        self._cache_dir = cache_dir
        self._precision = precision
        self._n_threads = n_threads
        self._on_message = on_message
        self._config = read_cross_encoder_config(weights_dir)
        self._tokenizer = HuggingFaceTokenizer(weights_dir)
        self._loading = threading.Lock()
        self._session: InferenceSession | None = None

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """See the port.

        Raises:
            ConfigurationError: the model is no reranker with a single output.
            BackendError: ONNX Runtime failed.
            RagError: what `built_model` raises, at the first call.
        """
        return score_texts(query, texts, self._tokenizer, self._config.max_length, self._judge)

    def _judge(self, pairs: list[tuple[str, str]]) -> NDArray[np.float32]:
        logits = np.array([self._logit(*self._tokenizer.pair_ids(*pair)) for pair in pairs], np.float32)
        return np.asarray((1 + np.tanh(logits / 2)) / 2, np.float32)  # the sigmoid, in a form that cannot overflow

    def _logit(self, ids: list[int], types: list[int]) -> float:
        session = self._loaded_session()
        feed = {"input_ids": np.array(ids, np.int64), "token_type_ids": np.array(types, np.int64)}
        try:
            (logit,) = session.run(["logit"], feed)
        except Exception as error:  # ONNX Runtime's own errors share no base class
            what = f"the reranker failed ({type(error).__name__})"
            raise BackendError(f"{what}; try {USE_TORCH['reranker']} or RAG_RERANK=off") from error
        return float(logit[0])

    def _loaded_session(self) -> "InferenceSession":
        with self._loading:
            if self._session is None:
                model = built_model(
                    weights_dir=self._weights_dir,
                    cache_dir=self._cache_dir,
                    precision=self._precision,
                    kind="reranker",
                    on_message=self._on_message,
                )
                self._session = open_session(model, n_threads=self._n_threads, kind="reranker")
            return self._session
