"""Stage 6, generation, and the whole way from a question to an answer that can be checked."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loguru import logger

from rag_llm_system.application.rag.citations import cite
from rag_llm_system.application.rag.follow_ups import FollowUpRewriter, FollowUps, StandaloneQuestion
from rag_llm_system.application.rag.retriever import ContextRetriever, Retrieval
from rag_llm_system.application.stopwatch import Stopwatch
from rag_llm_system.domain.answers import REFUSAL, Answer, AnswerLimits, Quote
from rag_llm_system.domain.conversations import Turn
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import ContextOverflowError, InputError
from rag_llm_system.domain.ports.answer_engine import AnswerEngine

MAX_TOP_K = 20
_MIN_CANDIDATES = 9


@dataclass(frozen=True, slots=True)
class _Written:
    """What an engine streamed, put together."""

    text: str
    quotes: tuple[Quote, ...]
    refused: bool
    notes: tuple[str, ...]


class GroundedAnswering:
    """Answers questions from the index alone, each answer with citations that were verified. Writes nothing.

    Args:
        retriever: finds passages.
        engine: writes the answer from them.
        limits: what the engine must keep to.
        top_k: passages that an answer is made from, where a question names no number.
        min_candidates: k, the least number of chunks that passages are chosen from; it grows to three times top_k.
        max_question_chars: longest question.
        follow_ups: makes a follow-up question one that stands alone; by rule where none is given.
        clock: gives seconds.
    """

    def __init__(
        self,
        retriever: ContextRetriever,
        engine: AnswerEngine,
        limits: AnswerLimits | None = None,
        *,
        top_k: int = 4,
        min_candidates: int = _MIN_CANDIDATES,
        max_question_chars: int = 4000,
        follow_ups: FollowUpRewriter | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._retriever = retriever
        self._engine = engine
        self._limits = limits or AnswerLimits()
        self._top_k = top_k
        self._min_candidates = min_candidates
        self._max_question_chars = max_question_chars
        self._follow_ups = follow_ups or FollowUps(max_question_chars=max_question_chars)
        self._clock = clock

    def answer(
        self,
        question: str,
        *,
        top_k: int | None = None,
        category: Category | None = None,
        history: Sequence[Turn] = (),
    ) -> Answer:
        """Gives an answer whose every citation stands in its passage, or a refusal.

        Args:
            question: in plain words.
            top_k: how many passages to answer from, 1 to 20.
            category: answer from articles, posts or repositories alone.
            history: what was asked and answered before, the first turn first: where the question leaves out what it is
                about, that is taken from here, with a note. No answer is made from what is said here.

        Raises:
            InputError: the question is blank, or `top_k` is out of its range.
            ContextOverflowError: the question is too long.
            BackendError: index, embedder or engine failed.
        """
        self._validate(question, top_k)
        top_k = top_k or self._top_k
        watch = Stopwatch(self._clock)
        with watch.stage("total"):
            asked = self._follow_ups(history, question) if history else StandaloneQuestion(question)
            retrieval = self._retriever.retrieve(
                asked.text,
                k=max(self._min_candidates, 3 * top_k),
                top_k=top_k,
                categories=tuple(Category) if category is None else (category,),
            )
            with watch.stage("llm"):
                written = self._write(asked.text, retrieval)
        timings_ms = {**retrieval.timings_ms, **{stage: 1000 * watch.seconds[stage] for stage in ("llm", "total")}}
        answer = _checked(written, retrieval, asked.notes, timings_ms)
        n_citations, refused, total_ms = len(answer.citations), answer.refused, timings_ms["total"]
        logger.info("question_handled refused={} citations={} ms={:.0f}", refused, n_citations, total_ms)
        return answer

    def _validate(self, question: str, top_k: int | None) -> None:
        if not question.strip():
            raise InputError("The question is blank: ask something.")
        if len(question) > self._max_question_chars:
            raise ContextOverflowError(
                f"The question has {len(question)} characters and may have {self._max_question_chars}: "
                "shorten it, or raise RAG_MAX_QUESTION_CHARS."
            )
        if top_k is not None and not 1 <= top_k <= MAX_TOP_K:
            raise InputError(f"top_k is {top_k} and must be from 1 to {MAX_TOP_K}.")

    def _write(self, question: str, retrieval: Retrieval) -> _Written:
        """Gives what the engine writes. Without passages it is not asked: there is nothing to answer from."""
        if not retrieval.passages:
            return _Written(REFUSAL, (), True, ())
        deltas = list(self._engine.stream(question, retrieval.passages, self._limits))
        return _Written(
            text="".join(delta.text for delta in deltas),
            quotes=tuple(quote for delta in deltas for quote in delta.quotes),
            refused=any(delta.refused for delta in deltas),
            notes=tuple(note for delta in deltas for note in delta.notes),
        )


def _checked(
    written: _Written, retrieval: Retrieval, asked_notes: Sequence[str], timings_ms: dict[str, float]
) -> Answer:
    """Keeps the citations that hold; an answer without any becomes a refusal."""
    notes = [*asked_notes, *retrieval.notes, *written.notes]
    citations, n_wrong = ([], 0) if written.refused else cite(written.quotes, retrieval.passages)
    if n_wrong:
        quotes = "1 quote was" if n_wrong == 1 else f"{n_wrong} quotes were"
        notes.append(f"{quotes} dropped: the words do not stand in the passage.")
    if not written.refused and not citations:
        notes.append("The answer was withheld: nothing in it could be traced to the sources.")
    return Answer(
        text=written.text.strip() if citations else REFUSAL,
        citations=tuple(citations),
        passages=retrieval.passages,
        refused=not citations,
        notes=tuple(dict.fromkeys(notes)),
        timings_ms=timings_ms,
    )
