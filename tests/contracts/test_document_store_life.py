"""What every document store keeps to in the long run: times, versions of what is stored, and going without a trace."""

import random
import re
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, make_url

from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category, PostDocument
from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError
from rag_llm_system.domain.ports.document_store import SaveOutcome
from rag_llm_system.infrastructure.db.sql_engines import open_engine, parse_url
from tests.document_stores import POSTGRES, SQLITE, Database, Store

pytest_plugins = ["tests.document_store_fixtures"]

SECRET = "xylophone-quartz-"


def article(number: int, text: str = "words", author_id: str = "ada") -> ArticleDocument:
    return ArticleDocument(
        id=f"id-{number:04}",
        platform="test",
        link=f"https://example.com/{number}",
        author_id=author_id,
        author_full_name="Ada Lovelace",
        content=ArticleContent(text=text),
    )


class Clock:
    """Stands still until it is moved; its zone is not UTC."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 31, 1, 30, tzinfo=timezone(timedelta(hours=2)))

    def __call__(self) -> datetime:
        return self.now


def secret(number: int) -> str:
    """Gives a text of several pages that no database can compress, with a secret on the first and on another."""
    letters = "".join(random.Random(number).choices(string.ascii_letters, k=12_000))
    return f"{SECRET}{number:02} {letters[:7_000]} {SECRET}{number:02} {letters[7_000:]}"


def saved_at(store: Store) -> dict[str, str]:
    return {digest.id: digest.saved_at for digest in store.digests(Category.ARTICLES)}


def test_a_digest_says_when_its_document_was_stored_or_changed_here(database: Database) -> None:
    clock = Clock()
    store = database.open(clock=clock)
    store.save([article(1), article(2)])
    first = "2026-01-30T23:30:00+00:00"
    assert saved_at(store) == {"id-0001": first, "id-0002": first}
    clock.now += timedelta(days=1)
    store.save([article(1), article(2, "changed"), article(3)])
    second = "2026-01-31T23:30:00+00:00"
    assert saved_at(store) == {"id-0001": first, "id-0002": second, "id-0003": second}
    store.close()


def test_the_time_is_the_machines_unless_a_clock_is_given(store: Store) -> None:
    before = datetime.now(UTC).isoformat(timespec="seconds")
    store.save([article(1)])
    assert before <= saved_at(store)["id-0001"] <= datetime.now(UTC).isoformat(timespec="seconds")


def test_what_an_earlier_release_stored_is_read_as_it_is_by_who_only_looks(aged: Database) -> None:
    for _ in range(2):
        looking = aged.open(create=False)
        assert saved_at(looking) == {"id-0001": "", "id-0002": ""}
        assert list(looking.find(Category.ARTICLES)) == [article(1), article(2)]
        assert [user.full_name for user in looking.users()] == ["Ada Lovelace"]
        looking.close()


def test_what_an_earlier_release_stored_gets_the_time_at_which_it_is_opened_to_write(aged: Database) -> None:
    looking = aged.open(create=False)
    clock = Clock()
    store = aged.open(clock=clock)
    upgraded = "2026-01-30T23:30:00+00:00"
    assert saved_at(store) == {"id-0001": upgraded, "id-0002": upgraded}
    clock.now += timedelta(days=1)
    assert store.save([article(1), article(2, "changed")]) == SaveOutcome(n_changed=1, n_unchanged=1)
    store.close()
    store = aged.open(clock=clock)
    assert saved_at(store) == {"id-0001": upgraded, "id-0002": "2026-01-31T23:30:00+00:00"}
    assert list(store.find(Category.ARTICLES)) == [article(1), article(2, "changed")]
    assert [*saved_at(looking)] == ["id-0001", "id-0002"]  # whoever had it open goes on reading
    store.close()
    looking.close()


def test_what_an_earlier_release_stored_is_brought_up_to_date_before_anything_is_written(aged: Database) -> None:
    store = aged.open(create=False, clock=Clock())
    assert store.save([article(3)]) == SaveOutcome(n_new=1)
    assert saved_at(store)["id-0003"] == "2026-01-30T23:30:00+00:00"
    assert store.save([article(3)]) == SaveOutcome(n_unchanged=1)
    store.close()


def test_what_a_newer_release_stored_is_refused_by_its_version(database: Database) -> None:
    database.open().close()
    with administering(database) as there:
        set_version(database, there, 7)
    for create in (True, False):
        with pytest.raises(
            ConfigurationError, match="has schema version 7, and this program knows none above 2"
        ) as error:
            database.open(create=create)
        assert "install the release that made it or a newer one" in error.value.message
        assert "\n" not in error.value.message


def test_erasing_counts_what_there_was_and_may_be_done_again(store: Store) -> None:
    store.save([article(1), article(2), PostDocument(**post(1))])
    assert store.erase(Category.ARTICLES, ["id-0001", "id-0001", "unknown"]) == 1
    assert store.erase(Category.ARTICLES, ["id-0001"]) == 0
    assert store.erase(Category.ARTICLES, []) == 0
    assert [digest.id for digest in store.digests(Category.ARTICLES)] == ["id-0002"]
    assert store.count(Category.POSTS) == 1
    assert store.save([article(1)]) == SaveOutcome(n_new=1)


def post(number: int) -> dict[str, Any]:
    return {**article(number).model_dump(), "content": "a post", "link": ""}


def test_authors_go_once_they_have_no_document(store: Store) -> None:
    ada, bob, eve = (store.get_or_create(name) for name in ("Ada Lovelace", "Bob Bit", "Eve Even"))
    store.save([article(1, author_id=ada.id), PostDocument(**{**post(2), "author_id": bob.id})])
    assert store.erase_users([ada.id, bob.id, eve.id, eve.id, "unknown"]) == 1
    assert {user.id for user in store.users()} == {ada.id, bob.id}
    store.erase(Category.ARTICLES, ["id-0001"])
    assert store.erase_users([ada.id]) == 1
    assert store.erase_users([ada.id]) == store.erase_users([]) == 0
    assert store.users() == [bob]
    assert store.get_or_create("Ada Lovelace") == ada


def test_no_byte_of_what_was_erased_is_left_in_the_files(database: Database, look: Callable[[], set[str]]) -> None:
    store = database.open()
    store.save([article(n, secret(n)) for n in range(1, 40)])
    store.save([article(1, secret(50))])  # what it was before goes as well
    with administering(database) as there:  # and what was merely deleted
        if database.kind == SQLITE:
            there.exec_driver_sql("PRAGMA secure_delete=OFF")  # many systems have it on
        there.exec_driver_sql("DELETE FROM articles WHERE id = 'id-0002'")
    assert look() >= {f"{SECRET}{n:02}" for n in (2, 3, 39, 50)}
    assert store.erase(Category.ARTICLES, [f"id-{n:04}" for n in (1, 3)]) == 2
    assert look() == {f"{SECRET}{n:02}" for n in range(4, 40)}
    assert store.count(Category.ARTICLES) == 36
    store.close()


def test_no_byte_of_an_authors_name_is_left_in_the_files(database: Database, look: Callable[[], set[str]]) -> None:
    store = database.open()
    users = [store.get_or_create(f"{SECRET}{n:02}") for n in range(1, 4)]
    assert store.erase_users([user.id for user in users[:2]]) == 2
    assert look() == {f"{SECRET}03"}
    store.close()


def test_who_reads_all_the_time_is_named_and_what_is_erased_is_gone_all_the_same(
    database: Database, look: Callable[[], set[str]]
) -> None:
    if database.kind not in (SQLITE, POSTGRES):
        pytest.skip("its readers hold no state")
    store, other = database.open(busy_timeout_s=0.3, timeout_s=0.5), database.open()
    store.save([article(n, secret(n)) for n in range(1, 9)])
    reading = other.find(Category.ARTICLES)
    next(reading)
    removed = r"to be erased is removed, but its bytes stay until .*: process \d+ uses .* all the time: end that"
    with pytest.raises(BackendUnavailableError, match=removed):
        store.erase(Category.ARTICLES, ["id-0001", "id-0002"])
    assert store.count(Category.ARTICLES) == 6
    assert len(list(reading)) == 7  # it reads on, undisturbed
    assert store.erase(Category.ARTICLES, ["id-0001", "id-0002"]) == 0
    assert look() == {f"{SECRET}{n:02}" for n in range(3, 9)}
    store.close()
    other.close()


@pytest.fixture
def look(database: Database) -> Iterator[Callable[[], set[str]]]:
    """Says which secrets stand in the files of the database, byte by byte."""
    if database.kind == SQLITE:
        path = Path(str(make_url(database.url).database))
        yield lambda: secrets(path.parent.glob(f"{path.name}*"))
    elif database.kind == POSTGRES:
        with administering(database) as there:

            def look() -> set[str]:
                there.exec_driver_sql("CHECKPOINT")
                there.commit()
                data = Path(there.exec_driver_sql("SHOW data_directory").scalar_one())
                oid = there.exec_driver_sql("SELECT oid FROM pg_database WHERE datname = current_database()").scalar()
                tables = "relname IN ('articles', 'posts', 'repositories', 'users') AND relkind = 'r'"
                query = f"SELECT pg_relation_filepath(oid) FROM pg_class WHERE {tables}"
                used = [data / path for path in there.exec_driver_sql(query).scalars()]
                assert all(path.is_file() and path.parent.name == str(oid) for path in used)
                there.rollback()
                return secrets((data / "base" / str(oid)).glob("[1-9]*"))

            yield look
    else:
        pytest.skip("the bytes are the server's")


def secrets(paths: Iterator[Path]) -> set[str]:
    found = b"".join(path.read_bytes() for path in paths)
    return {match.decode() for match in re.findall(SECRET.encode() + rb"\d\d", found)}


@pytest.fixture
def aged(database: Database) -> Database:
    """A database as the first release left it, with two articles and a user."""
    store = database.open()
    store.save([article(1), article(2)])
    store.get_or_create("Ada Lovelace")
    store.close()
    with administering(database) as there:
        set_version(database, there, None)
        for category in Category:
            if isinstance(there, Connection):
                there.exec_driver_sql(f"ALTER TABLE {category} DROP COLUMN saved_at")
            else:
                there[category].update_many({}, {"$unset": {"saved_at": ""}})
    return database


def set_version(database: Database, there: Any, version: int | None) -> None:
    if database.kind == SQLITE:
        there.exec_driver_sql(f"PRAGMA user_version = {version or 0}")
    elif database.kind == POSTGRES:
        there.exec_driver_sql(
            "DROP TABLE rag_schema" if version is None else f"UPDATE rag_schema SET version = {version}"
        )
    elif version is None:
        there.rag_schema.drop()
    else:
        there.rag_schema.update_one({"_id": "documents"}, {"$set": {"version": version}})


@contextmanager
def administering(database: Database) -> Iterator[Any]:
    """Gives a connection to the database itself, past the store."""
    if database.kind in (SQLITE, POSTGRES):
        engine = open_engine(parse_url(database.url), busy_timeout_s=30, timeout_s=60)
        with engine.connect() as connection:
            yield connection
            connection.commit()
        engine.dispose()
    else:
        from pymongo import MongoClient

        with MongoClient[dict[str, Any]](database.url) as client:
            yield client.get_default_database()
