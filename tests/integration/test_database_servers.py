"""Database servers that are wrong, away, slow, full of others' data or killed: one line each, and nothing is lost."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url

from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category, Document, PostDocument
from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError, InputError, RagError
from rag_llm_system.domain.ports.document_store import SaveOutcome
from tests.cut_network import cut_network
from tests.document_stores import (
    Database,
    MongoStandIn,
    PostgresOfTheTests,
    Store,
    free_port,
    mongo_stand_in,
    open_store,
)

pytest.importorskip("pymongo", reason="pymongo is not installed (extra mongo)")
pytest.importorskip("pg8000", reason="pg8000 is not installed (extra postgres)")

pytest_plugins = ["tests.document_store_fixtures"]

PASSWORD = "hush-hush"


def article(number: int, text: str = "words") -> ArticleDocument:
    return ArticleDocument(
        id=f"id-{number:04}",
        platform="test",
        link=f"https://example.com/{number}",
        author_id="ada",
        author_full_name="Ada Lovelace",
        content=ArticleContent(text=text),
    )


def post(number: int, text: str) -> PostDocument:
    return PostDocument(
        id=f"id-{number:04}", platform="test", link="", author_id="ada", author_full_name="Ada Lovelace", content=text
    )


def ids(store: Store) -> list[str]:
    return [document.id for document in store.find(Category.ARTICLES)]


@contextmanager
def refused(kind: type[RagError], words: str) -> Iterator[None]:
    """Expects an error of ours with these words, in one line that holds no password."""
    with pytest.raises(kind, match=words) as caught:
        yield
    assert "hush" not in repr(caught.value)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mongodb://", "DATABASE_HOST cannot be read"),
        (f"mongodb://ada:{PASSWORD}@host:99999/twin", "port that cannot be used"),
        (f"mongodb://ada:{PASSWORD}@@host/twin", "write @ : / in user and password as %40 %3A %2F"),
        (f"mongodb://ada:a@{PASSWORD}/twin@host/twin", "write @ : / in user and password"),
        (f"mongodb://ada:a?{PASSWORD}@host/twin", "write @ : / in user and password"),
        (f"mongodb://ada:{PASSWORD}%zz@host/twin", "the address, its DNS record or an option cannot be used"),
        (f"mongodb://ada:{PASSWORD}@host/twin?authMechanism=NONE", "option that pymongo does not take"),
        (f"mongodb://ada:{PASSWORD}@host/no good", "DATABASE_NAME"),
        (f"mongodb://ada:{PASSWORD}@host/twin?w=0", "has w=0"),
        (f"postgresql://ada:{PASSWORD}@host:port/twin", "URL cannot be read"),
        (f"postgresql://ada:a@{PASSWORD}/twin@host/twin", "write @ : / in user and password as %40 %3A %2F"),
        (f"postgresql://ada:{PASSWORD}@host/twin?sslmode=maybe", "sslmode is none of"),
        (f"postgresql://ada:{PASSWORD}@host/twin?sslmode=verify-full&sslrootcert=/no/file", "certificates"),
        (f"postgresql://ada:{PASSWORD}@host/twin?nonsense=1", "remove nonsense"),
        (f"postgresql+nosuch://ada:{PASSWORD}@host/twin", "no driver for postgresql\\+nosuch databases"),
    ],
)
def test_an_address_that_cannot_be_used_says_how_to_write_it(url: str, words: str) -> None:
    with refused(ConfigurationError, words):
        open_store(url)


def test_a_name_that_no_dns_knows_is_named_without_the_password() -> None:
    with refused(RagError, "cluster.invalid"):
        open_store(f"mongodb+srv://ada:{PASSWORD}@cluster.invalid/twin", timeout_s=1)


@contextmanager
def answering(answer: bytes | None) -> Iterator[int]:
    """Gives the port of a server that answers everything so, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while answer is not None:
                try:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(1024)
                        connection.sendall(answer)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


