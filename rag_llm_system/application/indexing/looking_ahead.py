"""Work on items that come in a row, done in a thread while others are made ready and used."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


def worked_ahead(
    work: Callable[[_Item], _Outcome], items: Iterable[_Item], n_ahead: int
) -> Generator[tuple[_Item, _Outcome], None, None]:
    """Gives each item with what `work` makes of it, in their order; what either of them raises comes out here.

    One thread works, on one item at a time and in their order, so that the outcome is the same as without it. Whoever
    closes the generator waits for the item that is being worked on, and for no other.

    Args:
        work: is called for each item.
        items: taken as far ahead as there is room.
        n_ahead: how many items may wait for the thread, or be worked on, while an earlier one is used; 0: no thread.
    """
    if n_ahead < 1:
        yield from ((item, work(item)) for item in items)
        return
    waiting: deque[tuple[_Item, Future[_Outcome]]] = deque()
    thread = ThreadPoolExecutor(1, thread_name_prefix="worked-ahead")
    try:
        for item in items:
            waiting.append((item, thread.submit(work, item)))
            if len(waiting) > n_ahead:
                yield _finished(waiting)
        while waiting:
            yield _finished(waiting)
    finally:
        thread.shutdown(wait=True, cancel_futures=True)


def _finished(waiting: "deque[tuple[_Item, Future[_Outcome]]]") -> tuple[_Item, _Outcome]:
    item, outcome = waiting.popleft()
    return item, outcome.result()
