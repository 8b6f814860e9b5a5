"""The index on a Qdrant server over HTTP: what is asked of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest

pytest.importorskip("qdrant_client", reason="needs the extra qdrant")

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError
from rag_llm_system.domain.index_points import DenseQuery, IndexPoint, KeywordQuery, PointFilter
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
from rag_llm_system.infrastructure.vector_stores.qdrant_collections import erase_index
from rag_llm_system.infrastructure.vector_stores.qdrant_draft import QdrantDraft
from tests.integration.qdrant_server import (
    DIMENSION,
    LEDGER,
    WINDOWS,
    WINDOWS_THERE,
    opened,
    point_id,
    reading,
    unit_vector,
    window,
)
from tests.qdrant_over_http import QdrantOverHttp, Received, qdrant_over_http

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")


@pytest.fixture
def qdrant() -> Iterator[QdrantOverHttp]:
    with qdrant_over_http() as server:
        yield server


def test_collections_are_made_when_a_draft_is_begun_the_ledger_first_with_their_indexes(qdrant: QdrantOverHttp) -> None:
    with reading(qdrant) as index:
        assert index.count(WINDOWS) == 0
    assert {received.method for received in qdrant.received} == {"GET"}

    with opened(qdrant) as index:
        index.upsert(WINDOWS, [window(1)])
        index.upsert(WINDOWS, [window(2)])
    changes = [received for received in qdrant.received if received.method == "PUT"]
    assert changes[0].line == f"PUT /collections/{LEDGER}__g1"
    here = f"PUT /collections/{WINDOWS_THERE}"
    to_windows = [received for received in changes if received.line.startswith(here)]
    assert [received.line for received in to_windows] == [
        here,
        f"{here}/index",
        f"{here}/index",
        f"{here}/index",
        f"{here}/points",
        f"{here}/points",
    ]
    assert [received.json()["field_name"] for received in to_windows[1:4]] == [
        "author_id",
        "document_id",
        "published_day",
    ]
    assert all(received.query["wait"] == ["true"] for received in to_windows[1:])


def test_all_aliases_are_switched_by_one_request_in_which_the_ledger_comes_last(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant) as draft:
        draft.upsert(WINDOWS, [window(1)])
        draft.publish()

    (switch,) = [received for received in qdrant.received if received.line == "POST /collections/aliases"]
    made = [action["create_alias"] for action in switch.json()["actions"]]
    assert len(made) == len(COLLECTIONS)
    assert made[-1] == {"collection_name": f"{LEDGER}__g1", "alias_name": f"{LEDGER}__live"}


def test_a_collection_says_how_it_was_made_and_is_searched_exactly_up_to_a_size(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant, dimension=256, exact_up_to_points=1_000, chunking="500 tokens") as index:
        index.upsert(WINDOWS, [IndexPoint(point_id(1), {}, np.ones(256, np.float32), "violin")])

    made = next(r for r in qdrant.received if r.line == f"PUT /collections/{WINDOWS_THERE}").json()
    assert made["metadata"]["rag_llm_system"]["recipe"] == {
        "dimension": 256,
        "embedder": "e",
        "bm25_k1": 1.2,
        "bm25_b": 0.75,
        "bm25_avg_len": 60.0,
        "bm25_language": "english",
        "chunking": "500 tokens",
        "compression": "float32",
    }
    assert made["shard_number"] == 1
    assert made["hnsw_config"]["full_scan_threshold"] == made["optimizers_config"]["indexing_threshold"] == 1_000
    assert made["sparse_vectors"]["keywords"]["modifier"] == "idf"


def test_several_queries_are_one_request_that_counts_the_idf_over_living_points(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant) as draft:
        draft.upsert(WINDOWS, [window(1), window(2, "lantern")])
        draft.publish()
    with reading(qdrant, poll_s=60) as index:
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
        index.publish()

    words = r"made with embedder 'e', the settings now say 'f': set it back, or run \./poe index build$"
    for use in (reading, opened):
        with pytest.raises(ConfigurationError, match=words), use(qdrant, embedder="f"):
            pass
        with pytest.raises(ConfigurationError, match=r"bm25_b '0\.75'"), use(qdrant, bm25_b=0.5):
            pass


def test_a_draft_that_another_process_has_begun_anew_is_not_written_to(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant) as first, opened(qdrant, embedder="f") as second:
        with pytest.raises(BackendUnavailableError, match=r"generation 1 .* was dropped meanwhile"):
            first.upsert(WINDOWS, [window(1)])
        second.upsert(WINDOWS, [window(2)])
        assert second.count(WINDOWS) == 1


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
        first.publish()
        second.publish()
        with reading(qdrant, prefix="a_") as one, reading(qdrant, prefix="b_", embedder="f", poll_s=0) as other:
            assert (one.count(WINDOWS), other.count(WINDOWS)) == (1, 2)
            connector = QdrantDatabaseConnector(qdrant.url)
            assert sorted(erase_index(connector, "b_")) == sorted(f"b_{name}__g1" for name in COLLECTIONS)
            connector.close()
            assert (one.count(WINDOWS), other.count(WINDOWS)) == (1, 0)


def test_a_collection_that_another_process_makes_just_now_is_written_to(qdrant: QdrantOverHttp) -> None:
    others: list[QdrantDraft] = []

    def be_quicker(received: Received) -> None:
        if received.method == "PUT" and not others:
            qdrant.instead = lambda received: None
            others.append(stack.enter_context(opened(qdrant)))

    with ExitStack() as stack:
        qdrant.instead = be_quicker
        index = stack.enter_context(opened(qdrant))
        index.upsert(WINDOWS, [window(2)])

        assert qdrant.lines().count(f"PUT /collections/{WINDOWS_THERE}") == 2
        assert others[0].count(WINDOWS) == 1


def test_threads_share_an_index(qdrant: QdrantOverHttp) -> None:
    with opened(qdrant) as draft:
        draft.upsert(WINDOWS, [window(n) for n in range(20)])
        draft.publish()
    with reading(qdrant, poll_s=0) as index, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: index.search(WINDOWS, [DenseQuery(unit_vector(n), 1)])[0][0].id, range(20)))

    assert found == [point_id(n) for n in range(20)]
