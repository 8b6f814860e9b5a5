"""The index on a Qdrant server over HTTP: what is asked of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("qdrant_client", reason="needs the extra qdrant")

from rag_llm_system.domain.errors import (
    ConfigurationError,
)
from rag_llm_system.domain.index_points import EVERYTHING, DenseQuery, IndexPoint, KeywordQuery, PointFilter
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
from rag_llm_system.infrastructure.vector_stores.qdrant_collections import erase_index
from tests.integration.qdrant_server import (
    DIMENSION,
    LEDGER,
    WINDOWS,
    opened,
    point_id,
    unit_vector,
    window,
)
from tests.qdrant_over_http import Instead, QdrantOverHttp, qdrant_over_http

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")


@pytest.fixture
def qdrant() -> Iterator[QdrantOverHttp]:
    with qdrant_over_http() as server:
        yield server


def test_a_collection_is_made_at_the_first_write_with_its_indexes_before_any_data(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant) as index:
        assert index.count(WINDOWS) == 0
        assert index.delete(WINDOWS, EVERYTHING) == 0
        assert not [line for line in qdrant.lines() if line.startswith("PUT")]

        index.upsert(WINDOWS, [window(1)])
        index.upsert(WINDOWS, [window(2)])

    here = f"/collections/{WINDOWS}"
    changes = [received for received in qdrant.received if received.method == "PUT"]
    assert [received.line for received in changes] == [
        f"PUT {here}",
        f"PUT {here}/index",
        f"PUT {here}/index",
        f"PUT {here}/points",
        f"PUT {here}/points",
    ]
    assert [received.json()["field_name"] for received in changes[1:3]] == ["author_id", "document_id"]
    assert all(received.query["wait"] == ["true"] for received in changes[1:])


def test_a_collection_says_how_it_was_made_and_is_searched_exactly_up_to_a_size(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant, dimension=256, exact_up_to_points=1_000) as index:
        index.upsert(WINDOWS, [IndexPoint(point_id(1), {}, np.ones(256, np.float32), "violin")])

    made = next(r for r in qdrant.received if r.line == f"PUT /collections/{WINDOWS}").json()
    assert made["metadata"]["rag_llm_system"]["recipe"] == {
        "dimension": 256,
        "embedder": "e",
        "bm25_k1": 1.2,
        "bm25_b": 0.75,
        "bm25_avg_len": 60.0,
        "bm25_language": "english",
    }
    assert made["shard_number"] == 1
    assert made["hnsw_config"]["full_scan_threshold"] == made["optimizers_config"]["indexing_threshold"] == 1_000
    assert made["sparse_vectors"]["keywords"]["modifier"] == "idf"


def test_several_queries_are_one_request_that_counts_the_idf_over_living_points(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant) as index:
        index.upsert(WINDOWS, [window(1), window(2, "lantern")])
        qdrant.received.clear()
        found = index.search(
            WINDOWS, [DenseQuery(unit_vector(1), 5), KeywordQuery("violin", 5), KeywordQuery("the", 5)]
        )

    assert [[hit.id for hit in answer][:1] for answer in found] == [[point_id(1)], [point_id(1)], []]
    (received,) = qdrant.received
    dense, keywords = received.json()["searches"]
    assert dense["params"]["hnsw_ef"] == 512
    assert keywords["params"]["idf"] == {"corpus": {}}


def test_what_can_match_nothing_is_not_asked(qdrant: QdrantOverHttp) -> None:
    nobody, no_ids = PointFilter(any_of={"author_id": []}), PointFilter(ids=[])
    with opened(qdrant) as index:
        index.upsert(WINDOWS, [window(1)])
        qdrant.received.clear()
        for where in (nobody, no_ids):
            assert index.count(WINDOWS, where) == index.delete(WINDOWS, where) == 0
            assert list(index.scroll(WINDOWS, where)) == []
            assert index.search(WINDOWS, [DenseQuery(unit_vector(1), 5, where), KeywordQuery("the", 5)]) == [[], []]

    assert qdrant.received == []


def test_points_are_sent_in_requests_of_a_bounded_number_and_size(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant, batch_points=3, batch_bytes=10_000) as index:
        index.upsert(WINDOWS, [window(n) for n in range(7)])
        long = [window(n, chunk_text="word " * 1_500) for n in range(3)]
        index.upsert(WINDOWS, [*long, window(4, chunk_text="x" * 50_000)])

    sent = [r for r in qdrant.received if r.line.endswith("/points") and r.method == "PUT"]
    assert [len(r.json()["points"]) for r in sent] == [3, 3, 1, 1, 1, 1, 1]
    assert all(len(r.body) < 10_000 for r in sent[:-1])


def test_an_index_made_by_another_recipe_is_refused(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant) as index:
        index.upsert(LEDGER, [IndexPoint(point_id(1), {})])

    with pytest.raises(ConfigurationError, match=r"made with embedder 'e', the settings now say 'f'.*--empty server"):
        QdrantAdapter(qdrant.url, dimension=DIMENSION, embedder="f")
    with pytest.raises(ConfigurationError, match=r"bm25_b 0\.75"):
        QdrantAdapter(qdrant.url, dimension=DIMENSION, embedder="e", bm25_b=0.5)


def test_an_index_made_by_another_recipe_meanwhile_is_not_written_to(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant) as first, opened(qdrant, embedder="f") as second:
        first.upsert(WINDOWS, [window(1)])
        with pytest.raises(ConfigurationError, match="embedder"):
            second.upsert(WINDOWS, [window(2)])
        assert first.count(WINDOWS) == 1


def test_a_collection_of_another_program_is_neither_used_nor_removed(qdrant: QdrantOverHttp) -> None:
    qdrant.client.create_collection("cleaned_posts", {})

    with pytest.raises(ConfigurationError, match="cleaned_posts that this system did not make"):
        QdrantAdapter(qdrant.url, dimension=DIMENSION, embedder="e")
    connector = QdrantDatabaseConnector(qdrant.url)
    with pytest.raises(ConfigurationError, match="did not make"):
        erase_index(connector)
    connector.close()
    assert qdrant.client.collection_exists("cleaned_posts")


def test_a_prefix_keeps_two_indexes_of_one_server_apart(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant, prefix="a_") as first, opened(qdrant, prefix="b_", embedder="f") as second:
        first.upsert(WINDOWS, [window(1)])
        second.upsert(WINDOWS, [window(2), window(3)])
        connector = QdrantDatabaseConnector(qdrant.url)
        assert erase_index(connector, "b_") == [f"b_{WINDOWS}"]
        connector.close()

        assert (first.count(WINDOWS), second.count(WINDOWS)) == (1, 0)


def test_a_collection_that_another_process_makes_just_now_is_written_to(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant) as first, opened(qdrant) as second:
        first.upsert(WINDOWS, [window(1)])
        qdrant.received.clear()
        qdrant.once(Instead(200, b'{"result":{"exists":false},"status":"ok","time":0.0}'))
        second.upsert(WINDOWS, [window(2)])

        assert f"PUT /collections/{WINDOWS}" in qdrant.lines()
        assert first.count(WINDOWS) == 2


def test_threads_share_an_index(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant) as index, ThreadPoolExecutor(8) as pool:
        index.upsert(WINDOWS, [window(n) for n in range(20)])
        found = list(pool.map(lambda n: index.search(WINDOWS, [DenseQuery(unit_vector(n), 1)])[0][0].id, range(20)))

    assert found == [point_id(n) for n in range(20)]
