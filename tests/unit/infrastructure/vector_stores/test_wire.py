"""What crosses the pipe to the index's child arrives as it was sent, and named points are read as filtered ones are."""

import os
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import qdrant_edge as edge
from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.index_points import IndexPoint, PointFilter, ScoredPoint
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.requests import (
    edge_points,
    point_batch,
    read_page,
    shard_config,
)
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.wire import (
    NumberedHit,
    pack_hits,
    receive,
    send,
    unpack_hits,
)

COLLECTION = "article_chunks_embedded"
NUMBERS = st.integers(0, 2**128 - 1)


@given(st.lists(st.tuples(NUMBERS, st.floats(allow_nan=False), st.dictionaries(st.text(), st.integers())), max_size=5))
def test_hits_arrive_as_points_with_the_ids_that_uuid_writes(hits: list[tuple[int, float, dict[str, int]]]) -> None:
    expected = [ScoredPoint(str(UUID(int=number)), score, payload) for number, score, payload in hits]
    assert unpack_hits(pack_hits([NumberedHit(*hit) for hit in hits])) == expected


@given(st.lists(NUMBERS, max_size=9))
def test_numbers_sort_as_their_ids_do(numbers: list[int]) -> None:
    hits = [NumberedHit(number, 0.0, {}) for number in sorted(numbers)]
    assert [hit.id for hit in hits] == sorted(str(UUID(int=number)) for number in numbers)


def test_a_message_arrives_at_the_other_end_and_a_closed_end_is_the_end_of_the_file() -> None:
    reading, writing = os.pipe()
    receiver, sender = Connection(reading, writable=False), Connection(writing, readable=False)
    send(sender, ("search", [1.5]))
    assert receive(receiver) == ("search", [1.5])
    sender.close()
    with pytest.raises(EOFError):
        receive(receiver)
    receiver.close()


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[edge.EdgeShard]:
    (tmp_path / "shard").mkdir()
    opened = edge.EdgeShard.create(str(tmp_path / "shard"), shard_config(COLLECTIONS[COLLECTION], 2, 1))
    points = [IndexPoint(id_of(n), {"n": n}, np.array([1.0, n], np.float32), f"word{n}") for n in range(6)]
    opened.update(edge.UpdateOperation.upsert_points(edge_points(point_batch(points), Bm25Encoder())))
    yield opened
    opened.close()


@pytest.mark.parametrize("wanted", [[4, 1, 3], [3, 3, 0], [2, 99], [99], []], ids=str)
def test_named_points_are_read_in_the_order_of_their_ids_once_each(shard: edge.EdgeShard, wanted: list[int]) -> None:
    page = read_page(shard, PointFilter(ids=[id_of(n) for n in wanted]), None, 10, with_payload=True)
    assert [record.payload for record in page] == [{"n": n} for n in sorted(set(wanted) - {99})]


def test_more_named_points_than_fit_a_page_are_read_page_by_page(shard: edge.EdgeShard) -> None:
    named = PointFilter(ids=[id_of(n) for n in (99, 5, 0, 2, 4)])
    first = read_page(shard, named, None, 3, with_payload=True)
    second = read_page(shard, named, str(first[-1].id), 3, with_payload=True)
    assert [[record.payload for record in page] for page in (first, second)] == [
        [{"n": 0}, {"n": 2}, {"n": 4}],
        [{"n": 4}, {"n": 5}],
    ]


def id_of(number: int) -> str:
    return str(UUID(int=number))
