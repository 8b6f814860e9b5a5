"""An embedder that remembers."""

import hashlib
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.application.preprocessing.embedding_data_handlers import embedding_text
from rag_llm_system.domain.chunks import Window
from rag_llm_system.domain.ports.embedder import Embedder
from rag_llm_system.domain.ports.vector_cache import VectorCache


def vector_key(fingerprint: str, text: str) -> bytes:
    """Gives what a text's vector is kept under: the SHA-256 of the embedder's fingerprint and the text, 32 bytes."""
    return hashlib.sha256(f"{fingerprint}\0{text}".encode("utf-8", "surrogatepass")).digest()


def window_keys(fingerprint: str, windows: Sequence[Window]) -> list[bytes]:
    """Gives the keys of what is embedded for these windows, in order; equal texts have one key.

    Whoever erases a document gets its windows by cutting the cleaned document again. What it was cut into under other
    settings, or with the text that it had before, cannot be computed: only `VectorCache.clear` is sure to remove that.
    """
    return [vector_key(fingerprint, embedding_text(window)) for window in windows]


class CachedEmbedder:
    """An `Embedder` that asks another one only for texts whose vectors the cache does not have, once for each text.

    A vector from the cache is, to the bit, the one that the embedder gave for that text when it was first asked. Where
    a vector depends on its text alone, as those of the ONNX embedder do, nobody can tell the two apart. Where texts are
    read in batches (torch), a vector differs with the texts beside it in the last digits (1e-6), and so by as much from
    what would be computed now. Embedders that share a fingerprint share their vectors.

    Args:
        embedder: asked for what is missing.
        cache: closed by whoever opened it.
    """

    def __init__(self, embedder: Embedder, cache: VectorCache) -> None:
        self._embedder = embedder
        self._cache = cache
        self._counting = threading.Lock()
        self.n_hits = 0
        """How many texts did not have to be embedded, those that stood twice in a call included."""
        self.n_misses = 0
        """How many texts were embedded."""

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    @property
    def fingerprint(self) -> str:
        return self._embedder.fingerprint

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See the port.

        Raises:
            RagError: what the embedder raises; nothing is kept then.
        """
        if not texts:
            return self._embedder.embed(texts)
        keys = [vector_key(self.fingerprint, text) for text in texts]
        vectors = self._cache.get(list(dict.fromkeys(keys)))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
        if missing:
            new = dict(zip(missing, self._embedder.embed(list(missing.values())), strict=True))
            # What is no number may be a passing fault, and would stay for ever.
            self._cache.put({key: vector for key, vector in new.items() if np.isfinite(vector).all()})
            vectors |= new
        with self._counting:
            self.n_hits += len(texts) - len(missing)
            self.n_misses += len(missing)
        return np.stack([vectors[key] for key in keys])
