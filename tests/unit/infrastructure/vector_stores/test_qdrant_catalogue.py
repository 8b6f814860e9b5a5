"""Generations on a Qdrant server: what is particular to it, on the client's in-process engine."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("qdrant_client", reason="needs the extra qdrant")

from qdrant_client import QdrantClient, models

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import (
    BackendUnavailableError,
    CapabilityError,
    ConfigurationError,
    DiskFullError,
    IntegrityError,
    RagError,
)
from rag_llm_system.domain.index_points import KeywordQuery, PointFilter
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
from rag_llm_system.infrastructure.vector_stores.qdrant_catalogue import QdrantCatalogue
from rag_llm_system.infrastructure.vector_stores.qdrant_collections import erase_index, stored_recipe
from tests.contracts.vector_indexes import point_id, window
from tests.qdrant_in_process import Killed, MortalClient, SharedClient, in_process_connector
from tests.qdrant_previous_release import write_plain_index

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")

WINDOWS = "article_chunks_embedded"
DOCUMENTS = "cleaned_articles"
LEDGER = "index_ledger"
N_TO_BEGIN = len(COLLECTIONS) + sum(len(spec.filter_fields + spec.range_fields) for spec in COLLECTIONS.values())
"""How many requests begin a generation."""


@pytest.fixture
def client() -> Iterator[SharedClient]:
    client = SharedClient()
    yield client
    client.close_at_last()


def catalogue(client: Any, **options: Any) -> QdrantCatalogue:
    return QdrantCatalogue(connector=in_process_connector(client), **{"dimension": 8, "embedder": "e", **options})


def reader(client: Any, **options: Any) -> QdrantAdapter:
    settings = {"dimension": 8, "embedder": "e", "poll_s": 0, **options}
    return QdrantAdapter(connector=in_process_connector(client), **settings)


def build(client: Any, *numbers: int, fresh: bool = True, **options: Any) -> None:
    draft = catalogue(client, **options).open_draft(fresh=fresh)
    draft.upsert(WINDOWS, [window(number, f"violin {number}") for number in numbers])
    draft.publish()


def seen(client: Any, **options: Any) -> list[str]:
    return [point.id for point in reader(client, **options).scroll(WINDOWS)]


def ids_of(*numbers: int) -> list[str]:
    return [point_id(number) for number in numbers]


def collections(client: QdrantClient) -> set[str]:
    return {one.name for one in client.get_collections().collections}


def names_of(*numbers: int) -> set[str]:
    return {f"{name}__g{number}" for name in COLLECTIONS for number in numbers}


def aliases(client: QdrantClient) -> dict[str, str]:
    return {one.alias_name: one.collection_name for one in client.get_aliases().aliases}


def standing(client: Any) -> list[tuple[int, bool, bool]]:
    return [(one.number, one.is_live, one.is_previous) for one in catalogue(client).generations()]


def test_a_generation_is_collections_with_its_number_that_all_aliases_stand_for(client: SharedClient) -> None:
    build(client, 1)
    build(client, 2)

    assert collections(client) == names_of(1, 2)
    assert aliases(client) == {
        **{f"{name}__live": f"{name}__g2" for name in COLLECTIONS},
        f"{LEDGER}__previous": f"{LEDGER}__g1",
    }


def test_a_draft_that_goes_on_from_the_live_generation_writes_where_readers_see_it(client: SharedClient) -> None:
    build(client, 1)
    draft = catalogue(client).open_draft()
    draft.upsert(WINDOWS, [window(2)])
    assert seen(client) == ids_of(1, 2)
    published = draft.publish()
    assert published is not None
    assert published.number == 1
    assert collections(client) == names_of(1)


def test_a_fresh_draft_of_another_recipe_is_left_alone_by_a_draft_that_needs_no_collections(
    client: SharedClient,
) -> None:
    build(client, 1)
    other = catalogue(client, embedder="f")
    other.open_draft(fresh=True).close()
    catalogue(client).open_draft().close()
    assert collections(client) == names_of(1, 2)
    assert other.discard_draft()
    assert not other.discard_draft()
    assert collections(client) == names_of(1)


def test_an_index_of_the_previous_release_is_read_where_it_is(client: SharedClient) -> None:
    write_plain_index(in_process_connector(client), {WINDOWS: [window(1, "violin")], DOCUMENTS: []})

    index = reader(client, chunking="500 tokens")
    assert index.generation == 1
    assert [hit.id for hit in index.search(WINDOWS, [KeywordQuery("violin", 5)])[0]] == ids_of(1)
    assert index.count("post_chunks_embedded") == index.count(LEDGER) == 0
    (only,) = catalogue(client).generations()
    assert (only.number, only.is_live, only.counts[WINDOWS], only.created_at) == (1, True, 1, "")
    assert collections(client) == {WINDOWS, DOCUMENTS}
    recipe = stored_recipe(in_process_connector(client))
    assert recipe is not None
    assert (recipe.embedder, recipe.chunking, recipe.compression) == ("e", "", "float32")
    with pytest.raises(ConfigurationError, match="embedder 'e'"):
        reader(client, embedder="f")


def test_an_index_of_the_previous_release_is_written_to_where_it_is_and_told_how_it_is_cut(
    client: SharedClient,
) -> None:
    write_plain_index(in_process_connector(client), {WINDOWS: [window(1)]})
    watching = reader(client)
    draft = catalogue(client, chunking="500 tokens").open_draft()
    draft.upsert(WINDOWS, [window(2)])
    draft.publish()

    assert [point.id for point in watching.scroll(WINDOWS)] == ids_of(1, 2)
    assert collections(client) == set(COLLECTIONS)
    assert aliases(client)[f"{WINDOWS}__live"] == WINDOWS
    with pytest.raises(ConfigurationError, match="chunking"):
        reader(client, chunking="200 tokens")


def test_an_index_of_the_previous_release_is_rolled_back_to_and_dropped_like_any_other(client: SharedClient) -> None:
    write_plain_index(in_process_connector(client), {WINDOWS: [window(1)]})
    watching = reader(client)
    build(client, 2)
    assert standing(client) == [(1, False, True), (2, True, False)]
    assert [point.id for point in watching.scroll(WINDOWS)] == ids_of(2)

    catalogue(client).switch(1)
    assert [point.id for point in watching.scroll(WINDOWS)] == ids_of(1)
    assert standing(client) == [(1, True, False), (2, False, True)]
    catalogue(client).switch(2)
    catalogue(client).drop(1)
    assert collections(client) == names_of(2)


def test_erasing_leaves_no_collection_in_which_the_points_have_been(client: SharedClient) -> None:
    build(client, 1, 2, 3)
    build(client, 1, 2, 3)
    abandoned = catalogue(client, embedder="f").open_draft(fresh=True)
    abandoned.upsert(WINDOWS, [window(2)])

    draft = catalogue(client).open_draft()
    assert draft.erase(WINDOWS, PointFilter(ids=ids_of(2))) == 1
    assert seen(client) == ids_of(1, 3)
    published = draft.publish()
    assert published is not None
    assert standing(client) == [(1, False, True), (published.number, True, False)]
    assert collections(client) == names_of(1, published.number)
    assert seen(client) == ids_of(1, 3)


def test_erasing_that_was_stopped_before_it_was_published_is_not_forgotten(client: SharedClient) -> None:
    build(client, 1, 2)
    catalogue(client).open_draft().erase(WINDOWS, PointFilter(ids=ids_of(2)))
    published = catalogue(client).open_draft().publish()
    assert published is not None
    assert collections(client) == names_of(published.number) == names_of(2)
    assert catalogue(client).open_draft().publish() is None


def test_a_fresh_draft_in_which_something_was_erased_is_published_without_a_trace_of_it(client: SharedClient) -> None:
    build(client, 1)
    for switch in (False, True):
        draft = catalogue(client).open_draft(fresh=True)
        draft.upsert(WINDOWS, [window(2), window(3)])
        draft.erase(WINDOWS, PointFilter(ids=ids_of(2)))
        published = draft.publish(switch=switch)
        assert published is not None
        assert published.counts[WINDOWS] == 1
        assert collections(client) == (names_of(3, 5) if switch else names_of(1, 3))
    assert seen(client) == ids_of(3)


def test_a_build_that_died_when_it_was_complete_becomes_live_by_the_next_writer(client: SharedClient) -> None:
    build(client, 1)
    draft = catalogue(MortalClient(client, N_TO_BEGIN + 2)).open_draft(fresh=True)
    draft.upsert(WINDOWS, [window(2)])
    with pytest.raises(Killed):
        draft.publish()
    assert seen(client) == ids_of(1)

    assert catalogue(client).open_draft().publish() is None
    assert seen(client) == ids_of(2)
    assert standing(client) == [(1, False, True), (2, True, False)]


def test_what_is_changed_by_others_while_it_is_copied_is_noticed(client: SharedClient) -> None:
    build(client, *range(5))
    draft = catalogue(client).open_draft()
    draft.erase(WINDOWS, PointFilter(ids=ids_of(1)))
    others = catalogue(client).open_draft()
    mortal = MortalClient(client, N_TO_BEGIN + 1, lambda: others.upsert(WINDOWS, [window(77)]))
    with pytest.raises(IntegrityError, match="let nothing else write"):
        catalogue(mortal).open_draft().publish()
    assert collections(client) == names_of(1)
    assert draft.publish() is not None
    assert seen(client) == ids_of(0, 2, 3, 4, 77)


def test_a_disk_that_is_full_while_it_is_copied_changes_nothing(client: SharedClient) -> None:
    def fill_up() -> None:
        raise DiskFullError("the disk is full: make room there")

    build(client, 1, 2)
    draft = catalogue(client).open_draft()
    draft.erase(WINDOWS, PointFilter(ids=ids_of(1)))
    with pytest.raises(DiskFullError):
        catalogue(MortalClient(client, N_TO_BEGIN + 1, fill_up)).open_draft().publish()
    assert collections(client) == names_of(1)
    assert seen(client) == ids_of(2)


def test_a_reader_whose_generation_was_dropped_reads_the_live_one_at_once(client: SharedClient) -> None:
    build(client, 1)
    slow = reader(client, poll_s=3_600)
    build(client, 2, n_kept=0)
    assert slow.count(WINDOWS) == 1
    assert slow.generation == 2

    build(client, 3, 4, n_kept=0)
    assert [point.id for point in slow.scroll(WINDOWS)] == ids_of(3, 4)
    with slow.pinned() as index:
        build(client, 5, n_kept=0)
        with pytest.raises(BackendUnavailableError, match=r"generation 3 .* was dropped meanwhile"):
            index.count(WINDOWS)
    build(client, 6, n_kept=0, embedder="f")
    with pytest.raises(ConfigurationError, match=r"embedder 'f'.*poe index build$"):
        slow.count(WINDOWS)


def test_a_server_compresses_nothing(client: SharedClient) -> None:
    for made in (catalogue, reader):
        with pytest.raises(CapabilityError, match="RAG_VECTOR_COMPRESSION"):
            made(client, compression="int8")


def test_emptying_a_server_removes_all_generations_drafts_and_aliases(client: SharedClient) -> None:
    connector = in_process_connector(client)
    write_plain_index(connector, {WINDOWS: [window(1)], LEDGER: []})
    build(client, 2)
    catalogue(client).open_draft(fresh=True).close()
    build(client, 5, prefix="other_")
    client.create_collection("article_chunks_embedded__g1x", {})

    removed = erase_index(connector)
    assert removed[:3] == [LEDGER, f"{LEDGER}__g2", f"{LEDGER}__g3"]
    assert set(removed) == {*COLLECTIONS} | names_of(2, 3)
    assert collections(client) == {f"other_{name}" for name in names_of(1)} | {"article_chunks_embedded__g1x"}
    assert all(alias.startswith("other_") for alias in aliases(client))
    assert erase_index(connector) == []
    assert stored_recipe(connector) is None
    assert seen(client, prefix="other_") == ids_of(5)


def test_an_index_made_by_a_newer_version_is_refused(client: SharedClient) -> None:
    build(client, 1)
    note = client.get_collection(f"{LEDGER}__g1").config.metadata["rag_llm_system"]  # type: ignore[index]
    client.update_collection(f"{LEDGER}__g1", metadata={"rag_llm_system": {**note, "format": 3}})
    with pytest.raises(ConfigurationError, match="update rag_llm_system"):
        reader(client)
    client.update_collection(f"{LEDGER}__g1", metadata={"rag_llm_system": {**note, "recipe": {"colour": 1}}})
    with pytest.raises(IntegrityError, match="damaged"):
        reader(client)


def test_a_server_that_died_between_two_aliases_has_not_switched(client: SharedClient) -> None:
    build(client, 1)
    build(client, 2)
    half = [
        models.CreateAliasOperation(
            create_alias=models.CreateAlias(collection_name=f"{name}__g1", alias_name=f"{name}__live")
        )
        for name in COLLECTIONS
        if name != LEDGER
    ]
    client.update_collection_aliases(half)
    assert seen(client) == ids_of(2)
    catalogue(client).open_draft().close()
    assert aliases(client)[f"{WINDOWS}__live"] == f"{WINDOWS}__g2"


def test_closing_a_catalogue_ends_its_connection(client: SharedClient) -> None:
    connector = QdrantDatabaseConnector(client=client)
    opened = QdrantCatalogue(connector=connector, dimension=8, embedder="e")
    opened.close()
    opened.close()
    with pytest.raises(RagError, match="closed"):
        opened.generations()