ADDRESSES = ["mongodb://ada:hush-hush@127.0.0.1:{port}/twin", "postgresql://ada:hush-hush@127.0.0.1:{port}/twin"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_server_that_is_away_is_said_to_be_away(address: str) -> None:
    with refused(BackendUnavailableError, r"the database twin on 127\.0\.0\.1.* does not answer"):
        open_store(address.format(port=free_port()), timeout_s=0.3)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_server_that_never_answers_is_waited_for_as_long_as_said(address: str) -> None:
    started = time.monotonic()
    with answering(None) as port, refused(BackendUnavailableError, "does not answer"):
        open_store(address.format(port=port), timeout_s=0.5)
    assert 0.4 < time.monotonic() - started < 20


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.9\r\n"])
@pytest.mark.parametrize("address", [*ADDRESSES, f"{ADDRESSES[1]}?sslmode=disable"])
def test_a_server_of_another_kind_is_not_taken_for_a_database(address: str, greeting: bytes) -> None:
    with answering(greeting) as port, refused(BackendUnavailableError, "does not answer"):
        open_store(address.format(port=port), timeout_s=0.3)


def test_a_wrong_password_is_said_to_be_wrong_by_postgresql(guarded_postgres: Callable[[str], str]) -> None:
    with refused(ConfigurationError, "refuses this user or password: check DATABASE_URL"):
        open_store(guarded_postgres("hush-wrong"))
    store = open_store(guarded_postgres("hush%40%2Fhush"))
    assert store.save([article(1)]) == SaveOutcome(n_new=1)
    store.close()


def test_a_database_that_postgresql_does_not_have_is_named(postgres_database: Database) -> None:
    name = make_url(postgres_database.url).database or ""
    with refused(ConfigurationError, "the database nowhere on localhost is not there: make it with createdb"):
        open_store(postgres_database.url.replace(name, "nowhere"))


def test_a_wrong_password_is_said_to_be_wrong_before_the_stand_in(shared_stand_in: MongoStandIn) -> None:
    pytest.importorskip("scramp", reason="scramp is not installed (extra postgres)")
    from tests.mongo_password_gate import mongo_password_gate

    with mongo_password_gate(shared_stand_in.port, user="llm_engineering", password="hush@/hush") as gate:
        address = "mongodb://llm_engineering:{password}@127.0.0.1:{port}/gated?authMechanism=SCRAM-SHA-256"
        with refused(ConfigurationError, "refuses this user or password: check DATABASE_HOST"):
            open_store(address.format(password="hush-wrong", port=gate.port))
        store = open_store(address.format(password="hush%40%2Fhush", port=gate.port))
        assert store.save([article(1)]) == SaveOutcome(n_new=1)
        store.close()
        with refused(ConfigurationError, "does not let this user do that"):
            open_store(f"mongodb://127.0.0.1:{gate.port}/gated")


def test_a_batch_that_the_network_cuts_is_completed_by_the_same_call(shared_stand_in: MongoStandIn) -> None:
    batch: list[Document] = [
        *(article(n, "x" * 10_000) for n in range(40)),
        *(post(n, "x" * 10_000) for n in range(40)),
    ]
    with cut_network(shared_stand_in.port, n_bytes=600_000) as network:
        store = open_store(f"mongodb://127.0.0.1:{network.port}/cut", timeout_s=0.5)
        with refused(BackendUnavailableError, "does not answer"):
            store.save(batch)
        with refused(BackendUnavailableError, "does not answer"):
            store.count(Category.ARTICLES)
        network.mend()
        assert (store.count(Category.ARTICLES), store.count(Category.POSTS)) == (40, 0)
        assert store.save(batch) == SaveOutcome(n_new=40, n_unchanged=40)
        assert store.save(batch) == SaveOutcome(n_unchanged=80)
        store.close()


def test_a_stand_in_killed_in_the_middle_loses_nothing_that_a_second_run_does_not_bring_back() -> None:
    batch = [article(number, "x" * 5_000) for number in range(200)]
    with mongo_stand_in() as server:
        store = open_store(f"{server.url('killed')}?serverSelectionTimeoutMS=300")
        store.save(batch[:100])
        found = store.find(Category.ARTICLES)
        first = next(found).id
        killer = threading.Timer(0.1, server.kill)
        killer.start()
        with refused(BackendUnavailableError, "does not answer"):
            for start in range(100_000):
                store.save([article(start % 200, f"{start} " + "y" * 5_000)])
        with refused(BackendUnavailableError, "does not answer"):
            list(found)
        killer.join()
        server.start()
        store.save(batch)
        assert (first, ids(store)) == ("id-0000", [document.id for document in batch])
        assert list(store.find(Category.ARTICLES)) == batch
        store.close()


@pytest.mark.slow
def test_a_postgresql_killed_in_the_middle_keeps_whole_calls_and_is_used_again(
    postgres: PostgresOfTheTests, postgres_database: Database
) -> None:
    batches = [[article(20 * batch + n, "x" * 20_000) for n in range(20)] for batch in range(30)]
    store = open_store(postgres_database.url)
    store.save(batches[0])
    found = store.find(Category.ARTICLES)
    first = next(found).id
    killer = threading.Timer(0.1, postgres.kill)
    killer.start()
    with refused(BackendUnavailableError, "does not answer|cannot do this now"):
        for _ in range(100_000):
            for batch in batches:
                store.delete(Category.ARTICLES, [document.id for document in batch])
                store.save(batch)
    with refused(BackendUnavailableError, "does not answer|cannot do this now"):
        list(found)
    killer.join()
    postgres.start()
    assert len(ids(store)) % 20 == 0
    for batch in batches:
        store.save(batch)
    assert (first, ids(store)) == ("id-0000", [f"id-{number:04}" for number in range(600)])
    store.close()


@pytest.fixture
def guarded_postgres(
    postgres: PostgresOfTheTests, postgres_database: Database, postgres_engine: Engine
) -> Iterator[Callable[[str], str]]:
    """Gives the URL of a database for a user "ada", whose password is asked for; it is "hush@/hush"."""
    with postgres_engine.begin() as connection:
        rules = Path(connection.exec_driver_sql("SHOW hba_file").scalar_one())
        before = rules.read_text()
        connection.exec_driver_sql("CREATE ROLE ada LOGIN PASSWORD 'hush@/hush'")
        connection.exec_driver_sql("GRANT CREATE, USAGE ON SCHEMA public TO ada")
        rules.write_text(f"local all ada scram-sha-256\n{before}")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    time.sleep(0.2)
    yield lambda password: postgres_database.url.replace("//postgres@", f"//ada:{password}@")
    rules.write_text(before)
    with postgres_engine.begin() as connection:
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        connection.exec_driver_sql("DROP OWNED BY ada")
        connection.exec_driver_sql("DROP ROLE ada")


def test_writers_of_postgresql_take_turns_and_say_when_it_takes_too_long(
    postgres_database: Database, postgres_engine: Engine
) -> None:
    store = postgres_database.open(timeout_s=0.5)
    with postgres_engine.connect() as other:
        other.exec_driver_sql("SELECT pg_advisory_lock(7163942)")
        with refused(BackendUnavailableError, "is locked by another writer"):
            store.save([article(1)])
        reader = postgres_database.open(timeout_s=0.5)  # opening does not wait for writers
        assert ids(reader) == []
        reader.close()
        other.exec_driver_sql("SELECT pg_advisory_unlock(7163942)")
    assert store.save([article(1)]) == SaveOutcome(n_new=1)
    store.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"link": "https://example.com/\0"}, "cannot hold U\\+0000"),
        ({"link": "https://example.com/" + "".join(map(chr, range(0x4E00, 0x5E00)))}, "link of more than 2,700 bytes"),
    ],
)
def test_a_link_that_postgresql_cannot_hold_is_refused_and_nothing_is_saved(
    change: dict[str, str], words: str, postgres_database: Database
) -> None:
    store = postgres_database.open()
    with refused(InputError, words):
        store.save([article(1), article(2).model_copy(update=change)])
    assert store.count(Category.ARTICLES) == 0
    store.close()


