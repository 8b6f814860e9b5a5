"""What every answer engine must do, whatever it answers with."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import islice

import pytest

from rag_llm_system.application.wrappers.fallback import FallbackEngine
from rag_llm_system.domain.answers import REFUSAL, AnswerDelta, AnswerLimits, Passage
from rag_llm_system.domain.errors import BackendUnavailableError, InputError
from rag_llm_system.domain.ports.answer_engine import AnswerEngine
from rag_llm_system.infrastructure.local.local_deploy import create_app
from rag_llm_system.model.engines.extractive import ExtractiveEngine
from rag_llm_system.model.inference.local import ModelServerEngine
from rag_llm_system.services import ModelServices
from tests.live_server import live_server

LIMITS = AnswerLimits(max_new_tokens=150, timeout_s=10)
QUESTION = "Who founded the observatory in Greenwich?"
GREENWICH = (
    "# Greenwich\n\nKing Charles II founded the *Royal Observatory* in Greenwich in 1675. It stands on a hill.\n"
)
KEW = "The gardens at Kew are older.\nThey were founded in 1759 — by Augusta."
PASSAGES = (
    Passage(number=3, id="a", title="Greenwich", link="https://example.org/greenwich", start=120, text=GREENWICH),
    Passage(number=7, id="b", title="Kew", link="", text=KEW),
)


class AwayEngine:
    name = "away"

    def stream(self, question: str, passages: Sequence[Passage], limits: AnswerLimits) -> Iterator[AnswerDelta]:
        raise BackendUnavailableError("The model server is away.")
        yield


ENGINES: dict[str, Callable[[], AnswerEngine]] = {
    "extractive": ExtractiveEngine,
    "fallback, first there": lambda: FallbackEngine(ExtractiveEngine(), AwayEngine()),
    "fallback, first away": lambda: FallbackEngine(AwayEngine(), ExtractiveEngine()),
}


@pytest.fixture(params=[*ENGINES, "model server"])
def engine(request: pytest.FixtureRequest) -> Iterator[AnswerEngine]:
    if request.param == "model server":
        yield from engine_behind_http()
    else:
        yield ENGINES[request.param]()


def engine_behind_http() -> Iterator[AnswerEngine]:
    services = ModelServices(engine=ExtractiveEngine())
    with live_server(create_app(lambda: nullcontext(services))) as url:
        engine = ModelServerEngine(url)
        yield engine
        engine.close()


def test_it_has_a_name(engine: AnswerEngine) -> None:
    assert engine.name


def test_it_refuses_without_passages(engine: AnswerEngine) -> None:
    deltas = list(engine.stream(QUESTION, [], LIMITS))
    assert "".join(delta.text for delta in deltas) == REFUSAL
    assert any(delta.refused for delta in deltas)
    assert not any(delta.quotes for delta in deltas)


@pytest.mark.parametrize("question", ["", " ", "\n\t\u2003"])
@pytest.mark.parametrize("passages", [(), PASSAGES])
def test_it_refuses_a_blank_question_as_input(engine: AnswerEngine, question: str, passages: Sequence[Passage]) -> None:
    with pytest.raises(InputError):
        list(engine.stream(question, passages, LIMITS))


def test_every_quote_stands_in_its_passage_to_the_character(engine: AnswerEngine) -> None:
    by_number = {passage.number: passage for passage in PASSAGES}
    quotes = [quote for delta in engine.stream(QUESTION, PASSAGES, LIMITS) for quote in delta.quotes]
    assert quotes
    for quote in quotes:
        assert by_number[quote.passage_number].text[quote.start : quote.end] == quote.text
        assert quote.text.strip() == quote.text != ""


def test_an_answer_that_does_not_refuse_has_text_and_names_its_passages(engine: AnswerEngine) -> None:
    deltas = list(engine.stream(QUESTION, PASSAGES, LIMITS))
    assert not any(delta.refused for delta in deltas)
    text = "".join(delta.text for delta in deltas)
    assert "Charles II" in text
    for delta in deltas:
        assert all(f"[{quote.passage_number}]" in text for quote in delta.quotes)


def test_the_same_question_gets_the_same_answer(engine: AnswerEngine) -> None:
    first, second = (list(engine.stream(QUESTION, PASSAGES, LIMITS)) for _ in range(2))
    assert first == second


def test_an_answer_may_be_left_early(engine: AnswerEngine) -> None:
    deltas = engine.stream(QUESTION, PASSAGES, LIMITS)
    assert len(list(islice(deltas, 1))) == 1
    del deltas
    assert list(engine.stream(QUESTION, PASSAGES, LIMITS))


def test_several_threads_get_the_answers_that_one_gets(engine: AnswerEngine) -> None:
    questions = [QUESTION, "When were the gardens at Kew founded?", "What is the boiling point of tungsten?"] * 20

    def answer(question: str) -> list[AnswerDelta]:
        return list(engine.stream(question, PASSAGES, LIMITS))

    alone = [answer(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(answer, questions)) == alone


def test_it_keeps_to_the_number_of_tokens(engine: AnswerEngine) -> None:
    passage = Passage(
        1, "a", "The observatory in Greenwich was founded by a king " + "and a queen " * 200 + ".", "", ""
    )
    for max_new_tokens in (8, 40, 150):
        limits = AnswerLimits(max_new_tokens=max_new_tokens)
        text = "".join(delta.text for delta in engine.stream(QUESTION, [passage, *PASSAGES], limits))
        assert 0 < len(text.split()) <= max_new_tokens
