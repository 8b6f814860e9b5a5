"""What every `IndexCatalogue` does: one generation is searched, others are built and kept beside it."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.domain.errors import (
    BackendError,
    CapabilityError,
    ConfigurationError,
    InputError,
    NotFoundError,
)
from rag_llm_system.domain.index_points import EVERYTHING, DenseQuery, KeywordQuery, PointFilter
from rag_llm_system.domain.ports.index_catalogue import IndexCatalogue
from tests.contracts.index_catalogues import PLACES, Place
from tests.contracts.vector_indexes import document, point_id, unit_vector, window

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")

WINDOWS = "article_chunks_embedded"
DOCUMENTS = "cleaned_articles"
QUERIES = (DenseQuery(unit_vector(3), 10), KeywordQuery("violin", 10))


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with PLACES[request.param](tmp_path) as there:
        yield there


@pytest.fixture
def catalogue(place: Place) -> IndexCatalogue:
    return place.catalogue()


def publish(catalogue: IndexCatalogue, *numbers: int, fresh: bool = False, switch: bool = True) -> int:
    """Publishes a draft with these windows more, and gives the number of its generation."""
    draft = catalogue.open_draft(fresh=fresh)
    draft.upsert(WINDOWS, [window(number, f"violin {number}") for number in numbers])
    published = draft.publish(switch=switch)
    assert published is not None
    return published.number


def ids(index: Any) -> list[str]:
    return [point.id for point in index.scroll(WINDOWS)]


def ids_of(*numbers: int) -> list[str]:
    return [point_id(number) for number in numbers]


def eventually(is_so: Callable[[], bool]) -> bool:
    given_up_at = time.monotonic() + 5
    while not is_so():
        if time.monotonic() > given_up_at:
            return False
        time.sleep(0.01)
    return True


def standing(catalogue: IndexCatalogue) -> dict[int, str]:
    return {
        one.number: "live" if one.is_live else "previous" if one.is_previous else "" for one in catalogue.generations()
    }


def test_an_index_that_is_not_there_yet_has_no_generation_and_is_read_as_empty(place: Place) -> None:
    assert place.catalogue().generations() == []
    assert place.catalogue().readers() == []
    reader = place.reader()
    assert reader.count(WINDOWS) == 0
    assert ids(reader) == []
    assert reader.search(WINDOWS, QUERIES) == [[], []]


def test_the_first_draft_becomes_the_live_generation(place: Place, catalogue: IndexCatalogue) -> None:
    draft = catalogue.open_draft()
    draft.upsert(WINDOWS, [window(number) for number in range(3)])
    draft.upsert(DOCUMENTS, [document(1, title="a")])
    published = draft.publish()

    assert published is not None
    assert catalogue.generations() == [published]
    assert (published.is_live, published.is_previous) == (True, False)
    assert (published.counts[WINDOWS], published.counts[DOCUMENTS]) == (3, 1)
    assert (published.recipe["embedder"], published.recipe["dimension"]) == ("e", 8)
    assert datetime.fromisoformat(published.created_at).tzinfo is not None
    assert place.reader().generation == published.number


def test_a_draft_is_kept_until_it_is_published(place: Place) -> None:
    draft = place.catalogue().open_draft()
    draft.upsert(WINDOWS, [window(1)])
    draft.close()
    assert place.catalogue().generations() == []
    assert place.reader().count(WINDOWS) == 0

    draft = place.catalogue().open_draft()
    assert ids(draft) == ids_of(1)
    draft.upsert(WINDOWS, [window(2)])
    draft.publish()
    assert ids(place.reader()) == ids_of(1, 2)


def test_a_fresh_draft_is_seen_when_it_is_published_and_readers_follow(place: Place, catalogue: IndexCatalogue) -> None:
    first = publish(catalogue, 1, 2, 3)
    reader = place.reader()
    draft = catalogue.open_draft(fresh=True)
    assert draft.count(WINDOWS) == 0
    draft.upsert(WINDOWS, [window(9)])
    assert ids(reader) == ids_of(1, 2, 3)
    assert standing(catalogue) == {first: "live"}

    draft.publish()
    assert eventually(lambda: ids(reader) == ids_of(9))
    assert [label for _, label in sorted(standing(catalogue).items())] == ["previous", "live"]


def test_a_reader_of_nothing_follows_to_the_first_generation(place: Place, catalogue: IndexCatalogue) -> None:
    reader = place.reader()
    assert reader.generation is None
    publish(catalogue, 1)
    assert eventually(lambda: ids(reader) == ids_of(1))


def test_a_draft_that_was_left_is_gone_on_with_when_a_fresh_one_is_asked_for_again(place: Place) -> None:
    publish(place.catalogue(), 1)
    draft = place.catalogue().open_draft(fresh=True)
    draft.upsert(WINDOWS, [window(2)])
    draft.close()

    draft = place.catalogue().open_draft(fresh=True)
    assert ids(draft) == ids_of(2)
    draft.close()
    draft = place.catalogue(embedder="f").open_draft(fresh=True)
    assert ids(draft) == []
    draft.close()


def test_the_next_draft_goes_on_from_the_live_generation(place: Place, catalogue: IndexCatalogue) -> None:
    publish(catalogue, 1, 2)
    reader = place.reader()
    draft = catalogue.open_draft()
    assert ids(draft) == ids_of(1, 2)
    draft.upsert(WINDOWS, [window(3)])
    assert draft.delete(WINDOWS, PointFilter(ids=ids_of(1))) == 1
    assert [hit.id for hit in draft.search(WINDOWS, [DenseQuery(unit_vector(3), 1)])[0]] == ids_of(3)
    published = draft.publish()

    assert published is not None
    assert published.is_live
    assert published.counts[WINDOWS] == 2
    assert eventually(lambda: ids(reader) == ids_of(2, 3))


def test_a_draft_in_which_nothing_was_changed_makes_no_generation(catalogue: IndexCatalogue) -> None:
    publish(catalogue, 1)
    before = catalogue.generations()
    draft = catalogue.open_draft()
    assert draft.count(WINDOWS) == 1
    assert draft.publish() is None
    assert catalogue.generations() == before


def test_a_generation_can_be_put_beside_switched_to_and_rolled_back_from(
    place: Place, catalogue: IndexCatalogue
) -> None:
    first = publish(catalogue, 1)
    second = publish(catalogue, 2, fresh=True, switch=False)
    reader = place.reader()
    assert standing(catalogue) == {first: "live", second: ""}
    assert ids(reader) == ids_of(1)

    catalogue.switch(second)
    assert standing(catalogue) == {first: "previous", second: "live"}
    assert eventually(lambda: ids(reader) == ids_of(2))

    catalogue.switch(first)
    assert standing(catalogue) == {first: "live", second: "previous"}
    assert eventually(lambda: ids(reader) == ids_of(1))
    catalogue.switch(first)
    assert standing(catalogue) == {first: "live", second: "previous"}


def test_of_older_generations_the_last_one_is_kept(place: Place) -> None:
    numbers = [publish(place.catalogue(), number, fresh=True) for number in (1, 2, 3)]
    assert standing(place.catalogue()) == {numbers[1]: "previous", numbers[2]: "live"}
    publish(place.catalogue(n_kept=0), 4, fresh=True)
    assert list(standing(place.catalogue()).values()) == ["live"]


def test_a_generation_can_be_dropped_unless_it_is_live(catalogue: IndexCatalogue) -> None:
    first = publish(catalogue, 1)
    second = publish(catalogue, 2, fresh=True)
    with pytest.raises(InputError, match="is live"):
        catalogue.drop(second)
    catalogue.drop(first)
    assert standing(catalogue) == {second: "live"}
    for change in (catalogue.drop, catalogue.switch):
        with pytest.raises(NotFoundError, match=f"no generation {first}"):
            change(first)


def test_a_number_is_never_given_twice(catalogue: IndexCatalogue) -> None:
    first = publish(catalogue, 1)
    second = publish(catalogue, 2, fresh=True, switch=False)
    catalogue.drop(second)
    third = publish(catalogue, 3, fresh=True)
    assert first < second < third


def test_a_generation_of_another_recipe_is_neither_written_to_nor_read(place: Place, catalogue: IndexCatalogue) -> None:
    publish(catalogue, 1)
    for other in ({"embedder": "f"}, {"bm25_b": 0.5}):
        with pytest.raises(ConfigurationError, match=r"run \./poe index build$"):
            place.catalogue(**other).open_draft()
        with pytest.raises(ConfigurationError, match=r"run \./poe index build$"):
            place.reader(**other)


def test_a_generation_of_another_recipe_is_not_moved_to(place: Place, catalogue: IndexCatalogue) -> None:
    first = publish(catalogue, 1)
    reader = place.reader()
    other = place.catalogue(embedder="f")
    second = publish(other, 2, fresh=True)
    assert standing(catalogue) == {first: "previous", second: "live"}

    assert ids(place.reader(embedder="f")) == ids_of(2)
    time.sleep(0.2)
    assert ids(reader) == ids_of(1)
    with pytest.raises(ConfigurationError, match="embedder"):
        other.switch(first)
    catalogue.switch(first)
    assert ids(place.reader()) == ids_of(1)


def test_chunking_is_part_of_the_recipe_where_it_was_told(place: Place) -> None:
    publish(place.catalogue(chunking=""), 1)
    publish(place.catalogue(chunking="500 tokens"), 2)
    assert place.reader(chunking="").count(WINDOWS) == 2
    with pytest.raises(ConfigurationError, match="chunking '500 tokens'"):
        place.catalogue(chunking="200 tokens").open_draft()


def test_a_generation_is_read_by_its_number_whatever_is_live(place: Place, catalogue: IndexCatalogue) -> None:
    first = publish(catalogue, 1)
    publish(catalogue, 2, fresh=True)
    reader = place.reader(generation=first)
    assert (reader.generation, ids(reader)) == (first, ids_of(1))
    with pytest.raises(NotFoundError):
        place.reader(generation=77)


def test_a_pinned_index_stays_as_it_is_while_another_one_becomes_live(place: Place, catalogue: IndexCatalogue) -> None:
    publish(catalogue, 1, 2)
    reader = place.reader()
    with reader.pinned() as index:
        found = index.search(WINDOWS, [KeywordQuery("violin", 5)])[0]
        publish(catalogue, 8, 9, fresh=True)
        assert eventually(lambda: ids(reader) == ids_of(8, 9))
        assert sorted(hit.id for hit in found) == ids(index) == ids_of(1, 2)
        assert index.count(WINDOWS, PointFilter(ids=ids_of(1))) == 1


def test_what_is_erased_is_gone_and_the_rest_is_found_as_before(place: Place, catalogue: IndexCatalogue) -> None:
    publish(catalogue, *range(20))
    draft = catalogue.open_draft()
    assert draft.erase(WINDOWS, PointFilter(ids=ids_of(3, 4, 77))) == 2
    assert draft.erase(WINDOWS, PointFilter(ids=ids_of(3))) == 0
    assert draft.erase(DOCUMENTS, EVERYTHING) == 0
    assert draft.count(WINDOWS) == 18
    published = draft.publish()

    assert published is not None
    assert published.is_live
    found, expected = place.reader(), [window(n, f"violin {n}") for n in range(20) if n not in (3, 4)]
    assert ids(found) == [point.id for point in expected]
    reference = place.catalogue(embedder="another").open_draft(fresh=True)
    reference.upsert(WINDOWS, expected)
    for answer, wanted in zip(found.search(WINDOWS, QUERIES), reference.search(WINDOWS, QUERIES), strict=True):
        assert [hit.id for hit in answer] == [hit.id for hit in wanted]
        assert [hit.score for hit in answer] == pytest.approx([hit.score for hit in wanted], abs=1e-5)
    reference.close()


def test_a_closed_draft_may_be_closed_again_but_not_used(catalogue: IndexCatalogue) -> None:
    draft = catalogue.open_draft()
    draft.close()
    draft.close()
    with pytest.raises(BackendError, match="closed"):
        draft.upsert(WINDOWS, [window(1)])
    with pytest.raises(BackendError, match="closed"):
        draft.count(WINDOWS)


def test_an_index_that_is_read_is_not_written_to(place: Place) -> None:
    reader = place.reader()
    with pytest.raises(CapabilityError, match="draft"):
        reader.upsert(WINDOWS, [window(1)])
    with pytest.raises(CapabilityError, match="draft"):
        reader.delete(WINDOWS, EVERYTHING)
