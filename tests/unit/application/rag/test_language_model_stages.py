"""The stages that ask a language model believe it only as far as they can check, and do without it."""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pytest

from rag_llm_system.application.rag.follow_ups import FollowUps
from rag_llm_system.application.rag.language_model_stages import (
    LanguageModelExpansion,
    LanguageModelFollowUps,
    LanguageModelSelfQuery,
)
from rag_llm_system.application.rag.query_expansion import QueryExpansion
from rag_llm_system.application.rag.search_scope import SearchScope
from rag_llm_system.application.rag.self_query import SelfQuery
from rag_llm_system.domain.conversations import Turn
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import BackendUnavailableError
from rag_llm_system.domain.ports.language_model import ChatMessage
from rag_llm_system.domain.users import UserDocument, user_id

NAMES = ("Maxime Labonne", "Paul Iusztin", "Ada Smith", "Ben Smith", "onnx")
USERS = [UserDocument.from_full_name(name) for name in NAMES]
TODAY = date(2026, 11, 21)
NOTHING = {"authors": [], "categories": [], "published_from": "", "published_until": ""}
TURING = [Turn("Who was Alan Turing?", "A mathematician.")]


class ScriptedModel:
    """Answers what it is told to, and keeps what it was asked."""

    name = "scripted"

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.asked: list[Sequence[ChatMessage]] = []

    def complete(self, messages: Sequence[ChatMessage], **options: Any) -> str:
        self.asked.append(messages)
        assert options["timeout_s"] > 0
        assert options["json_schema"]["additionalProperties"] is False
        return self._answer if isinstance(self._answer, str) else json.dumps(self._answer)

    def stream(self, messages: Sequence[ChatMessage], **options: Any) -> Iterator[str]:
        yield self.complete(messages, **options)


class AwayModel(ScriptedModel):
    def complete(self, messages: Sequence[ChatMessage], **options: Any) -> str:
        raise BackendUnavailableError("The language model is away.")


def self_query(model: ScriptedModel) -> LanguageModelSelfQuery:
    rules = SelfQuery(lambda: USERS, today=lambda: TODAY)
    return LanguageModelSelfQuery(model, lambda: USERS, rules, today=lambda: TODAY)


def scope_said(question: str, **said: Any) -> SearchScope:
    return self_query(ScriptedModel({**NOTHING, **said}))(question)


def test_an_author_whom_no_rule_sees_is_found() -> None:
    scope = scope_said("What would labonne make of DPO?", authors=["labonne"])
    assert (scope.author_ids, scope.names) == ((user_id("Maxime Labonne"),), ("Maxime Labonne",))
    assert scope.search_text == "What would labonne make of DPO?"


def test_what_the_rules_find_too_leaves_out_the_same_words() -> None:
    scope = scope_said("What does Maxime Labonne say about DPO?", authors=["Maxime Labonne"])
    assert scope.search_text == "What about DPO?"


def test_the_model_may_say_that_a_name_is_the_topic() -> None:
    assert scope_said("When was Maxime Labonne born?") == SearchScope("When was Maxime Labonne born?")


@pytest.mark.parametrize("authors", [["Jane Doe"], ["Paul Iusztin"], ["Smith"], [""], ["?"], [7, None], ["\ud800"]])
def test_an_author_who_is_unknown_or_not_in_the_question_does_not_count(authors: list[Any]) -> None:
    assert scope_said("How does Labonne rate what Smith and Jane Doe built?", authors=authors).author_ids == ()


def test_categories_and_days_are_taken_from_the_model() -> None:
    scope = scope_said(
        "Anything in posts of 2024 on DPO?",
        categories=["posts"],
        published_from="2024-01-01",
        published_until="2024-12-31",
    )
    assert scope.categories == (Category.POSTS,)
    assert str(scope.period) == "from 2024-01-01 to 2024-12-31"


@pytest.mark.parametrize(
    "days",
    [("2024-13-01", ""), ("2025-01-01", "2024-01-01"), ("soon", "later"), ("2031-01-01", ""), ("", "1969-12-31")],
)
def test_days_that_cannot_be_do_not_count(days: tuple[str, str]) -> None:
    scope = scope_said("What was written on DPO in 2024?", published_from=days[0], published_until=days[1])
    assert scope.period is None


def test_categories_do_not_count_where_the_question_has_no_word_for_one() -> None:
    assert scope_said("What did Labonne say about DPO?", authors=["Labonne"], categories=["posts"]).categories == ()


def test_days_do_not_count_where_the_question_speaks_of_no_time() -> None:
    assert scope_said("Which posts explain DPO?", published_from="2024-01-01").period is None


