"""Ties in a ranking: broken by id, also where the limit cuts through one."""

from collections.abc import Callable, Mapping, Sequence

from rag_llm_system.domain.index_points import ScoredPoint

_SPARE_HITS = 8
"""Hits asked for beyond the limit, so that a tie at the limit's edge is seen."""
_GROWTH = 4


def cut_whole_ties(
    limits: Sequence[int], ask: Callable[[Mapping[int, int]], Mapping[int, list[ScoredPoint]]]
) -> list[list[ScoredPoint]]:
    """Gives for each query its best `limit` hits; of those that tie with the last one, the ones with the lowest ids.

    Args:
        limits: of the queries.
        ask: takes how many hits each query (by its place) shall bring, and gives them best first, ties by id. It is
            called again, with more, for those queries whose last hit still ties with the last one wanted.
    """
    answers: list[list[ScoredPoint]] = [[] for _ in limits]
    n_hits = {i: limit + _SPARE_HITS for i, limit in enumerate(limits)}
    while n_hits:
        for i, hits in ask(n_hits).items():
            cut = limits[i]
            if len(hits) == n_hits[i] and len(hits) > cut and hits[-1].score == hits[cut - 1].score:
                n_hits[i] = n_hits[i] * _GROWTH
            else:
                answers[i] = hits[:cut]
                del n_hits[i]
    return answers
