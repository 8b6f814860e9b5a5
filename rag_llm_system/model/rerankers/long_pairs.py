"""Pairs of texts that are longer than a cross-encoder's window: halved until they fit, judged part by part."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.model.embeddings.long_texts import halves_that_fit
from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer, without_lone_surrogates

JudgePairs = Callable[[list[tuple[str, str]]], NDArray[np.float32]]
"""Gives the score of each pair of a query and a text that fit into the window together: float32, shape (n_pairs,)."""


def score_texts(
    query: str, texts: Sequence[str], tokenizer: HuggingFaceTokenizer, max_length: int, judge: JudgePairs
) -> list[float]:
    """Gives a score for each text, in their order. Nothing is cut off.

    A text that does not fit beside the query is halved until its parts do and scores as its best part does; a query
    longer than half the window is halved too, and the scores of its parts are averaged.

    Args:
        max_length: tokens that the model reads, the special ones included.
    """

    def parts(text: str, max_tokens: int) -> list[str]:
        return halves_that_fit(without_lone_surrogates(text), lambda part: tokenizer.count(part) <= max_tokens)

    room = max_length - tokenizer.n_special_tokens_of_pair
    queries = parts(query, room // 2)
    room -= max(tokenizer.count(part) for part in queries)
    parts_of = [parts(text, room) for text in texts]
    scores = judge([pair for text_parts in parts_of for pair in product(queries, text_parts)])
    ends = np.cumsum([len(queries) * len(text_parts) for text_parts in parts_of], dtype=np.int64)
    by_text = np.split(scores, ends)[:-1]
    return [float(block.reshape(len(queries), -1).max(axis=1).mean()) for block in by_text]
