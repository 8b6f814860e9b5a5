"""Reranking keeps within its time and never costs the answer."""

from collections.abc import Sequence

from rag_llm_system.application.rag.candidates import Candidate
from rag_llm_system.application.rag.reranking import Reranking
from rag_llm_system.domain.errors import BackendUnavailableError

CANDIDATES = [Candidate(f"c{n:02}", "d", "", "", "", "", f"text {n}", 0, 1.0 - n / 100, None) for n in range(10)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Judge:
    """A reranker that likes later texts better and takes `seconds` for each call."""

    def __init__(self, clock: Clock, seconds: float = 0.0) -> None:
        self._clock = clock
        self._seconds = seconds

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        self._clock.now += self._seconds
        return [int(text.split()[1]) / 10 for text in texts]


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
    assert ids(reordered) == ["c07", "c06", "c05", "c04", "c03", "c02", "c01", "c00", "c08", "c09"]
    assert notes == ["Reranking judged 8 of 10 candidates within 500 ms."]
    assert clock.now <= 0.5


def test_equal_scores_go_by_id() -> None:
    clock = Clock()
    same = [Candidate(name, "d", "", "", "", "", "text 1", 0, 0.0, None) for name in ("b", "c", "a")]
    assert ids(Reranking(Judge(clock), 500, clock)("q", same)[0]) == ["a", "b", "c"]


def test_a_judge_that_fails_leaves_the_order_with_a_note() -> None:
    class Broken:
        def score(self, query: str, texts: Sequence[str]) -> list[float]:
            raise BackendUnavailableError("away")

    reordered, notes = Reranking(Broken())("q", CANDIDATES)
    assert reordered == CANDIDATES
    assert notes == ["Reranking failed and was skipped."]
