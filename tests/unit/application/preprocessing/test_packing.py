from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.application.preprocessing.packing import balanced_borders, visible_spans
from tests.unit.application.preprocessing.cases import PROPERTY

_SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=8)


def _cost(sizes: list[int], costs: list[float], borders: list[int], limit: int, minimum: int) -> float:
    total = 0.0
    for first, last in pairwise(borders):
        filled = sum(sizes[first:last])
        if filled > limit and last - first > 1:
            return float("inf")
        total += (1 - filled / limit) ** 2 + (filled < minimum) + costs[last - 1]
    return total


@PROPERTY
@given(_SIZES, st.data())
def test_no_other_way_to_fill_groups_costs_less(sizes: list[int], data: st.DataObject) -> None:
    limit, minimum = data.draw(st.integers(6, 20)), data.draw(st.integers(0, 12))
    costs = data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(sizes), max_size=len(sizes)))
    inner = range(1, len(sizes))
    every_way = [[0, *chosen, len(sizes)] for n in range(len(sizes)) for chosen in combinations(inner, n)]
    lowest = min(_cost(sizes, costs, way, limit, minimum) for way in every_way)
    found = balanced_borders(sizes, costs, limit, minimum)
    assert abs(_cost(sizes, costs, found, limit, minimum) - lowest) < 1e-9


def test_a_group_below_the_minimum_is_the_last_resort() -> None:
    sizes, costs = [9, 5, 5, 1], [0.0, 0.9, 0.0, 0.0]
    assert balanced_borders(sizes, costs, 10) == [0, 1, 3, 4]
    assert balanced_borders(sizes, costs, 10, 5) == [0, 1, 2, 4]


def test_nothing_has_no_groups() -> None:
    assert balanced_borders([], [], 10) == [0]


def test_blank_spans_join_what_is_before_or_else_after() -> None:
    def each_character(text: str) -> list[tuple[int, int]]:
        return [(at, at + 1) for at in range(len(text))]

    assert visible_spans(each_character, "x  a b ", 1, 7) == [(1, 5), (5, 7)]