def test_a_user_of_postgresql_who_may_only_read_is_enough_to_open_and_read(
    guarded_postgres: Callable[[str], str], postgres_database: Database, postgres_engine: Engine
) -> None:
    owner = postgres_database.open()
    owner.save([article(1)])
    owner.close()
    with postgres_engine.begin() as connection:
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM ada")
        connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO ada")
        connection.exec_driver_sql("ALTER ROLE ada SET default_transaction_read_only = on")
    store = open_store(guarded_postgres("hush%40%2Fhush"))
    assert (ids(store), store.users()) == (["id-0001"], [])
    with refused(ConfigurationError, "does not let this user do that|can only be read"):
        store.save([article(2)])
    store.close()


def test_a_user_of_postgresql_who_may_only_read_reads_what_the_first_release_stored(
    guarded_postgres: Callable[[str], str],
    postgres_database: Database,
    postgres_engine: Engine,
) -> None:
    owner = postgres_database.open()
    owner.save([article(1)])
    owner.close()
    with postgres_engine.begin() as connection:
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM ada")
        connection.exec_driver_sql("DROP TABLE rag_schema")
        for category in Category:
            connection.exec_driver_sql(f"ALTER TABLE {category} DROP COLUMN saved_at")
        connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO ada")
    url = guarded_postgres("hush%40%2Fhush")
    reader = open_store(url)
    assert [(digest.id, digest.saved_at) for digest in reader.digests(Category.ARTICLES)] == [("id-0001", "")]
    with refused(ConfigurationError, "does not let this user do that"):
        reader.save([article(2)])
    with refused(ConfigurationError, "does not let this user do that"):
        reader.erase(Category.ARTICLES, ["id-0001"])
    postgres_database.open().close()
    assert list(reader.find(Category.ARTICLES)) == [article(1)]  # it goes on reading
    reader.close()
    again = open_store(url)
    assert [digest.saved_at == "" for digest in again.digests(Category.ARTICLES)] == [False]
    again.close()


