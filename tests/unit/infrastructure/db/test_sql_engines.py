"""What a URL says of drivers, sockets and encryption is understood, and what it does not say is chosen."""

import subprocess
import sys

import pytest

from rag_llm_system.domain.errors import ConfigurationError, MissingExtraError
from rag_llm_system.infrastructure.db.sql_engines import open_engine, parse_url, place_of

WITHOUT_DRIVERS = """
import sys
sys.modules["pg8000"] = sys.modules["pymongo"] = sys.modules["bson"] = None
from rag_llm_system.domain.errors import MissingExtraError
from rag_llm_system.infrastructure.db.mongo import MongoDocumentStore
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
for open_store, url in ((SqlDocumentStore, "postgres://ada:hush@host/twin"), (MongoDocumentStore, "mongodb://host")):
    try:
        open_store(url)
    except MissingExtraError as error:
        print(error.message)
"""


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+pg8000"])
def test_a_postgresql_without_a_drivers_name_gets_pg8000(scheme: str) -> None:
    assert parse_url(f"{scheme}://ada:hush@host/twin").drivername == "postgresql+pg8000"


def test_another_driver_is_kept() -> None:
    assert parse_url("postgresql+psycopg://ada:hush@host/twin").drivername == "postgresql+psycopg"


def test_messages_name_host_port_and_database_alone() -> None:
    assert place_of(parse_url("postgresql://ada:hush@db.example:6432/twin?application_name=me")) == (
        "the database twin on db.example:6432"
    )
    assert place_of(parse_url("postgresql:///twin?host=/run/postgresql")) == "the database twin on localhost"


def test_a_missing_package_is_named_with_its_extra() -> None:
    process = subprocess.run([sys.executable, "-c", WITHOUT_DRIVERS], capture_output=True, text=True, timeout=60)
    assert process.stdout.splitlines() == [
        MissingExtraError("PostgreSQL", "postgres").message,
        MissingExtraError("MongoDB", "mongo").message,
    ], process.stderr


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"ssl_context": None}),
        ("sslmode=require&channel_binding=require&connect_timeout=5", {"ssl_context": True}),
        ("sslmode=disable", {"ssl_context": False}),
        ("host=/run/postgresql", {"unix_sock": "/run/postgresql/.s.PGSQL.5432"}),
        ("host=/run/postgresql&port=6432", {"unix_sock": "/run/postgresql/.s.PGSQL.6432"}),
        ("unix_sock=/run/x&application_name=me", {"unix_sock": "/run/x", "application_name": "me"}),
    ],
)
def test_options_of_postgresqls_own_urls_reach_pg8000(query: str, expected: dict[str, object]) -> None:
    pytest.importorskip("pg8000", reason="pg8000 is not installed (extra postgres)")
    engine = open_engine(parse_url(f"postgresql://ada@host/twin?{query}"), busy_timeout_s=1, timeout_s=2.5)
    seen: dict[str, object] = {}

    def look(*arguments: object) -> None:
        seen.update(arguments[3])  # type: ignore[call-overload]
        raise LookupError

    from sqlalchemy import event

    event.listen(engine, "do_connect", look)
    with pytest.raises(LookupError):
        engine.connect()
    assert {name: seen[name] for name in expected} == expected
    assert seen["timeout"] == 2.5
    assert {"sslmode", "channel_binding", "connect_timeout", "port"} & set(seen) <= {"port"}


def test_a_certificate_is_checked_when_the_url_asks_for_it() -> None:
    pytest.importorskip("pg8000", reason="pg8000 is not installed (extra postgres)")
    with pytest.raises(ConfigurationError, match="sslmode is none of disable, allow, prefer, require, verify-ca"):
        open_engine(parse_url("postgresql://ada@host/twin?sslmode=sometimes"), busy_timeout_s=1, timeout_s=1)
    open_engine(parse_url("postgresql://ada@host/twin?sslmode=verify-full"), busy_timeout_s=1, timeout_s=1)
