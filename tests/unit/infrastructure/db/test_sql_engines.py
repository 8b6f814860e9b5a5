"""What a URL says of drivers, sockets and encryption is understood, and what it does not say is chosen."""

import ssl
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


@pytest.mark.parametrize(
    "rest",
    ["p@hush@host/db", "p@hush/w@host/db", "p@hush/w?x@host/db", "p@hush/w?hush=1@host/db", "p@hush:1/w@host/db"],
)
def test_a_password_with_an_at_sign_never_becomes_a_host(rest: str) -> None:
    with pytest.raises(ConfigurationError, match="write @ : / in user and password as %40 %3A %2F") as caught:
        parse_url(f"postgresql://u:{rest}")
    assert "hush" not in caught.value.message
    assert parse_url("postgresql://u%40x:p%40hush@host/db").password == "p@hush"


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
        ("sslmode=require&channel_binding=prefer&connect_timeout=5", {"ssl_context": True}),
        ("sslmode=disable", {"ssl_context": False}),
        ("host=/run/postgresql", {"unix_sock": "/run/postgresql/.s.PGSQL.5432"}),
        ("host=/run/postgresql&port=6432", {"unix_sock": "/run/postgresql/.s.PGSQL.6432"}),
        ("unix_sock=/run/x&application_name=me", {"unix_sock": "/run/x", "application_name": "me"}),
    ],
)
def test_options_of_postgresqls_own_urls_reach_pg8000(query: str, expected: dict[str, object]) -> None:
    pytest.importorskip("pg8000", reason="pg8000 is not installed (extra postgres)")
    seen = seen_arguments(query)
    assert {name: seen[name] for name in expected} == expected
    assert seen["timeout"] == 2.5
    assert {"sslmode", "channel_binding", "connect_timeout", "port"} & set(seen) <= {"port"}


def test_a_certificate_is_checked_when_the_url_asks_for_it() -> None:
    pytest.importorskip("pg8000", reason="pg8000 is not installed (extra postgres)")
    with pytest.raises(ConfigurationError, match="sslmode is none of disable, allow, prefer, require, verify-ca"):
        open_engine(parse_url("postgresql://ada@host/twin?sslmode=sometimes"), busy_timeout_s=1, timeout_s=1)
    open_engine(parse_url("postgresql://ada@host/twin?sslmode=verify-full"), busy_timeout_s=1, timeout_s=1)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_certificates_to_trust_are_read_wherever_they_are_named(mode: str) -> None:
    pytest.importorskip("pg8000", reason="pg8000 is not installed (extra postgres)")
    url = parse_url(f"postgresql://ada@host/twin?sslmode={mode}&sslrootcert=/no/file")
    with pytest.raises(ConfigurationError, match="certificates that sslrootcert names cannot be read"):
        open_engine(url, busy_timeout_s=1, timeout_s=1)


def test_require_with_certificates_to_trust_checks_them_but_not_the_hosts_name() -> None:
    pytest.importorskip("pg8000", reason="pg8000 is not installed (extra postgres)")
    certifi = pytest.importorskip("certifi", reason="certifi is not installed")
    context = seen_arguments(f"sslmode=require&sslrootcert={certifi.where()}")["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_what_pg8000_cannot_promise_is_refused() -> None:
    pytest.importorskip("pg8000", reason="pg8000 is not installed (extra postgres)")
    url = parse_url("postgresql://ada:hush@host/twin?sslmode=require&channel_binding=require")
    with pytest.raises(ConfigurationError, match="channel_binding=require, which pg8000 cannot promise: remove it"):
        open_engine(url, busy_timeout_s=1, timeout_s=1)


def seen_arguments(query: str) -> dict[str, object]:
    """Gives what pg8000 is called with."""
    from sqlalchemy import event

    engine = open_engine(parse_url(f"postgresql://ada@host/twin?{query}"), busy_timeout_s=1, timeout_s=2.5)
    seen: dict[str, object] = {}

    def look(*arguments: object) -> None:
        seen.update(arguments[3])  # type: ignore[call-overload]
        raise LookupError

    event.listen(engine, "do_connect", look)
    with pytest.raises(LookupError):
        engine.connect()
    return seen
