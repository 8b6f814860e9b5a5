"""The embedder of a fresh machine: BERT in ONNX Runtime on the CPU, without torch."""

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.errors import BackendError, ConfigurationError
from rag_llm_system.model.embeddings.encoder_config import read_encoder_config
from rag_llm_system.model.embeddings.long_texts import halves_that_fit, weighted_mean
from rag_llm_system.model.embeddings.onnx_cache import built_model
from rag_llm_system.model.embeddings.onnx_kinds import Precision
from rag_llm_system.model.embeddings.onnx_session import open_session
from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer
from rag_llm_system.model.embeddings.weights import weights_sha256

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxEmbedder:
    """An `Embedder` port. The constructor reads the configuration; the model is built (once) and loaded at first use.

    Texts are read one at a time, so a vector depends on its text alone, to the bit. int8 scales activations over all
    that is read together: in batches of 4, windows came out as far as cosine 0.98 from what they are alone, and the
    batches were no faster (one thread, windows of 97 tokens on average).

    A text longer than `max_tokens` is not cut off: it is halved until every part fits, and its vector is the mean of
    the parts' vectors, weighted by their tokens.

    Args:
        model_id: what the model is called; its last part goes into the fingerprint.
        weights_dir: holds model.safetensors, config.json, tokenizer.json, as `locate_weights` gives it.
        cache_dir: where built models are kept.
        precision: of the linear layers.
        promised: what the fingerprint says of the precision, where vectors may come from several; else `precision`.
        n_threads: of one call.
        on_message: told when the model has to be built, which takes seconds.

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
        precision: Precision = "int8",
        promised: Precision | None = None,
        n_threads: int = 1,
        on_message: Callable[[str], None] = lambda _message: None,
    ) -> None:
        if precision not in ("int8", "fp32"):
            raise ConfigurationError(f"the precision {precision!r} is unknown; use int8 or fp32")
        self._name = Path(model_id).name
        self._weights_dir = weights_dir
        self._cache_dir = cache_dir
        self._precision = precision
        self._promised = promised or precision
        self._n_threads = n_threads
        self._on_message = on_message
        self._config = read_encoder_config(weights_dir)
        self._tokenizer = HuggingFaceTokenizer(weights_dir)
        self._loading = threading.Lock()
        self._session: InferenceSession | None = None

    @property
    def dimension(self) -> int:
        return self._config.hidden_size

    @property
    def max_tokens(self) -> int:
        return self._config.max_length - self._tokenizer.n_special_tokens

    @cached_property
    def fingerprint(self) -> str:
        return f"{self._name}@{weights_sha256(self._weights_dir)[:8]}:{self._promised}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See the port.

        Raises:
            BackendError: ONNX Runtime failed.
            RagError: what `built_model` raises, at the first call.
        """
        parts_of = [self._parts(text) for text in texts]
        found = iter(self._read([ids for parts in parts_of for ids in parts]))
        vectors = [_joined([next(found) for _ in parts], [len(ids) for ids in parts]) for parts in parts_of]
        return np.array(vectors, np.float32).reshape(len(texts), self.dimension)

    def _parts(self, text: str) -> list[list[int]]:
        """Gives the token ids of the text, or of each of its parts where it is longer than the model reads."""
        ids = self._tokenizer.token_ids(text)
        if len(ids) <= self._config.max_length:
            return [ids]
        parts = halves_that_fit(text, lambda part: self._tokenizer.count(part) <= self.max_tokens)
        return [self._tokenizer.token_ids(part) for part in parts]

    def _read(self, token_ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Gives float32, shape (n_parts, dimension), L2-normalised, in order."""
        vectors = [self._run(ids) for ids in token_ids]
        return np.array(vectors, np.float32).reshape(len(token_ids), self.dimension)

    def _run(self, ids: Sequence[int]) -> NDArray[np.float32]:
        session = self._loaded_session()
        try:
            (vector,) = session.run(None, {"input_ids": np.array(ids, np.int64)})
        except Exception as error:  # ONNX Runtime's own errors share no base class
            raise BackendError(f"the embedder failed ({type(error).__name__}); try EMBED_BACKEND=torch") from error
        return np.asarray(vector)

    def _loaded_session(self) -> "InferenceSession":
        with self._loading:
            if self._session is None:
                model = built_model(
                    weights_dir=self._weights_dir,
                    cache_dir=self._cache_dir,
                    precision=self._precision,
                    on_message=self._on_message,
                )
                self._session = open_session(model, n_threads=self._n_threads)
            return self._session


def _joined(vectors: list[NDArray[np.float32]], n_tokens: list[int]) -> NDArray[np.float32]:
    return vectors[0] if len(vectors) == 1 else weighted_mean(vectors, n_tokens)
