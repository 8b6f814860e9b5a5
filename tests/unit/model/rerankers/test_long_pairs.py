"""Whatever the lengths, every pair that is judged fits into the window, and nothing is left out."""

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer
from rag_llm_system.model.rerankers.long_pairs import score_texts
from tests.tiny_bert import WORDS, make_tiny_bert

WINDOW = 24


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> HuggingFaceTokenizer:
    return HuggingFaceTokenizer(make_tiny_bert(tmp_path_factory.mktemp("tiny"), classifier=True))


@pytest.mark.parametrize("n_query_words", [1, 9, 10, 11, 12, 20, 21, 22, 300])
@pytest.mark.parametrize("n_words", [0, 1, 10, 20, 21, 300])
def test_pairs_fit_and_hold_everything(tokenizer: HuggingFaceTokenizer, n_query_words: int, n_words: int) -> None:
    judged: list[tuple[str, str]] = []

    def judge(pairs: list[tuple[str, str]]) -> NDArray[np.float32]:
        judged.extend(pairs)
        return np.zeros(len(pairs), np.float32)

    query, text = (" ".join((WORDS * 20)[:n]) for n in (n_query_words, n_words))
    assert score_texts(query, [text], tokenizer, WINDOW, judge) == [0.0]
    assert max(len(tokenizer.pair_ids(*pair)[0]) for pair in judged) <= WINDOW
    queries, parts = (list(dict.fromkeys(side)) for side in zip(*judged, strict=True))
    assert len(judged) >= len(queries) * len(parts)
    assert set("".join(queries).split()) == set(query.split())
    assert set("".join(parts).split()) == set(text.split())
    # A query leaves half of the window to the texts: their parts are not crumbs.
    assert max(tokenizer.count(part) for part in queries) <= (WINDOW - 3) // 2
    assert len(parts) <= max(1, n_words // 3)


def test_a_text_scores_as_its_best_part_on_average_over_the_parts_of_the_query(tokenizer: HuggingFaceTokenizer) -> None:
    def judge(pairs: list[tuple[str, str]]) -> NDArray[np.float32]:
        return np.array([("sea" in text) * (0.8 if "cat" in query else 0.4) for query, text in pairs], np.float32)

    query = "cat " * 10 + "dog " * 10
    texts = ["rain " * 30 + "sea", "rain", "sea"]
    assert score_texts(query, texts, tokenizer, WINDOW, judge) == pytest.approx([0.6, 0.0, 0.6], abs=1e-6)