@pytest.mark.parametrize("question", ["What is DPO?", "", "🙂", "\ud800", "a" * 10_000])
def test_a_question_that_names_nothing_of_the_kind_costs_no_call(question: str) -> None:
    model = ScriptedModel(NOTHING)
    assert self_query(model)(question) == SearchScope(question)
    assert model.asked == []


@pytest.mark.parametrize(
    "answer",
    ["", "[]", "no", '{"authors": []}', {**NOTHING, "authors": "x"}, "[" * 100_000, {**NOTHING, "authors": [7]}],
)
def test_an_answer_in_another_form_leaves_the_rules(answer: Any) -> None:
    scope = self_query(ScriptedModel(answer))("What does Labonne say about DPO?")
    assert scope.names == ("Maxime Labonne",)
    assert scope.notes == (
        "The language model did not answer in the form it was asked for. Where to search was found by rule instead.",
    )


def test_while_the_model_is_away_the_rules_find_authors_and_a_note_says_so() -> None:
    scope = self_query(AwayModel(""))("What does Labonne say about DPO?")
    assert scope.names == ("Maxime Labonne",)
    assert scope.notes == ("The language model is away. Where to search was found by rule instead.",)


QUESTION = "How many points did the Broncos score in the final three minutes of the game?"


def phrasings(answer: Any, n_phrasings: int = 3) -> list[str]:
    return LanguageModelExpansion(ScriptedModel(answer), QueryExpansion(3), n_phrasings=n_phrasings)(QUESTION)


def test_the_models_phrasings_come_after_the_question_without_repeats() -> None:
    said = {"phrasings": [f" {QUESTION.upper()} ", "Broncos  points\nlate in the game", "", "x" * 1000, "Late score"]}
    assert phrasings(said) == [QUESTION, "Broncos points late in the game", "Late score"]
    assert phrasings(said, 2) == [QUESTION, "Broncos points late in the game"]


def test_phrasings_that_are_no_texts_leave_the_rules() -> None:
    assert phrasings({"phrasings": [7, None]}) == QueryExpansion(3)(QUESTION)


def test_a_simple_question_or_a_single_phrasing_costs_no_call() -> None:
    model = ScriptedModel({"phrasings": ["x", "y"]})
    assert LanguageModelExpansion(model, QueryExpansion(3))("What is LoRA?") == ["What is LoRA?"]
    assert LanguageModelExpansion(model, QueryExpansion(3), n_phrasings=1)(QUESTION) == [QUESTION]
    assert model.asked == []


@pytest.mark.parametrize("answer", ["", "{}", '{"phrasings": "x"}'])
def test_phrasings_in_another_form_are_replaced_by_those_of_the_rules(answer: str) -> None:
    assert phrasings(answer) == QueryExpansion(3)(QUESTION)


def test_while_the_model_is_away_phrasings_are_made_by_rule() -> None:
    assert LanguageModelExpansion(AwayModel(""), QueryExpansion(3))(QUESTION) == QueryExpansion(3)(QUESTION)


def test_a_follow_up_is_worded_by_the_model_from_the_conversation() -> None:
    model = ScriptedModel({"question": "Where did Alan Turing go to school?"})
    asked = LanguageModelFollowUps(model, FollowUps())(TURING, "and the school?")
    assert asked.text == "Where did Alan Turing go to school?"
    assert asked.notes == ('Understood as: "Where did Alan Turing go to school?"',)
    assert "Who was Alan Turing?" in model.asked[0][-1].content


def test_a_question_that_points_back_to_nothing_costs_no_call() -> None:
    model = ScriptedModel({"question": "x"})
    ask = LanguageModelFollowUps(model, FollowUps())
    assert ask(TURING, "How is a vector database built?").text == "How is a vector database built?"
    assert ask([], "When was he born?").text == "When was he born?"
    assert model.asked == []


@pytest.mark.parametrize("said", ["  ", "x" * 1000])
def test_a_wording_that_cannot_be_right_leaves_the_rules(said: str) -> None:
    asked = LanguageModelFollowUps(ScriptedModel({"question": said}), FollowUps())(TURING, "When was he born?")
    assert asked.text == "When was Alan Turing born?"


def test_while_the_model_is_away_follow_ups_are_worded_by_rule_and_a_note_says_so() -> None:
    asked = LanguageModelFollowUps(AwayModel(""), FollowUps())(TURING, "When was he born?")
    assert asked.text == "When was Alan Turing born?"
    assert asked.notes[-1] == ("The language model is away. What the question leaves out was found by rule instead.")
