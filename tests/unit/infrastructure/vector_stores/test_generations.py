"""The generations in an index directory: numbers, switching, and what a process that died on the way leaves behind."""

import json
import threading
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import ConfigurationError, InputError, IntegrityError, NotFoundError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Catalogue, Generations
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import Manifest, write_json, write_manifest
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe

RECIPE = Recipe(4, "e")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def generations(path: Path) -> Generations:
    return Generations(path)


def sealed(path: Path, said: str = "") -> Path:
    """Gives a complete directory that is to become a generation."""
    made = path / "draft"
    made.mkdir(parents=True)
    write_manifest(made, Manifest(RECIPE, created_at=said))
    return made


def adopt(generations: Generations, path: Path, *, switch: bool = True) -> int:
    return generations.adopt(sealed(path), switch=switch)


def write_catalogue(path: Path, **fields: object) -> None:
    path.mkdir(exist_ok=True)
    write_json(path / "catalogue.json", fields)


def test_where_there_is_no_index_nothing_is_live_and_nothing_is_made(generations: Generations, path: Path) -> None:
    assert generations.catalogue() == Catalogue()
    assert generations.numbers() == []
    assert generations.live_recipe() is None
    assert not path.exists()


def test_what_is_adopted_is_moved_in_under_the_next_number_and_live(generations: Generations, path: Path) -> None:
    assert [adopt(generations, path) for _ in range(2)] == [1, 2]

    assert generations.catalogue() == Catalogue(live=2, previous=1, last=2)
    assert generations.numbers() == [1, 2]
    assert not (path / "draft").exists()
    assert generations.live_recipe() == RECIPE


def test_what_is_put_beside_changes_nothing_of_what_is_live(generations: Generations, path: Path) -> None:
    adopt(generations, path)
    assert adopt(generations, path, switch=False) == 2

    assert generations.catalogue() == Catalogue(live=1, previous=None, last=2)


def test_after_a_switch_the_way_back_is_known(generations: Generations, path: Path) -> None:
    for _ in range(2):
        adopt(generations, path)
    generations.switch(1)
    assert generations.catalogue() == Catalogue(live=1, previous=2, last=2)
    generations.switch(1)
    assert generations.catalogue() == Catalogue(live=1, previous=2, last=2)
    with pytest.raises(NotFoundError, match="there are 1, 2"):
        generations.switch(3)


def test_a_number_is_never_given_twice(generations: Generations, path: Path) -> None:
    adopt(generations, path)
    adopt(generations, path, switch=False)
    generations.drop(2)
    assert adopt(generations, path, switch=False) == 3
    assert generations.forget_all() == ["generation 1", "generation 3"]
    assert generations.numbers() == []
    assert adopt(Generations(path), path) == 4


def test_the_live_generation_is_not_dropped(generations: Generations, path: Path) -> None:
    for _ in range(2):
        adopt(generations, path)
    with pytest.raises(InputError, match="switch to another one"):
        generations.drop(2)
    generations.drop(1)

    assert generations.catalogue() == Catalogue(live=2, previous=None, last=2)
    with pytest.raises(NotFoundError, match="there are 2"):
        generations.drop(1)


def test_older_generations_go_but_for_the_newest(generations: Generations, path: Path) -> None:
    for _ in range(5):
        adopt(generations, path)
    assert generations.drop_older(2) == [1, 2]
    assert generations.drop_older(2) == []
    assert generations.drop_older(0) == [3, 4]

    assert (generations.numbers(), generations.catalogue()) == ([5], Catalogue(live=5, last=5))


def test_after_a_rollback_what_was_rolled_back_to_is_kept_and_not_what_was_left(
    generations: Generations, path: Path
) -> None:
    for _ in range(3):
        adopt(generations, path)
    generations.switch(2)
    adopt(generations, path)

    assert generations.drop_older(1) == [1, 3]
    assert generations.catalogue() == Catalogue(live=4, previous=2, last=4)


def test_what_is_newer_than_what_is_live_stays(generations: Generations, path: Path) -> None:
    adopt(generations, path)
    adopt(generations, path, switch=False)

    assert generations.drop_older(0) == []
    assert generations.numbers() == [1, 2]


@pytest.mark.parametrize("switch", [True, False])
def test_a_move_that_was_killed_before_it_is_done_again(generations: Generations, path: Path, switch: bool) -> None:
    adopt(generations, path)
    write_catalogue(path, live=1, previous=None, last=1, arriving=2, to_be_live=switch)
    left = sealed(path)
    assert generations.catalogue().live == 1
    generations.tidy()

    assert generations.catalogue().arriving is None
    assert generations.adopt(left, switch=switch) == 2
    assert generations.catalogue() == Catalogue(2, 1, 2) if switch else Catalogue(1, None, 2)