def test_a_user_of_postgresql_who_may_not_rewrite_a_table_is_told_what_remains(
    guarded_postgres: Callable[[str], str],
    postgres_database: Database,
    postgres_engine: Engine,
) -> None:
    owner = postgres_database.open()
    owner.save([article(1), article(2)])
    with postgres_engine.begin() as connection:
        connection.exec_driver_sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ada")
    store = open_store(guarded_postgres("hush%40%2Fhush"))
    with pytest.raises(
        ConfigurationError, match=r"is removed, but .*: this user may not rewrite articles in .*: let its own"
    ):
        store.erase(Category.ARTICLES, ["id-0001"])
    assert [digest.id for digest in owner.digests(Category.ARTICLES)] == ["id-0002"]
    assert owner.erase(Category.ARTICLES, ["id-0001"]) == 0
    owner.close()
    store.close()


def test_who_holds_a_table_of_postgresql_that_is_to_be_rewritten_is_named(
    postgres_database: Database, postgres_engine: Engine
) -> None:
    store = postgres_database.open(timeout_s=0.5)
    store.save([article(1), article(2)])
    with postgres_engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE articles IN ACCESS SHARE MODE")
        with refused(BackendUnavailableError, r"is removed, but its bytes stay .*: process \d+ uses the database"):
            store.erase(Category.ARTICLES, ["id-0001"])
    assert ids(store) == ["id-0002"]
    assert store.erase(Category.ARTICLES, ["id-0001"]) == 0
    store.close()
