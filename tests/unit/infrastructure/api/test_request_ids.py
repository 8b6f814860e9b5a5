import asyncio
from contextvars import copy_context

import pytest

from rag_llm_system.infrastructure.api.admission import Admission
from rag_llm_system.infrastructure.api.request_ids import current_request_id, outgoing_headers, take_request_id


@pytest.mark.parametrize("offered", ["a", "5f0c7f2b9d114a8f8e2a3c5b0b5a577f", "req-1_2.3", "x" * 64])
def test_a_harmless_id_is_kept(offered: str) -> None:
    assert taken_for(offered) == offered


@pytest.mark.parametrize(
    "offered", [None, "", "x" * 65, "x" * 100_000, "a\nb", "a\r\nset-cookie: x", "a b", "<script>", "é", "a\n"]
)
def test_any_other_is_replaced(offered: str | None) -> None:
    taken = taken_for(offered)
    assert taken != offered
    assert taken.isalnum()


def taken_for(offered: str | None) -> str:
    return copy_context().run(take_request_id, offered)


def test_worker_threads_know_the_id_of_their_request() -> None:
    async def answer(request_id: str) -> str | None:
        take_request_id(request_id)
        return await admission.run(current_request_id)

    async def scenario() -> list[str | None]:
        return await asyncio.gather(*(asyncio.create_task(answer(f"r{n}")) for n in range(5)))

    admission = Admission(max_running=2, max_waiting=9)
    assert asyncio.run(scenario()) == [f"r{n}" for n in range(5)]


def test_an_id_is_handed_on_within_a_request_only() -> None:
    assert outgoing_headers() == {}

    async def within_a_request() -> dict[str, str]:
        take_request_id("r1")
        return outgoing_headers()

    assert asyncio.run(within_a_request()) == {"X-Request-ID": "r1"}
