"""Backing a home up and restoring it: the same to the byte, or nothing at all."""

import random
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.bootstrap.backup import back_up, check_backup, restore, settings_that_are_set
from rag_llm_system.bootstrap.home import HOME_VERSION, home_version
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import (
    AccessError,
    ConfigurationError,
    InputError,
    IntegrityError,
    NotFoundError,
    RagError,
)
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
from rag_llm_system.settings import Settings, load_settings
from tests.backup_homes import (
    documents,
    files_of,
    fill_index,
    indexed,
    light_state_of,
    make_home,
    make_light_home,
    settings_of,
    state_of,
    stored,
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home that no test changes."""
    return make_light_home(tmp_path_factory.mktemp("whole") / "home")


@pytest.fixture(scope="module")
def whole(home: Settings) -> dict[str, Any]:
    """All that this home holds."""
    return light_state_of(home.home)


@pytest.fixture(scope="module")
def archive(home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "twin.tar.zst"
    back_up(home, path)
    return path


def test_what_is_restored_is_what_was_backed_up_to_the_byte_and_goes_on_living(tmp_path: Path) -> None:
    home, archive = make_home(tmp_path / "whole"), tmp_path / "twin.tar.zst"
    back_up(home, archive)
    report = restore(settings_of(tmp_path / "home"), archive)
    assert state_of(tmp_path / "home") == state_of(home.home)
    assert report.description.counts["articles"] == 5
    assert home_version(tmp_path / "home") == HOME_VERSION
    assert not (tmp_path / "home" / "restoring").exists()
    assert archive.stat().st_size < 100_000
    assert _disk_bytes(tmp_path / "home") < 1.5 * _disk_bytes(home.home)
    fill_index(tmp_path / "home", n_points=3, seed=5)
    assert len(indexed(tmp_path / "home")["points"]["article_chunks_embedded"]) == 43


def test_a_restored_home_is_backed_up_like_any_other(whole: dict[str, Any], archive: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "home")
    restore(settings, archive)
    assert light_state_of(tmp_path / "home") == whole
    assert back_up(settings, tmp_path / "again").counts == check_backup(archive).counts


def test_an_encrypted_backup_is_restored_with_its_passphrase_alone(
    home: Settings, whole: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    back_up(home, path, passphrase="open sesame")
    for passphrase in (None, "open says me"):
        with pytest.raises(AccessError):
            restore(settings_of(tmp_path / "home"), path, passphrase=passphrase)
    restore(settings_of(tmp_path / "home"), path, passphrase="open sesame")
    assert light_state_of(tmp_path / "home") == whole


def test_a_backup_is_taken_while_generations_come_and_go(whole: dict[str, Any], tmp_path: Path) -> None:
    settings = make_light_home(tmp_path / "home")
    generations = Generations(tmp_path / "home" / "index")
    seen: list[int] = []

    def switch_away(n_done: int, n_all: int) -> None:
        if not seen:
            make_light_home(tmp_path / "home", n_articles=6)
            generations.drop(1)
        seen.append(n_done)

    back_up(settings, tmp_path / "backup", on_index=switch_away)
    assert generations.numbers() == [2]
    assert files_of(tmp_path / "home" / "index" / "views") == []
    restore(settings_of(tmp_path / "other"), tmp_path / "backup")
    assert light_state_of(tmp_path / "other")["files"] == whole["files"]


def test_progress_is_told_to_the_end(home: Settings, tmp_path: Path) -> None:
    told: dict[str, tuple[int, int]] = {}

    def tell(what: str, n_done: int, n_all: int) -> None:
        assert told.get(what, (0, 0))[0] <= n_done <= n_all
        told[what] = n_done, n_all

    path = tmp_path / "backup"
    back_up(home, path, on_index=lambda *n: tell("index", *n), on_documents=lambda *n: tell("documents", *n))
    restore(
        settings_of(tmp_path / "home"),
        path,
        on_check=lambda *n: tell("check", *n),
        on_restore=lambda *n: tell("all", *n),
    )
    assert sorted(told) == ["all", "check", "documents", "index"]
    assert all(n_done == n_all for n_done, n_all in told.values())


def test_a_file_that_is_there_is_replaced_only_when_asked(home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    path.write_bytes(b"mine")
    with pytest.raises(InputError, match="--force"):
        back_up(home, path)
    assert path.read_bytes() == b"mine"
    back_up(home, path, replace=True)
    check_backup(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert files_of(tmp_path) == ["backup"]


def test_a_folder_that_is_not_there_is_a_line(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        back_up(home, tmp_path / "none" / "backup")
    with pytest.raises(InputError, match="is a folder"):
        back_up(home, tmp_path)


def test_an_empty_home_is_not_backed_up(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        back_up(settings_of(tmp_path / "home"), tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_index_is_not_backed_up(tmp_path: Path) -> None:
    settings = make_light_home(tmp_path / "home")
    segment = next((tmp_path / "home" / "index" / "generations" / "1").rglob("2.dat"))
    with segment.open("r+b") as file:
        file.write(b"\xff")
    with pytest.raises(IntegrityError, match="poe index repair"):
        back_up(settings, tmp_path / "backup")
    assert files_of(tmp_path / "home")
    assert not (tmp_path / "backup.part").exists()


def test_only_an_empty_home_is_restored_into(archive: Path, tmp_path: Path) -> None:
    settings = make_light_home(tmp_path / "home", n_articles=2)
    before = light_state_of(tmp_path / "home")
    with pytest.raises(InputError, match="holds an index"):
        restore(settings, archive)
    assert light_state_of(tmp_path / "home") == before

    with closing(SqlDocumentStore(f"sqlite:///{tmp_path}/documents/documents.sqlite")) as store:
        store.save(documents(1))
    with pytest.raises(InputError, match="holds documents"):
        restore(settings_of(tmp_path / "documents"), archive)
    assert not (tmp_path / "documents" / "restoring").exists()


def test_what_a_running_server_saves_meanwhile_is_not_overwritten(archive: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/home/documents.sqlite"
    with closing(SqlDocumentStore(url)) as server:

        def save(n_done: int, n_all: int) -> None:
            server.save(documents(1))

        with pytest.raises(InputError, match="holds documents or users already: stop servers and pipelines"):
            restore(settings_of(tmp_path / "home"), archive, on_restore=save)
        assert server.count(Category.ARTICLES) == 1
        assert server.save(documents(2)).n_new == 1
    assert not (tmp_path / "home" / "restoring").exists()


def test_an_index_that_is_published_meanwhile_is_not_overwritten(archive: Path, tmp_path: Path) -> None:
    other = make_light_home(tmp_path / "other")
    settings = settings_of(tmp_path / "home")

    def publish(n_done: int, n_all: int) -> None:
        if not (tmp_path / "home" / "index").exists():
            shutil.copytree(other.home / "index", tmp_path / "home" / "index")

    with pytest.raises(InputError, match="holds an index: stop servers and pipelines"):
        restore(settings, archive, on_restore=publish)
    assert Generations(tmp_path / "home" / "index").numbers() == [1]
    assert not (tmp_path / "home" / "documents.sqlite").exists()


def test_a_home_in_which_somebody_only_looked_is_still_empty(
    whole: dict[str, Any], archive: Path, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path / "home")
    SqlDocumentStore(f"sqlite:///{tmp_path}/home/documents.sqlite").close()
    (tmp_path / "home" / "models").mkdir()
    restore(settings, archive)
    assert light_state_of(tmp_path / "home") == whole


def test_an_archive_that_is_damaged_or_cut_short_leaves_the_home_empty(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    rng = random.Random(3)
    for number in range(60):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        (tmp_path / "damaged").write_bytes(damaged if number % 2 else whole[: rng.randrange(len(whole))])
        with pytest.raises(RagError):
            restore(settings_of(tmp_path / "home"), tmp_path / "damaged")
        assert files_of(tmp_path / "home") == []


def test_a_newer_home_is_neither_backed_up_nor_restored_into(home: Settings, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "home.json").write_text('{"schema": 99, "written_by": "7.0"}')
    for work in (
        lambda: back_up(settings_of(tmp_path), tmp_path / "b"),
        lambda: restore(settings_of(tmp_path), archive),
    ):
        with pytest.raises(ConfigurationError, match=r"version 99, written by rag_llm_system 7\.0; .*update"):
            work()


def test_a_restore_that_was_cut_off_in_a_server_goes_on_with_the_same_backup_alone(
    whole: dict[str, Any], archive: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/elsewhere/documents.sqlite"
    settings = settings_of(tmp_path / "home", database_url=url)

    class CutOff(Exception):
        pass

    def cut_off(n_done: int, n_all: int) -> None:
        with closing(SqlDocumentStore(url)) as store:
            if store.users():
                raise CutOff

    with pytest.raises(CutOff):
        restore(settings, archive, on_restore=cut_off)
    other = settings_of(tmp_path / "other")
    with closing(SqlDocumentStore(f"sqlite:///{tmp_path}/other/documents.sqlite")) as store:
        store.save(documents(1))
    back_up(other, tmp_path / "other.backup")
    with pytest.raises(InputError, match="another backup was cut off"):
        restore(settings, tmp_path / "other.backup")
    restore(settings, archive)
    assert stored(url).items() <= whole.items()
    assert Generations(tmp_path / "home" / "index").catalogue().live == 1
    assert not (tmp_path / "home" / "documents.sqlite").exists()


def test_the_index_of_a_server_is_not_in_the_backup_and_the_backup_says_so(home: Settings, tmp_path: Path) -> None:
    settings = settings_of(home.home, qdrant_database_host="qdrant.example.org")
    description = back_up(settings, tmp_path / "backup")
    assert description.generation is None
    assert "poe index build" in description.notes[0]
    report = restore(settings_of(tmp_path / "home"), tmp_path / "backup")
    assert "poe index build" in report.notes[0]
    assert stored(f"sqlite:///{tmp_path}/home/documents.sqlite") == stored(f"sqlite:///{home.home}/documents.sqlite")


def test_settings_are_kept_and_secrets_only_named(home: Settings, tmp_path: Path) -> None:
    settings = settings_of(
        home.home,
        top_k=7,
        rag_rerank="learned",
        comet_project="it's \\ mine",
        qdrant_apikey="very-secret",
        qdrant_cloud_url="https://me:hidden@example.org",
        database_name="twin",
    )
    values, secrets = settings_that_are_set(settings)
    assert secrets == ("QDRANT_APIKEY", "QDRANT_CLOUD_URL")
    assert (values["TOP_K"], values["RAG_RERANK"]) == ("7", "learned")
    assert "RAG_HOME" not in values

    back_up(settings, tmp_path / "backup")
    report = restore(settings_of(tmp_path / "home"), tmp_path / "backup")
    profile = tmp_path / "home" / "settings_of_backup.env"
    text = profile.read_text()
    assert "very-secret" not in text
    assert "hidden" not in text
    assert any("QDRANT_APIKEY, QDRANT_CLOUD_URL" in note for note in report.notes)
    restored = load_settings(rag_profile=str(profile))
    assert (restored.top_k, restored.rag_rerank, restored.comet_project) == (7, "learned", "it's \\ mine")


def test_of_an_address_with_a_query_only_the_origin_is_kept(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        qdrant_cloud_url="https://example.org/?api_key=hidden",
        rag_model_server_url="https://example.org:1/v1?key=hidden",
        weaviate_url="https://example.org/path",
    )
    values, secrets = settings_that_are_set(settings)
    assert "hidden" not in str(values)
    assert values["QDRANT_CLOUD_URL"] == "https://example.org"
    assert values["RAG_MODEL_SERVER_URL"] == "https://example.org:1"
    assert values["WEAVIATE_URL"] == "https://example.org/path"
    assert secrets == ("QDRANT_CLOUD_URL", "RAG_MODEL_SERVER_URL")


def test_large_documents_are_kept_in_parts_of_their_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/home/documents.sqlite"
    with closing(SqlDocumentStore(url)) as store:
        big = documents(3)
        store.save([one.model_copy(update={"metadata": {"filling": "x" * 3_000_000}}) for one in big])
        n_articles = store.count(Category.ARTICLES)
    description = back_up(settings_of(tmp_path / "home"), tmp_path / "backup")
    assert description.counts["articles"] == n_articles == 3
    restore(settings_of(tmp_path / "other"), tmp_path / "backup")
    assert stored(f"sqlite:///{tmp_path}/other/documents.sqlite") == stored(url)


def _disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
