"""Ties at the edge of a limit."""

from collections.abc import Mapping

from rag_llm_system.domain.index_points import KeywordQuery, ScoredPoint, SearchQuery
from rag_llm_system.infrastructure.vector_stores.ties import search_through_ties


def hits(*scores: float) -> list[ScoredPoint]:
    """Gives hits whose ids fall where scores tie, as an engine may order them."""
    return [ScoredPoint(f"{len(scores) - i:06}", score, {"place": i}) for i, score in enumerate(scores)]


def query(limit: int, *, with_payload: bool = True) -> SearchQuery:
    return KeywordQuery("tide", limit, with_payload=with_payload)


class Engine:
    """Gives its hits in its own order up to the number asked for, then sorted as the index does."""

    def __init__(self, *answers: list[ScoredPoint]) -> None:
        self.answers = answers
        self.asked: list[dict[int, int]] = []
        self.n_payloads = 0

    def ask(self, queries: Mapping[int, SearchQuery]) -> dict[int, list[ScoredPoint]]:
        self.asked.append({i: one.limit for i, one in queries.items()})
        return {i: self._answer(self.answers[i], one) for i, one in queries.items()}

    def _answer(self, held: list[ScoredPoint], asked: SearchQuery) -> list[ScoredPoint]:
        ids = asked.where.ids
        found = [hit for hit in held if ids is None or hit.id in ids][: asked.limit]
        if not asked.with_payload:
            found = [ScoredPoint(hit.id, hit.score, {}) for hit in found]
        self.n_payloads += sum(bool(hit.payload) for hit in found)
        return sorted(found, key=lambda hit: (-hit.score, hit.id))


def test_a_tie_that_goes_on_beyond_what_was_asked_for_is_asked_for_until_its_end() -> None:
    engine = Engine(hits(*[0.9] * 200, 0.5), hits(0.9, 0.8, *[0.1] * 50))
    tied, clear = search_through_ties([query(3, with_payload=False), query(2, with_payload=False)], engine.ask)

    assert [hit.id for hit in tied] == ["000002", "000003", "000004"]
    assert [hit.score for hit in clear] == [0.9, 0.8]
    assert engine.asked == [{0: 11, 1: 10}, {0: 44}, {0: 176}, {0: 704}]


def test_of_a_tie_only_the_hits_that_are_given_bring_their_payloads() -> None:
    engine = Engine(hits(*[0.9] * 200, 0.5), hits(0.9, 0.8, 0.7))
    tied, clear = search_through_ties([query(3), query(2)], engine.ask)

    assert [(hit.id, hit.payload) for hit in tied] == [
        ("000002", {"place": 199}),
        ("000003", {"place": 198}),
        ("000004", {"place": 197}),
    ]
    assert [hit.payload for hit in clear] == [{"place": 0}, {"place": 1}]
    assert engine.asked[-1] == {0: 3}
    assert engine.n_payloads == 11 + 3 + 3


def test_the_end_of_an_endless_tie_is_not_looked_for() -> None:
    engine = Engine(hits(*[0.9] * 300_000))
    (found,) = search_through_ties([query(10)], engine.ask)

    assert [asked[0] for asked in engine.asked] == [18, 72, 288, 1_152, 4_608, 10_000, 10]
    assert [hit.id for hit in found] == [f"{290_001 + i:06}" for i in range(10)]  # the lowest of 10,000
    assert engine.n_payloads == 18 + 10


def test_a_limit_beyond_the_longest_tie_that_is_looked_through_is_answered_at_once() -> None:
    engine = Engine(hits(*[0.9] * 20_000))
    (found,) = search_through_ties([query(12_000)], engine.ask)

    assert len(found) == 12_000
    assert engine.asked == [{0: 12_008}]


def test_a_hit_that_is_deleted_between_two_requests_is_left_out() -> None:
    engine = Engine(hits(*[0.9] * 200))

    def ask(queries: Mapping[int, SearchQuery]) -> dict[int, list[ScoredPoint]]:
        if queries[0].where.ids is not None:
            engine.answers = ([hit for hit in engine.answers[0] if hit.id != "000002"],)
        return engine.ask(queries)

    (found,) = search_through_ties([query(4)], ask)
    assert [(hit.id, hit.payload["place"]) for hit in found] == [("000001", 199), ("000003", 197), ("000004", 196)]


def test_no_queries_are_not_asked() -> None:
    engine = Engine()

    assert search_through_ties([], engine.ask) == []
    assert engine.asked == []


def test_fewer_hits_than_the_limit_are_all_there_are() -> None:
    engine = Engine(hits(0.5, 0.5), [])

    assert [len(answer) for answer in search_through_ties([query(5), query(5)], engine.ask)] == [2, 0]
    assert len(engine.asked) == 1
