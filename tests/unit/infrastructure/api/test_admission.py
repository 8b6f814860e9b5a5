import asyncio
import threading

import pytest

from rag_llm_system.infrastructure.api.admission import Admission, OverloadedError


async def _until(condition: threading.Event | asyncio.Task[int]) -> None:
    while not (condition.is_set() if isinstance(condition, threading.Event) else condition.done()):
        await asyncio.sleep(0.001)


def test_one_more_than_may_run_and_wait_is_refused_and_the_rest_finish() -> None:
    release, two_run = threading.Event(), threading.Event()
    running, most = 0, 0
    lock = threading.Lock()

    def work() -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if most >= 2:
            two_run.set()
        release.wait(5)
        with lock:
            running -= 1
        return 1

    async def scenario() -> list[int]:
        admission = Admission(max_running=2, max_waiting=3)
        admitted = [asyncio.create_task(admission.run(work)) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="5 requests"):
            await admission.run(work)
        await _until(two_run)
        release.set()
        return await asyncio.gather(*admitted)

    assert asyncio.run(scenario()) == [1, 1, 1, 1, 1]
    assert most == 2


def test_a_place_is_free_again_after_work_that_failed() -> None:
    async def scenario() -> int:
        admission = Admission(max_running=1, max_waiting=0)
        with pytest.raises(ZeroDivisionError):
            await admission.run(lambda: 1 // 0)
        return await admission.run(lambda: 2)

    assert asyncio.run(scenario()) == 2


def test_those_who_wait_are_served_in_the_order_in_which_they_came() -> None:
    order: list[int] = []

    async def scenario() -> None:
        admission = Admission(max_running=1, max_waiting=9)
        await asyncio.gather(*(admission.run(lambda n=n: order.append(n)) for n in range(10)))  # type: ignore[misc]

    asyncio.run(scenario())
    assert order == list(range(10))


def test_one_who_left_while_waiting_frees_the_place() -> None:
    release, started = threading.Event(), threading.Event()

    def work() -> int:
        started.set()
        release.wait(5)
        return 1

    async def scenario() -> int:
        admission = Admission(max_running=1, max_waiting=1)
        first = asyncio.create_task(admission.run(work))
        second = asyncio.create_task(admission.run(work))
        await _until(started)
        second.cancel()
        await _until(second)
        third = asyncio.create_task(admission.run(work))
        await asyncio.sleep(0)
        release.set()
        return await first + await third

    assert asyncio.run(scenario()) == 2
