"""Answering is grounded: every citation is proven, and without proof there is no answer."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from rag_llm_system.application.rag.generation import GroundedAnswering
from rag_llm_system.application.rag.query_expansion import QueryExpansion
from rag_llm_system.application.rag.retriever import STAGES, ContextRetriever
from rag_llm_system.application.rag.self_query import SelfQuery
from rag_llm_system.application.wrappers.fallback import FallbackEngine
from rag_llm_system.domain.answers import REFUSAL, AnswerDelta, AnswerLimits, Passage, Quote
from rag_llm_system.domain.conversations import Turn
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import BackendUnavailableError, ContextOverflowError, InputError
from rag_llm_system.domain.ports.answer_engine import AnswerEngine
from rag_llm_system.model.engines.extractive import ExtractiveEngine
from tests.unit.application.rag.corpus import CorpusIndex, WordEmbedder

QUESTION = "Who wrote the first program?"
TEXT = "Ada Lovelace wrote the first program. It computed Bernoulli numbers."


class ScriptedEngine:
    """Says what it is told to."""

    name = "scripted"

    def __init__(self, *deltas: AnswerDelta) -> None:
        self._deltas = deltas
        self.asked: list[tuple[Passage, ...]] = []
        self.questions: list[str] = []

    def stream(self, question: str, passages: Sequence[Passage], limits: AnswerLimits) -> Iterator[AnswerDelta]:
        self.asked.append(tuple(passages))
        self.questions.append(question)
        yield from self._deltas


class AwayEngine:
    name = "away"

    def stream(self, question: str, passages: Sequence[Passage], limits: AnswerLimits) -> Iterator[AnswerDelta]:
        raise BackendUnavailableError("The model server is away.")
        yield


def answering(
    engine: AnswerEngine, *, empty: bool = False, clock: Callable[[], float] | None = None
) -> GroundedAnswering:
    index = CorpusIndex()
    if not empty:
        index.add(TEXT, document="notes", chunk_start=30)
        index.add("Bees make honey.", document="bees", category=Category.POSTS)
    tick = clock or (lambda: 0.0)
    retriever = ContextRetriever(index, WordEmbedder(), SelfQuery(list), QueryExpansion(), clock=tick)
    return GroundedAnswering(retriever, engine, clock=tick)


def test_an_answer_quotes_its_source_to_the_character_with_the_place_in_the_document() -> None:
    answer = answering(ExtractiveEngine()).answer(QUESTION)
    assert not answer.refused
    (citation, *_) = answer.citations
    assert citation.quote == "Ada Lovelace wrote the first program."
    assert f'"{citation.quote}" [{citation.passage_number}]' in answer.text
    assert (citation.start, citation.end, citation.document_id) == (30, 67, "notes")
    assert ("#" * 30 + TEXT)[citation.start : citation.end] == citation.quote


def test_without_passages_the_engine_is_not_asked_and_the_answer_is_a_refusal() -> None:
    engine = ScriptedEngine(AnswerDelta("Paris.", (Quote(1, 0, 3, "Ada"),)))
    answer = answering(engine, empty=True).answer(QUESTION)
    assert (answer.text, answer.refused, answer.citations, answer.passages) == (REFUSAL, True, (), ())
    assert engine.asked == []


def test_a_quote_that_is_not_in_the_passage_is_dropped_with_a_note() -> None:
    deltas = (AnswerDelta("Ada", (Quote(1, 0, 3, "Ada"),)), AnswerDelta(" did.", (Quote(1, 0, 3, "Bob"),)))
    answer = answering(ScriptedEngine(*deltas)).answer(QUESTION)
    assert answer.text == "Ada did."
    assert [citation.quote for citation in answer.citations] == ["Ada"]
    assert answer.notes == ("1 quote was dropped: the words do not stand in the passage.",)


@pytest.mark.parametrize("quotes", [(), (Quote(1, 0, 3, "Bob"),), (Quote(9, 0, 3, "Ada"),)])
def test_an_answer_without_a_citation_that_holds_becomes_a_refusal(quotes: tuple[Quote, ...]) -> None:
    answer = answering(ScriptedEngine(AnswerDelta("Bob did, trust me.", quotes))).answer(QUESTION)
    assert (answer.text, answer.refused, answer.citations) == (REFUSAL, True, ())
    assert answer.notes[-1] == "The answer was withheld: nothing in it could be traced to the sources."


def test_an_engine_that_refuses_is_believed_and_no_note_blames_it() -> None:
    answer = answering(ScriptedEngine(AnswerDelta("I do not know.", refused=True))).answer(QUESTION)
    assert (answer.text, answer.refused, answer.citations, answer.notes) == (REFUSAL, True, (), ())
    assert len(answer.passages) == 2


@pytest.mark.parametrize("question", ["", "  \n\t "])
def test_a_blank_question_is_refused_as_input(question: str) -> None:
    with pytest.raises(InputError, match="blank"):
        answering(ExtractiveEngine()).answer(question)


def test_a_question_that_is_too_long_names_both_numbers_and_the_setting() -> None:
    service = answering(ExtractiveEngine())
    with pytest.raises(ContextOverflowError, match=r"4001 .* 4000.*RAG_MAX_QUESTION_CHARS"):
        service.answer("a" * 4001)
    assert service.answer("a" * 4000).refused


@pytest.mark.parametrize("top_k", [0, -1, 21])
def test_top_k_out_of_its_range_is_refused(top_k: int) -> None:
    with pytest.raises(InputError, match="from 1 to 20"):
        answering(ExtractiveEngine()).answer(QUESTION, top_k=top_k)


def test_top_k_and_category_reach_the_engine() -> None:
    engine = ScriptedEngine(AnswerDelta("?", refused=True))
    service = answering(engine)
    service.answer(QUESTION, top_k=1)
    service.answer(QUESTION, category=Category.POSTS)
    service.answer(QUESTION)
    assert [[passage.document_id for passage in passages] for passages in engine.asked] == [
        ["notes"],
        ["bees"],
        ["notes", "bees"],
    ]


def test_a_fallback_is_seen_in_the_notes() -> None:
    answer = answering(FallbackEngine(AwayEngine(), ExtractiveEngine())).answer(QUESTION)
    assert not answer.refused
    assert answer.notes == ("The model server is away. The answer is by 'extractive' instead.",)


def test_an_engine_that_is_away_without_a_fallback_is_an_error() -> None:
    with pytest.raises(BackendUnavailableError):
        answering(AwayEngine()).answer(QUESTION)


BEFORE = [Turn("Who was Ada Lovelace?", "A mathematician.")]


def test_a_follow_up_is_retrieved_and_answered_as_a_question_that_stands_alone() -> None:
    engine = ScriptedEngine(AnswerDelta("?", refused=True))
    answer = answering(engine).answer("What did she write?", history=BEFORE)
    assert engine.questions == ["What did Ada Lovelace write?"]
    assert answer.passages[0].document_id == "notes"
    assert answer.notes == ('Understood as: "What did Ada Lovelace write?"',)


def test_a_history_changes_nothing_of_a_question_that_stands_alone() -> None:
    engine = ScriptedEngine(AnswerDelta("?", refused=True))
    answer = answering(engine).answer(QUESTION, history=BEFORE)
    assert (engine.questions, answer.notes) == ([QUESTION], ())


def test_timings_come_from_the_clock_and_name_every_stage() -> None:
    ticks = iter(range(1000))
    answer = answering(ExtractiveEngine(), clock=lambda: float(next(ticks))).answer(QUESTION)
    assert tuple(answer.timings_ms) == (*STAGES, "llm", "total")
    assert answer.timings_ms["llm"] == 1000
    assert answer.timings_ms["total"] >= sum(answer.timings_ms[stage] for stage in (*STAGES, "llm"))
