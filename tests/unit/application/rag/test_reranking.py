"""Reranking keeps within its time and never costs the answer."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from rag_llm_system.application.rag.candidates import Candidate, FoundWindow
from rag_llm_system.application.rag.reranking import MAX_JUDGED, Reranking
from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, ConfigurationError, IntegrityError

CANDIDATES = [Candidate(f"c{n:02}", "d", "", "", "", "", f"text {n}", 0, 1.0 - n / 100, None) for n in range(10)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Judge:
    """A reranker that likes later texts better and takes `seconds` for each text."""

    def __init__(self, clock: Clock, seconds: float = 0.0) -> None:
        self._clock = clock
        self.seconds = seconds
        self.texts: list[str] = []

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        self._clock.now += self.seconds * len(texts)
        self.texts += texts
        return [int(text.split()[1]) / 10 for text in texts]


class Faulty:
    """A reranker that gives these scores for every text, or raises."""

    def __init__(self, answer: list[float] | Exception) -> None:
        self._answer = answer

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def ids(candidates: Sequence[Candidate]) -> list[str]:
    return [candidate.chunk_id for candidate in candidates]


def test_the_judges_order_and_scores_are_taken() -> None:
    clock = Clock()
    reordered, notes = Reranking(Judge(clock), 500, clock)("q", CANDIDATES)
    assert ids(reordered) == ids(CANDIDATES)[::-1]
    assert reordered[0].score == 0.9
    assert notes == []


def test_what_there_was_no_time_for_keeps_its_order_behind() -> None:
    clock = Clock()
    reordered, notes = Reranking(Judge(clock, 0.2), 500, clock)("q", CANDIDATES)
    assert ids(reordered) == ["c01", "c00", *ids(CANDIDATES[2:])]
    assert notes == ["Reranking judged 2 of 10 candidates within 500 ms (RAG_RERANK_BUDGET_MS)."]
    assert clock.now <= 0.5


def test_a_longer_text_is_expected_to_take_longer() -> None:
    class ByLength(Judge):
        def score(self, query: str, texts: Sequence[str]) -> list[float]:
            self._clock.now += len(texts[0]) / 1000
            return super().score(query, texts)

    clock = Clock()
    long = replace(CANDIDATES[1], text="text 1 " + "x" * 800)
    reordered, _ = Reranking(ByLength(clock), 500, clock)("q", [CANDIDATES[0], long, *CANDIDATES[2:]])
    assert ids(reordered) == ids(CANDIDATES)
    assert clock.now < 0.1


def test_no_score_rises_behind_what_was_judged() -> None:
    clock = Clock()
    high = [replace(candidate, score=candidate.score + 5) for candidate in CANDIDATES]
    scores = [candidate.score for candidate in Reranking(Judge(clock, 0.2), 500, clock)("q", high)[0]]
    assert scores == [0.1] + [0.0] * 9


def test_after_a_text_that_took_too_long_the_next_question_is_not_kept_waiting_but_later_ones_are_judged() -> None:
    clock = Clock()
    judge = Judge(clock, 0.9)
    reranking = Reranking(judge, 500, clock)
    reranking("q", CANDIDATES)
    judge.seconds, clock.now = 0.001, 0.0
    reordered, notes = reranking("q", CANDIDATES)
    assert reordered == CANDIDATES
    assert clock.now == 0.0
    assert notes == ["Reranking judged 0 of 10 candidates within 500 ms (RAG_RERANK_BUDGET_MS)."]
    assert ids(reranking("q", CANDIDATES)[0]) == ids(CANDIDATES)[::-1]


def test_the_best_window_is_judged_with_the_title_instead_of_the_whole_chunk() -> None:
    clock = Clock()
    judge = Judge(clock)
    chunk = replace(
        CANDIDATES[0],
        text="Long before. text 7 of it. After.",
        start=100,
        windows=(FoundWindow(113, 126, 1.0),),
    )
    titled = replace(CANDIDATES[1], title="text 3")
    Reranking(judge, 500, clock)("q", [chunk, titled])
    assert judge.texts == ["text 7 of it.", "text 3\ntext 1"]


def test_only_the_first_are_judged_and_the_others_stay_behind() -> None:
    clock = Clock()
    judge = Judge(clock)
    many = [Candidate(f"c{n:02}", "d", "", "", "", "", f"text {n}", 0, 1.0, None) for n in range(40)]
    reordered, notes = Reranking(judge, 500, clock)("q", many)
    assert ids(reordered) == [*ids(many[:MAX_JUDGED])[::-1], *ids(many[MAX_JUDGED:])]
    assert len(judge.texts) == MAX_JUDGED
    assert notes == []


def test_one_candidate_is_not_judged() -> None:
    assert Reranking(Faulty(BackendError("broken")))("q", CANDIDATES[:1]) == (CANDIDATES[:1], [])


def test_equal_scores_keep_their_order() -> None:
    clock = Clock()
    same = [Candidate(name, "d", "", "", "", "", "text 1", 0, 0.0, None) for name in ("b", "c", "a")]
    assert ids(Reranking(Judge(clock), 500, clock)("q", same)[0]) == ["b", "c", "a"]


@pytest.mark.parametrize(
    "answer",
    [
        BackendUnavailableError("away"),
        ConfigurationError("its folder is gone"),
        IntegrityError("its weights are damaged"),
        [],
        [0.5, 0.5],
        [math.nan],
        [math.inf],
    ],
    ids=str,
)
def test_a_judge_that_fails_leaves_the_order_with_a_note(answer: list[float] | Exception) -> None:
    reordered, notes = Reranking(Faulty(answer))("q", CANDIDATES)
    assert reordered == CANDIDATES
    assert notes == ["Reranking failed and was skipped."]
