"""Ties in a ranking: broken by id, also where the limit cuts through one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, replace
from typing import Any, ClassVar, Protocol, TypeVar

from rag_llm_system.domain.index_points import PointFilter, SearchQuery

_SPARE_HITS = 8
"""Hits asked for beyond the limit, so that a tie at the limit's edge is seen."""
_GROWTH = 4
_MOST_HITS = 10_000
"""How far the end of a tie is looked for. Of a longer one, the engine chooses which hits are sorted by id."""


class Hit(Protocol):
    """A `ScoredPoint`, or a dataclass like it."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def id(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def payload(self) -> Mapping[str, Any]: ...


H = TypeVar("H", bound=Hit)
Ask = Callable[[Mapping[int, SearchQuery]], Mapping[int, list[H]]]
"""Asks the engine these queries and gives for each its hits: best first, ties by id."""


def search_through_ties(queries: Sequence[SearchQuery], ask: Ask[H]) -> list[list[H]]:
    """Gives for each query its best `limit` hits; of those that tie with the last one, the ones with the lowest ids.

    The engine is asked again where a query's last hit still ties with the last one wanted: for more hits, without their
    payloads, and once more for the payloads of those that are given.

    Args:
        queries: with the limits that are meant.
        ask: is given queries with other limits, each by its place in `queries`.
    """
    asked = {i: replace(query, limit=query.limit + _SPARE_HITS) for i, query in enumerate(queries)}
    answers = dict(ask(asked)) if asked else {}
    tied = _cut_by_ties(queries, asked, answers)
    looked_further = tied
    while tied:
        asked = {i: _for_more_hits(asked[i]) for i in tied}
        answers.update(ask(asked))
        tied = _cut_by_ties(queries, asked, answers)
    best = [answers[i][: query.limit] for i, query in enumerate(queries)]
    bare = {i: _for_payloads(queries[i], best[i]) for i in looked_further if queries[i].with_payload}
    for i, hits in (ask(bare) if bare else {}).items():
        best[i] = _with_payloads(best[i], hits)
    return best


def _cut_by_ties(
    queries: Sequence[SearchQuery], asked: Mapping[int, SearchQuery], answers: Mapping[int, list[H]]
) -> list[int]:
    """Gives those of the queries asked last for which there may be more hits that tie with the last one wanted."""
    return [
        i
        for i, query in asked.items()
        if query.limit < _MOST_HITS
        and len(answers[i]) == query.limit
        and answers[i][-1].score == answers[i][queries[i].limit - 1].score
    ]


def _for_more_hits(query: SearchQuery) -> SearchQuery:
    return replace(query, limit=min(query.limit * _GROWTH, _MOST_HITS), with_payload=False)


def _for_payloads(query: SearchQuery, hits: Sequence[H]) -> SearchQuery:
    return replace(query, limit=len(hits), where=PointFilter(ids=[hit.id for hit in hits]))


def _with_payloads(hits: Sequence[H], found: Sequence[H]) -> list[H]:
    # One that was deleted between the two requests is left out.
    payloads = {hit.id: hit.payload for hit in found}
    return [replace(hit, payload=payloads[hit.id]) for hit in hits if hit.id in payloads]
