"""Ties at the edge of a limit."""

from collections.abc import Mapping

from rag_llm_system.domain.index_points import ScoredPoint
from rag_llm_system.infrastructure.vector_stores.ties import cut_whole_ties


def hits(*scores: float) -> list[ScoredPoint]:
    """Gives hits whose ids fall where scores tie, as an engine may order them."""
    return [ScoredPoint(f"{len(scores) - i:04}", score, {}) for i, score in enumerate(scores)]


class Engine:
    """Gives its hits in its own order up to the number asked for, then sorted as the index does."""

    def __init__(self, *answers: list[ScoredPoint]) -> None:
        self.answers = answers
        self.asked: list[dict[int, int]] = []

    def ask(self, n_hits: Mapping[int, int]) -> dict[int, list[ScoredPoint]]:
        self.asked.append(dict(n_hits))
        return {i: sorted(self.answers[i][:n], key=lambda hit: (-hit.score, hit.id)) for i, n in n_hits.items()}


def test_a_tie_that_goes_on_beyond_what_was_asked_for_is_asked_for_until_its_end() -> None:
    engine = Engine(hits(*[0.9] * 200, 0.5), hits(0.9, 0.8, *[0.1] * 50))
    tied, clear = cut_whole_ties([3, 2], engine.ask)

    assert [hit.id for hit in tied] == ["0002", "0003", "0004"]
    assert [hit.score for hit in clear] == [0.9, 0.8]
    assert engine.asked == [{0: 11, 1: 10}, {0: 44}, {0: 176}, {0: 704}]


def test_no_queries_are_not_asked() -> None:
    engine = Engine()

    assert cut_whole_ties([], engine.ask) == []
    assert engine.asked == []


def test_fewer_hits_than_the_limit_are_all_there_are() -> None:
    engine = Engine(hits(0.5, 0.5), [])

    assert [len(answer) for answer in cut_whole_ties([5, 5], engine.ask)] == [2, 0]
    assert len(engine.asked) == 1
