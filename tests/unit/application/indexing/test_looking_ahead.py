"""Work that is done in a thread while other items are made ready and used."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from rag_llm_system.application.indexing.looking_ahead import worked_ahead


@pytest.mark.parametrize("n_ahead", [0, 1, 3, 50])
def test_every_item_comes_with_its_outcome_in_order(n_ahead: int) -> None:
    assert list(worked_ahead(lambda n: n * n, range(20), n_ahead)) == [(n, n * n) for n in range(20)]


def test_no_more_items_are_taken_than_may_wait() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in range(20):
            taken.append(n)
            yield n

    for used, _ in worked_ahead(lambda n: n, items(), 3):
        assert len(taken) - used <= 4
    assert taken == [*range(20)]


def test_the_next_item_is_worked_on_while_one_is_used() -> None:
    started = {n: threading.Event() for n in range(3)}
    for used, _ in worked_ahead(lambda n: started[n].set(), range(3), 1):
        assert used == 2 or started[used + 1].wait(10)


@pytest.mark.parametrize("n_ahead", [0, 2])
def test_what_work_raises_comes_out_where_its_item_would(n_ahead: int) -> None:
    outcomes = worked_ahead(lambda n: 1 // (2 - n), range(5), n_ahead)
    assert [next(outcomes), next(outcomes)] == [(0, 0), (1, 1)]
    with pytest.raises(ZeroDivisionError):
        next(outcomes)


def test_whoever_closes_it_leaves_no_thread_and_no_work_behind() -> None:
    done: list[int] = []
    with closing(worked_ahead(done.append, range(100), 5)) as outcomes:
        next(outcomes)
    n_done = len(done)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("worked-ahead")]
    assert n_done <= 7
    assert len(done) == n_done
