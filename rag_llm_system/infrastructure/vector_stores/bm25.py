"""The keyword half's numbers: from a text to the weights of its terms, the same for every backend."""

from typing import Any

import numpy as np
import qdrant_edge

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.domain.index_points import IndexPoint, TermWeights

STEMMED = (
    "arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian", "norwegian",
    "portuguese", "romanian", "russian", "spanish", "swedish", "turkish",
)  # fmt: skip
"""Languages with stop words and a Snowball stemmer; both are part of the engine, and nothing is fetched."""
WITH_STOP_WORDS = (
    "azerbaijani", "basque", "bengali", "catalan", "chinese", "hebrew", "hinglish", "indonesian", "japanese", "kazakh",
    "nepali", "slovene", "tajik",
)  # fmt: skip
"""Languages with stop words alone."""
NONE, MULTILINGUAL = "none", "multilingual"
LANGUAGES = (*sorted((*STEMMED, *WITH_STOP_WORDS)), NONE, MULTILINGUAL)
_SEGMENTED = ("chinese", "japanese", MULTILINGUAL)
_NO_STOP_WORDS, _NO_STEMMER = "no stop words", "no stemmer"


def analysis_in_words(language: str, *, stop_words: bool, stemmer: bool) -> str:
    """Says how a text becomes terms, as `Bm25Encoder` takes it: "english", "german, no stop words, no stemmer".

    What a language does not have is not said, nor its capitals: two ways to say the same would be two recipes.

    Raises:
        ConfigurationError: the language is not known. Said here, no index is taken for one of another language.
    """
    language = language.strip().lower()
    _require_known(language)
    without = [_NO_STOP_WORDS] if not stop_words and language in STEMMED + WITH_STOP_WORDS else []
    without += [_NO_STEMMER] if not stemmer and language in STEMMED else []
    return ", ".join([language, *without])


class Bm25Encoder:
    """Gives BM25 weights without the idf, which the index multiplies in when it searches (Robertson and Zaragoza 2009).

    A term is a word in lower case, stemmed, that is no stop word of the language; its number is a 32-bit hash. Indexed
    documents carry the weights, so an index made with other parameters has to be made anew.

    A word ends where something stands that is no letter and no digit. Scripts without spaces have no such place: of
    Chinese and Japanese whole clauses are terms then, and Thai falls into the letters between its vowel signs. The
    languages "chinese", "japanese" and "multilingual" cut them into words by a dictionary that is part of the engine.

    Args:
        k1: how soon a term that is repeated stops to count more, >= 0.
        b: how much long texts are held back, from 0 (not at all) to 1.
        avg_len: the mean number of terms of the texts that are indexed; windows of 128 tokens of English have 60.
        language: one of `LANGUAGES`, whose stop words and stemmer are used, and what is left off of it, as
            `analysis_in_words` says it. "none" has neither, for languages that have no entry; nor has "multilingual",
            which cuts texts of any script into words.

    Raises:
        ConfigurationError: a parameter is out of its range, or the language is not known.
    """

    def __init__(self, *, k1: float = 1.2, b: float = 0.75, avg_len: float = 60.0, language: str = "english") -> None:
        analysis = _analysis(language)
        try:
            self._model = qdrant_edge.Bm25(qdrant_edge.Bm25Config(k=k1, b=b, avg_len=avg_len, **analysis))
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


def _analysis(in_words: str) -> dict[str, Any]:
    language, *without = in_words.split(", ")
    _require_known(language if set(without) <= {_NO_STOP_WORDS, _NO_STEMMER} else in_words)
    is_known = language in STEMMED + WITH_STOP_WORDS
    analysis: dict[str, Any] = {"language": language if is_known else "english"}
    if not is_known or _NO_STOP_WORDS in without:
        analysis["stopwords"] = qdrant_edge.StopwordsSet()
    if language not in STEMMED or _NO_STEMMER in without:
        analysis["stemmer"] = qdrant_edge.DisabledStemmer()
    if language in _SEGMENTED:
        analysis["tokenizer"] = qdrant_edge.TokenizerType.Multilingual
    return analysis


def _require_known(language: str) -> None:
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise ConfigurationError(f"BM25 has no language {language!r}: set RAG_BM25_LANGUAGE to one of {known}.")


def _term_weights(vector: qdrant_edge.SparseVector) -> TermWeights:
    return np.asarray(vector.indices, dtype=np.uint32), np.asarray(vector.values, dtype=np.float32)


def _encodable(text: str) -> str:
    # Half of a surrogate pair, which JSON can carry into a question, cannot be handed to the engine.
    return text.encode("utf-8", "replace").decode("utf-8")
