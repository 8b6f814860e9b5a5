"""The learned ranking reorders candidates by how the question's words stand in them."""

import numpy as np
import pytest

from rag_llm_system.application.rag.candidates import Candidate
from rag_llm_system.application.rag.learned_ranking import (
    FEATURES,
    MAX_RANKED,
    LearnedRanking,
    LinearModel,
    features_of,
    shipped_model,
)


def candidate(number: int, text: str, title: str = "", score: float = 0.5) -> Candidate:
    return Candidate(f"c{number:02}", "d", title, "", "", "", text, 0, score, None)


def only(feature: str) -> LinearModel:
    weights = np.array([float(name == feature) for name in FEATURES])
    return LinearModel(weights, np.zeros(len(FEATURES)), np.ones(len(FEATURES)))


def column(feature: str, question: str, candidates: list[Candidate]) -> list[float]:
    return [float(value) for value in features_of(question, candidates)[:, FEATURES.index(feature)]]


BEES = [
    candidate(0, "The dance of the bees tells where the honey is."),
    candidate(1, "The wasps make the paper of wood."),
    candidate(2, "The bears like the honey.", title="The bears"),
]


def test_a_rare_word_covers_more_of_the_question_than_one_that_all_hold() -> None:
    dance, none, honey = column("coverage", "the dance honey", BEES)
    assert dance == pytest.approx(1.0)
    assert dance > honey > none > 0


def test_a_title_that_holds_the_words_counts() -> None:
    assert column("title_coverage", "bears dance", BEES)[:2] == [0.0, 0.0]
    assert column("title_coverage", "bears dance", BEES)[2] > 0.4


def test_words_that_stand_together_as_in_the_question_count() -> None:
    texts = ["red cats and blue dogs", "blue cats and red dogs", "cats red dogs blue"]
    assert column("pairs", "red cats", [candidate(n, text) for n, text in enumerate(texts)]) == [1.0, 0.0, 0.0]


def test_words_that_stand_near_each_other_count_more() -> None:
    near, far = "cat dog " + "x " * 300, "cat " + "x " * 300 + "dog"
    first, second = column("nearness", "cat dog", [candidate(0, near), candidate(1, far)])
    assert first == pytest.approx(1.0)
    assert second == pytest.approx(0.5)


def test_other_forms_of_a_word_are_found() -> None:
    assert column("coverage", "dances", [BEES[0], BEES[1]]) == [1.0, 0.0]


def test_the_order_and_the_scores_are_the_models_and_ties_go_by_id() -> None:
    ranked = LearnedRanking(only("coverage"))("where is the dance", BEES[::-1])
    assert [one.chunk_id for one in ranked] == ["c00", "c01", "c02"]
    assert ranked[0].score > ranked[1].score == ranked[2].score > 0


def test_what_lies_behind_the_first_keeps_its_order() -> None:
    many = [candidate(n, f"text {n}", score=1 - n / 100) for n in range(MAX_RANKED + 5)]
    ranked = LearnedRanking(only("coverage"))(f"text {MAX_RANKED - 1} and {MAX_RANKED + 4}", many)
    assert ranked[0].chunk_id == many[MAX_RANKED - 1].chunk_id
    assert [one.chunk_id for one in ranked[MAX_RANKED:]] == [one.chunk_id for one in many[MAX_RANKED:]]
    scores = [one.score for one in ranked]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    "question", ["", "?!", "\ud800 \udfff", "猫", "\x00" * 20, "x" * 10_000, "a " * 5_000, "🐈 (.*"]
)
def test_whatever_is_asked_gets_all_candidates_back(question: str) -> None:
    odd = [*BEES, candidate(3, ""), candidate(4, "\ud800 (.* 猫 🐈", title="İstanbul")]
    ranked = LearnedRanking(shipped_model())(question, odd)
    assert sorted(one.chunk_id for one in ranked) == [one.chunk_id for one in odd]
    assert all(0 < one.score < 1 for one in ranked)
    assert LearnedRanking(shipped_model())(question, odd[:1]) == odd[:1]
    assert LearnedRanking(shipped_model())(question, []) == []
