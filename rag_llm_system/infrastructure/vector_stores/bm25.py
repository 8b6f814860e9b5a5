"""The keyword half's numbers: from a text to the weights of its terms, the same for every backend."""

import numpy as np
import qdrant_edge

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.domain.index_points import IndexPoint, TermWeights


class Bm25Encoder:
    """Gives BM25 weights without the idf, which the index multiplies in when it searches (Robertson and Zaragoza 2009).

    A term is a word in lower case, stemmed, that is no stop word of the language; its number is a 32-bit hash. Indexed
    documents carry the weights, so an index made with other parameters has to be made anew.

    Args:
        k1: how soon a term that is repeated stops to count more, >= 0.
        b: how much long texts are held back, from 0 (not at all) to 1.
        avg_len: the mean number of terms of the texts that are indexed; windows of 128 tokens of English have 60.
        language: whose stop words and stemmer are used, in English: "english", "german".

    Raises:
        ConfigurationError: a parameter is out of its range, or the language is not known.
    """

    def __init__(self, *, k1: float = 1.2, b: float = 0.75, avg_len: float = 60.0, language: str = "english") -> None:
        try:
            self._model = qdrant_edge.Bm25(qdrant_edge.Bm25Config(k=k1, b=b, avg_len=avg_len, language=language))
        except ValueError as error:
            raise ConfigurationError(f"BM25 cannot work with these settings ({error}): correct them") from error

    def encode_document(self, text: str) -> TermWeights:
        """Gives for each term tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / avg_len))."""
        return _term_weights(self._model.embed_document(_encodable(text)))

    def encode_query(self, text: str) -> TermWeights:
        """Gives 1 for each term."""
        return _term_weights(self._model.embed_query(_encodable(text)))

    def point_terms(self, point: IndexPoint) -> TermWeights:
        """Gives what the keyword half keeps of a point: the terms it brings, else those of its text."""
        return self.encode_document(point.text) if point.terms is None else point.terms


def _term_weights(vector: qdrant_edge.SparseVector) -> TermWeights:
    return np.asarray(vector.indices, dtype=np.uint32), np.asarray(vector.values, dtype=np.float32)


def _encodable(text: str) -> str:
    # Half of a surrogate pair, which JSON can carry into a question, cannot be handed to the engine.
    return text.encode("utf-8", "replace").decode("utf-8")
