"""A writer on a Qdrant server that dies: after every single one of its requests once."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("qdrant_client", reason="needs the extra qdrant")

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import RagError
from rag_llm_system.domain.index_points import PointFilter
from tests.contracts.vector_indexes import window
from tests.qdrant_in_process import Killed, MortalClient, SharedClient, in_process_connector
from tests.qdrant_previous_release import write_plain_index
from tests.unit.infrastructure.vector_stores.test_qdrant_catalogue import (
    WINDOWS,
    aliases,
    build,
    catalogue,
    collections,
    ids_of,
    names_of,
    reader,
    seen,
    standing,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Local mode performs exact")]


def fresh_build(client: Any) -> None:
    build(client, 7, 8)


def erasing(client: Any) -> None:
    draft = catalogue(client).open_draft()
    draft.erase(WINDOWS, PointFilter(ids=ids_of(3)))
    draft.publish()


def rolling_back(client: Any) -> None:
    catalogue(client).switch(1)


def dropping(client: Any) -> None:
    catalogue(client).drop(1)


KILLED = {
    "a fresh build": (fresh_build, [[3, 4], [7], [7, 8]], [7, 8]),
    "erasing": (erasing, [[3, 4], [4]], [4]),
    "rolling back": (rolling_back, [[3, 4], [1, 2]], [1, 2]),
    "dropping": (dropping, [[3, 4]], [3, 4]),
}


@pytest.mark.parametrize("plain", [False, True], ids=["", "after the previous release"])
@pytest.mark.parametrize(("work", "allowed", "wanted"), KILLED.values(), ids=KILLED)
def test_a_writer_that_dies_at_whatever_request_leaves_a_whole_index_and_work_that_can_be_done_again(
    work: Callable[[Any], None], allowed: list[list[int]], wanted: list[int], plain: bool
) -> None:
    n_changes, is_done = 0, False
    while not is_done:
        client = SharedClient()
        if plain:
            write_plain_index(in_process_connector(client), {WINDOWS: [window(1), window(2)]})
        else:
            build(client, 1, 2)
        build(client, 3, 4)
        watching = reader(client)
        try:
            work(MortalClient(client, n_changes))
            is_done = True
        except Killed:
            pass
        left = [point.id for point in watching.scroll(WINDOWS)]
        assert left in [ids_of(*numbers) for numbers in allowed]
        assert left == seen(client)
        try:
            work(client)
        except RagError:
            assert work is dropping  # it was dropped already
        assert seen(client) == ids_of(*wanted)
        live = [number for number, is_live, _ in standing(client) if is_live]
        assert set(aliases(client).values()) >= {f"{name}__g{live[0]}" for name in COLLECTIONS} or plain
        catalogue(client).open_draft().close()
        known = {number for number, _, _ in standing(client)}
        assert collections(client) <= names_of(*known) | (set(COLLECTIONS) if 1 in known and plain else set())
        client.close_at_last()
        n_changes += 1
