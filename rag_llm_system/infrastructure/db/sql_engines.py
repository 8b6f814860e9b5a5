"""Connections to SQL databases: from a URL to an engine whose sessions behave alike."""

import getpass
import logging
import sqlite3
import ssl
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from rag_llm_system.domain.errors import ConfigurationError, MissingExtraError, NotFoundError

_WRITERS_LOCK = 7163942
"""PostgreSQL: any number that stands for "writing documents", so that writers take turns as they do in SQLite."""

_ROWS_PER_INSERT = 64
"""A statement for each row would cost a round trip each; all in one would hold all their texts twice."""

_PG8000 = "postgresql+pg8000"
_LIBPQ_ONLY = ("channel_binding", "connect_timeout", "host", "port", "sslmode", "sslrootcert")
"""Options of PostgreSQL's own URLs that pg8000 does not know. What they ask for is handed over in its words or refused;
only connect_timeout is left out, since RAG_DATABASE_TIMEOUT_S says how long to wait."""

_PG8000_OPTIONS = ("application_name", "unix_sock")


def parse_url(url: str) -> URL:
    """Gives the URL; PostgreSQL without a driver's name gets pg8000, and "postgres://" is read too.

    Raises:
        ConfigurationError: it cannot be read; the message does not show it.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        example = "sqlite:////path/to/documents.sqlite or postgresql://user:password@host/database"
        raise ConfigurationError(f"the document store's URL cannot be read: write it like {example}") from None
    if parsed.get_backend_name() != "sqlite" and url.count("@") > (parsed.username is not None):
        # The host, the database or an option would be a piece of the password.
        raise ConfigurationError("DATABASE_URL: write @ : / in user and password as %40 %3A %2F")
    return parsed.set(drivername=_PG8000) if parsed.drivername in ("postgres", "postgresql") else parsed


def place_of(url: URL) -> str:
    """Names the database in messages, without user or password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"the database {url.database or ''} on {url.host or 'localhost'}{port}"


def open_engine(url: URL, *, busy_timeout_s: float, timeout_s: float, create: bool = True) -> Engine:
    """Gives the engine; nothing is connected yet.

    Args:
        url: as `parse_url` gives it.
        busy_timeout_s: SQLite: how long a writer waits for the others.
        timeout_s: a server: how long it may take to connect, to give a free connection, and for each answer.
        create: SQLite: whether the file and its folder are made.

    Raises:
        ConfigurationError: the path cannot be made, or there is no such driver.
        NotFoundError: the file is not there and is not to be made.
        MissingExtraError: the extra postgres is not installed.
    """
    try:
        if url.get_backend_name() == "sqlite":
            return _sqlite_engine(url, busy_timeout_s, create)
        return _server_engine(url, timeout_s)
    except (SQLAlchemyError, NoSuchModuleError, ImportError) as error:
        if url.drivername == _PG8000 and isinstance(error, ImportError):
            raise MissingExtraError("PostgreSQL", "postgres") from None
        what = f"no driver for {url.drivername} databases ({type(error).__name__})"
        raise ConfigurationError(f"{what}: install it, or use a postgresql:// or sqlite:/// URL") from None


def begin_reading(connection: Connection) -> None:
    """Makes all that is read in this transaction one state of the database."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def begin_writing(connection: Connection, timeout_s: float) -> None:
    """Waits until no other writer is at work, and keeps the others out until the transaction ends."""
    if connection.dialect.name == "postgresql":
        # Said by the server before the socket gives up, so that the connection stays usable.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(timeout_s * 800)}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")


def _server_engine(url: URL, timeout_s: float) -> Engine:
    arguments: dict[str, Any] = {}
    if url.drivername == _PG8000:
        arguments = {"timeout": timeout_s, **_pg8000_arguments(url)}
        url = url.difference_update_query(_LIBPQ_ONLY)
        unknown = [name for name in url.query if name not in _PG8000_OPTIONS]
        if unknown:
            raise ConfigurationError(f"DATABASE_URL has options that pg8000 does not take: remove {', '.join(unknown)}")
        url = url if url.username else url.set(username=getpass.getuser())
    elif url.get_backend_name() == "postgresql":
        arguments = {"connect_timeout": max(1, round(timeout_s))}
    # It writes a traceback for each connection that it finds broken; whoever asks is told in a line of ours.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=20,
        pool_recycle=3600,
        pool_timeout=timeout_s,
        insertmanyvalues_page_size=_ROWS_PER_INSERT,
        connect_args=arguments,
    )


def _pg8000_arguments(url: URL) -> dict[str, Any]:
    """Says in pg8000's words what PostgreSQL's URLs say of sockets and encryption.

    See https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS.
    """
    query = {key: value for key, value in url.query.items() if isinstance(value, str)}
    arguments: dict[str, Any] = {}
    if query.get("host", "").startswith("/"):
        arguments["unix_sock"] = f"{query['host']}/.s.PGSQL.{query.get('port') or url.port or 5432}"
    elif "host" in query:
        arguments["host"] = query["host"]
    if query.get("channel_binding") == "require":
        what = "DATABASE_URL asks for channel_binding=require, which pg8000 cannot promise"
        raise ConfigurationError(f"{what}: remove it, and let sslmode=verify-full tell the server from others")
    mode = query.get("sslmode", "prefer")
    # libpq checks the certificate also where "require" comes with those to trust.
    if mode in ("verify-ca", "verify-full") or (mode == "require" and "sslrootcert" in query):
        try:
            context = ssl.create_default_context(cafile=query.get("sslrootcert"))
        except OSError as error:
            what = f"the certificates that sslrootcert names cannot be read ({error.strerror})"
            raise ConfigurationError(f"{what}: correct DATABASE_URL") from None
        context.check_hostname = mode == "verify-full"
        return {**arguments, "ssl_context": context}
    contexts = {"disable": False, "allow": None, "prefer": None, "require": True}
    if mode not in contexts:
        raise ConfigurationError(f"sslmode is none of {', '.join(contexts)}, verify-ca, verify-full: correct the URL")
    return {**arguments, "ssl_context": contexts[mode]}


def _sqlite_engine(url: URL, busy_timeout_s: float, create: bool) -> Engine:
    _require_file(url)
    if create:
        _make_folder(url)
    elif not Path(str(url.database)).exists():
        raise NotFoundError(f"{url.database} is not there yet: run ./poe quickstart")
    engine = create_engine(
        url, pool_size=5, max_overflow=-1, connect_args={"timeout": busy_timeout_s, "isolation_level": None}
    )
    event.listen(engine, "connect", lambda connection, _record: _set_up_sqlite(connection, busy_timeout_s))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _require_file(url: URL) -> None:
    if not url.database or url.database == ":memory:" or url.query.get("uri"):
        raise ConfigurationError("the document store needs a file: write its URL like sqlite:////path/documents.sqlite")


def _make_folder(url: URL) -> None:
    folder = Path(str(url.database)).absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be made ({error.strerror}): set RAG_HOME or DATABASE_URL to another place"
        ) from None


def _set_up_sqlite(connection: Any, busy_timeout_s: float) -> None:
    """Readers beside a writer (WAL), and on the disk before a commit is acknowledged (synchronous=FULL).

    See https://sqlite.org/pragma.html#pragma_synchronous.
    """
    deadline = time.monotonic() + busy_timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            # Of processes that open a new file at once, all but one are told "locked" here without any waiting.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that begins by reading and then writes cannot wait for another writer; it would fail at once.
    writes = connection.get_execution_options().get("rag_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
