"""Measures against values computed by hand."""

from math import log2

import pytest

from rag_llm_system.application.evaluation.measures import (
    RANKING_MEASURES,
    answer_words,
    count_sentences,
    holds_gold_answer,
    ranking_measures,
)

RELEVANCE = {"q": {"a": 3, "b": 2, "c": 1}}


def measured(*ranking: str) -> dict[str, float]:
    pytest.importorskip("ir_measures", reason="needs the extra evaluation")
    return {name: values["q"] for name, values in ranking_measures(RELEVANCE, {"q": ranking}).items()}


def test_a_perfect_ranking_has_one_everywhere() -> None:
    assert measured("a", "b", "c", "d", "e") == dict.fromkeys(RANKING_MEASURES, 1.0)


def test_a_reversed_ranking_has_what_the_formula_says() -> None:
    found = measured("e", "d", "c", "b", "a")
    dcg, ideal = 1 / log2(4) + 2 / log2(5) + 3 / log2(6), 3 / log2(2) + 2 / log2(3) + 1 / log2(4)
    assert found["ndcg@10"] == pytest.approx(dcg / ideal, abs=1e-9)
    assert found["ndcg@10"] == pytest.approx(0.5296, abs=1e-4)
    assert found["mrr@10"] == pytest.approx(1 / 3)
    assert found["recall@10"] == 1.0


def test_places_beyond_the_cut_do_not_count() -> None:
    others = [f"x{number:03}" for number in range(99)]
    found = measured(*others[:10], "a", *others[10:], "b")
    assert (found["ndcg@10"], found["recall@10"], found["mrr@10"]) == (0.0, 0.0, 0.0)
    assert found["recall@100"] == pytest.approx(1 / 3)  # "b" stands at 101


def test_a_question_without_a_ranking_has_zero_everywhere() -> None:
    pytest.importorskip("ir_measures", reason="needs the extra evaluation")
    relevance = {**RELEVANCE, "empty": {"a": 1}, "absent": {"a": 1}}
    found = ranking_measures(relevance, {"q": ["a", "b", "c"], "empty": []})
    assert found["ndcg@10"] == {"q": 1.0, "empty": 0.0, "absent": 0.0}


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ('"The Normans came from Normandy." [1]', "normandy"),
        ('"It cost $1.5 million." [2]', "$1.5 million"),
        ('"He sang THE song." [1]', "a song"),
        ('"Born in 1492, he sailed." [1]\n"Later he died." [2]', "1492"),
        ('"The Boston-based band played." [1]', "Boston"),
        ("“Thriller” sold best.", "Thriller"),
    ],
)
def test_a_gold_answer_is_found_without_case_articles_and_punctuation(answer: str, gold: str) -> None:
    assert holds_gold_answer(answer, ["nowhere to be seen", gold])


@pytest.mark.parametrize(
    ("answer", "gold"), [('"It is old." [19]', "19"), ("in 1990", "19"), ("a fan", "the"), ("", "x")]
)
def test_a_number_of_a_source_half_a_word_and_nothing_are_no_answers(answer: str, gold: str) -> None:
    assert not holds_gold_answer(answer, [gold])


def test_the_numbers_of_sources_are_no_words() -> None:
    assert answer_words('"It has three words." [1]\n"More." [12]') == ['"It', "has", "three", 'words."', '"More."']


@pytest.mark.parametrize(
    ("answer", "n_sentences"),
    [
        ('"One." [1]', 1),
        ('"One is here. Two is there." [1]', 2),
        ('"One" [1]\n"two" [2]', 2),
        ('"He weighed 3.5 kg." [1]\n"Then Dr. Who came!" [12]', 2),
        ("", 0),
        ("[1]", 0),
    ],
)
def test_sentences_are_counted_quote_by_quote(answer: str, n_sentences: int) -> None:
    assert count_sentences(answer) == n_sentences