@pytest.mark.parametrize("switch", [True, False])
def test_a_move_that_was_killed_after_it_is_completed_by_whoever_comes_next(
    generations: Generations, path: Path, switch: bool
) -> None:
    adopt(generations, path)
    write_catalogue(path, live=1, previous=None, last=1, arriving=2, to_be_live=switch)
    sealed(path).rename(path / "generations" / "2")
    assert generations.catalogue().live == 1
    generations.tidy()

    assert generations.catalogue() == (Catalogue(2, 1, 2) if switch else Catalogue(1, None, 2))
    assert adopt(generations, path) == 3


def test_the_first_move_that_was_killed_after_it_leaves_an_index_that_can_be_read(
    generations: Generations, path: Path
) -> None:
    write_catalogue(path, live=None, previous=None, last=0, arriving=1, to_be_live=True)
    (path / "generations").mkdir()
    sealed(path).rename(path / "generations" / "1")

    assert generations.catalogue().live is None
    generations.tidy()
    assert generations.catalogue().live == 1


def test_a_removal_that_was_killed_is_completed(generations: Generations, path: Path) -> None:
    for _ in range(2):
        adopt(generations, path)
    (path / "generations" / "1").rename(path / "generations" / ".1.removed")

    assert generations.numbers() == [2]
    generations.tidy()
    assert [entry.name for entry in (path / "generations").iterdir()] == ["2"]


def test_forgetting_all_that_was_killed_half_way_is_completed(generations: Generations, path: Path) -> None:
    for _ in range(2):
        adopt(generations, path)
    write_catalogue(path, live=None, previous=None, last=2)

    assert generations.forget_all() == ["generation 1", "generation 2"]
    assert generations.catalogue() == Catalogue(last=2)


@pytest.mark.parametrize("damaged", [b"", b"{", b"[1]", b'{"live": 1}', b'{"format": 2, "lvie": 1}', b"\xff"])
def test_a_damaged_catalogue_is_noticed_by_all(generations: Generations, path: Path, damaged: bytes) -> None:
    adopt(generations, path)
    (path / "catalogue.json").write_bytes(damaged)
    for work in (generations.catalogue, generations.tidy, generations.live_recipe, lambda: generations.switch(1)):
        with pytest.raises(IntegrityError, match=r"poe index repair"):
            work()
    with pytest.raises(IntegrityError):
        adopt(generations, path)
    assert (path / "draft").is_dir()

    generations.rewrite(Catalogue(1, None, 1))
    assert generations.live_recipe() == RECIPE


def test_every_changed_byte_of_the_catalogue_is_noticed(generations: Generations, path: Path) -> None:
    for _ in range(3):
        adopt(generations, path)
    file = path / "catalogue.json"
    whole = file.read_bytes()
    for place, byte in enumerate(whole):
        if not chr(byte).isspace():
            file.write_bytes(whole[:place] + bytes([byte ^ 1]) + whole[place + 1 :])
            with pytest.raises((IntegrityError, ConfigurationError)):
                generations.catalogue()


def test_a_catalogue_that_is_gone_is_noticed(generations: Generations, path: Path) -> None:
    adopt(generations, path)
    (path / "catalogue.json").unlink()
    with pytest.raises(IntegrityError, match="gone"):
        generations.catalogue()


def test_a_catalogue_of_a_newer_version_is_refused(generations: Generations, path: Path) -> None:
    write_catalogue(path, format=3, live=1, shards=7)
    with pytest.raises(ConfigurationError, match="update rag_llm_system"):
        generations.catalogue()


def test_many_threads_switch_and_drop_and_none_sees_half_of_it(generations: Generations, path: Path) -> None:
    for _ in range(6):
        adopt(generations, path)
    errors: list[Exception] = []

    def switch_to_and_fro(one: int, other: int) -> None:
        try:
            for _ in range(10):
                Generations(path).switch(one)
                Generations(path).switch(other)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=switch_to_and_fro, args=pair) for pair in ((3, 4), (5, 6))]
    for thread in threads:
        thread.start()
    generations.drop(1)
    while any(thread.is_alive() for thread in threads):
        seen = generations.catalogue()
        assert seen.live in (3, 4, 5, 6)
        assert seen.live != seen.previous
    for thread in threads:
        thread.join()

    assert errors == []
    assert generations.numbers() == [2, 3, 4, 5, 6]
    assert not json.loads((path / "catalogue.json").read_text())["arriving"]
