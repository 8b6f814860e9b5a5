"""Query expansion phrases a question anew, or leaves it alone."""

import pytest

from rag_llm_system.application.rag.query_expansion import QueryExpansion

QUESTION = "How many points did the Broncos score in the final three minutes of the game?"


def test_three_phrasings_begin_with_the_question() -> None:
    assert QueryExpansion(3)(QUESTION) == [
        QUESTION,
        "points Broncos score final three minutes game",
        "points did the Broncos score in the final three minutes of the game",
    ]


def test_by_default_a_question_is_asked_as_it_is() -> None:
    assert QueryExpansion()(QUESTION) == [QUESTION]


def test_two_phrasings_are_two() -> None:
    assert len(QueryExpansion(2)(QUESTION)) == 2


@pytest.mark.parametrize("question", ["What is LoRA?", "Who wrote it?", "?", "what", ""])
def test_a_simple_question_is_asked_as_it_is(question: str) -> None:
    assert QueryExpansion(3)(question) == [question]


def test_phrasings_do_not_repeat() -> None:
    assert QueryExpansion(3)("bake sourdough bread overnight slowly") == ["bake sourdough bread overnight slowly"]
