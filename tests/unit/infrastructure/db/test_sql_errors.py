"""Whatever the database says, a person reads one line of ours."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category
from rag_llm_system.domain.errors import (
    BackendError,
    BackendUnavailableError,
    ConfigurationError,
    DiskFullError,
    InputError,
    IntegrityError,
    RagError,
)
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.db.sql_errors import own_errors

ARTICLE = ArticleDocument(
    id="1", platform="p", link="l", author_id="a", author_full_name="A", content=ArticleContent(text="t")
)


def test_a_file_that_is_not_a_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but a long enough text to be looked at\n" * 100)
    before = path.read_bytes()
    with pytest.raises(IntegrityError, match=r"notes\.txt is not a database"):
        SqlDocumentStore(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_path_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be made"):
        SqlDocumentStore(f"sqlite:///{tmp_path}/file/documents.sqlite")
    with pytest.raises(ConfigurationError, match="cannot be opened or written"):
        SqlDocumentStore(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "nosuch://user:secret@host/db"])
def test_a_url_that_cannot_be_used_is_a_configuration_error_without_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SqlDocumentStore(url)
    assert "secret" not in caught.value.message
    assert "\n" not in caught.value.message


def test_a_locked_database_is_away_for_now_and_can_still_be_opened_and_read(tmp_path: Path) -> None:
    path = tmp_path / "documents.sqlite"
    store = SqlDocumentStore(f"sqlite:///{path}", busy_timeout_s=0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BackendUnavailableError, match="is locked by another process") as caught:
        store.save([ARTICLE])
    assert caught.value.retryable
    assert store.count(Category.ARTICLES) == 0
    reader = SqlDocumentStore(f"sqlite:///{path}", busy_timeout_s=0.1)
    assert reader.users() == []
    reader.close()
    other.execute("ROLLBACK")
    other.close()
    assert store.save([ARTICLE]).n_new == 1
    store.close()


def test_a_damaged_document_is_named(tmp_path: Path) -> None:
    path = tmp_path / "documents.sqlite"
    store = SqlDocumentStore(f"sqlite:///{path}")
    store.save([ARTICLE])
    with sqlite3.connect(path) as other:
        other.execute("UPDATE articles SET body = '{}'")
    other.close()
    with pytest.raises(IntegrityError, match="document 1 in articles cannot be read"):
        list(store.find(Category.ARTICLES))
    store.close()


def test_a_full_disk_says_where_to_make_room(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match=r"the disk that holds /data/documents\.sqlite is full: make room"):
        _raise_as_ours(_full_error(tmp_path))


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("28P01", ConfigurationError, "refuses this user or password: check DATABASE_URL"),
        ("3D000", ConfigurationError, "is not there: make it with createdb"),
        ("42501", ConfigurationError, "does not let this user do that"),
        ("25006", ConfigurationError, "can only be read"),
        ("22P05", ConfigurationError, "make it with ENCODING 'UTF8'"),
        ("22021", InputError, "cannot hold U\\+0000"),
        ("54000", InputError, "link of more than 2,700 bytes"),
        ("53100", DiskFullError, "is full: make room there"),
        ("53300", BackendUnavailableError, "cannot do this now"),
        ("57P01", BackendUnavailableError, "cannot do this now"),
        ("55P03", BackendUnavailableError, "is locked by another writer"),
        ("XX001", IntegrityError, "is damaged: restore a backup"),
        ("42P01", BackendError, "refused what it was asked \\(42P01\\)"),
    ],
)
def test_what_postgresql_says_means_what_a_person_can_do_about_it(state: str, kind: type[RagError], words: str) -> None:
    said = Exception({"S": "ERROR", "C": state, "M": "private"})  # as pg8000 hands it over
    with pytest.raises(kind, match=words) as caught, own_errors("the database twin on db"):
        raise ProgrammingError("private", {}, said)
    assert type(caught.value) is kind
    assert "private" not in caught.value.message


def test_a_refusal_is_seen_behind_the_connection_that_broke_because_of_it() -> None:
    hidden = ConnectionError("private")
    hidden.__context__ = Exception({"C": "28P01", "M": "private"})
    with pytest.raises(ConfigurationError, match="user or password"), own_errors("the database twin on db"):
        raise InterfaceError("private", {}, hidden)


def test_a_socket_that_breaks_means_that_the_server_is_away() -> None:
    with pytest.raises(BackendUnavailableError, match="does not answer"), own_errors("the database twin on db"):
        raise TimeoutError("private")


def test_an_unknown_error_names_its_kind_and_no_content() -> None:
    with pytest.raises(RagError) as caught:
        _raise_as_ours(sqlite3.OperationalError("near 'private words': syntax error"))
    assert "private" not in caught.value.message


def _raise_as_ours(error: sqlite3.Error) -> None:
    with own_errors("/data/documents.sqlite"):
        raise OperationalError("INSERT", {}, error)


def _full_error(folder: Path) -> sqlite3.Error:
    """Gives SQLite's own error for a full disk, from a database that may not grow."""
    connection = sqlite3.connect(folder / "small.sqlite")
    connection.execute("PRAGMA max_page_count = 2")
    connection.execute("CREATE TABLE t (x)")
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    connection.close()
    return caught.value
