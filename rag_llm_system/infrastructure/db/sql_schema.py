"""The tables of raw documents and authors, and the steps that make those of earlier releases into them.

Every category has a table of its own. A row holds the document as JSON, to the letter, and beside it what documents
are looked up by: id, link, author, content hash, and when it was stored.
"""

from collections.abc import Callable

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    update,
)

from rag_llm_system.domain.documents import Category
from rag_llm_system.infrastructure.db.schema_versions import require_known

# Ids are compared by code points everywhere, so that every database gives the same order as Python.
_KEY = String().with_variant(String(collation="C"), "postgresql")
_METADATA = MetaData()


def _document_table(category: Category) -> Table:
    link = Column("link", Text, nullable=False)
    named = link != ""
    return Table(
        str(category),
        _METADATA,
        Column("id", _KEY, primary_key=True),
        link,
        Column("author_id", Text, nullable=False, index=True),
        Column("content_hash", Text, nullable=False),
        Column("body", Text, nullable=False),
        # Earlier releases, which may be at work beside this one, write rows without it.
        Column("saved_at", Text, nullable=False, server_default=""),
        Index(f"ix_{category}_link", link, unique=True, sqlite_where=named, postgresql_where=named),
    )


DOCUMENTS = {category: _document_table(category) for category in Category}
USERS = Table(
    "users",
    _METADATA,
    Column("id", _KEY, primary_key=True),
    Column("folded_name", Text, nullable=False, index=True),
    Column("body", Text, nullable=False),
)
_MARK = Table("rag_schema", MetaData(), Column("version", Integer, nullable=False))
"""PostgreSQL: one row. SQLite has a place for the number in the file's header."""


def is_complete(connection: Connection) -> bool:
    """Says whether all tables are there, whatever their version."""
    inspector = inspect(connection)
    return all(inspector.has_table(name) for name in _METADATA.tables)


def stored_version(connection: Connection) -> int:
    """Gives the version of the tables; those of the first release say none, and where there are none it is 1 too."""
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql("PRAGMA user_version").scalar_one() or 1
    if not inspect(connection).has_table(_MARK.name):
        return 1
    return connection.execute(select(_MARK.c.version)).scalar() or 1


def bring_up_to_date(connection: Connection, place: str, now: str) -> None:
    """Makes what is missing, and takes what is older up to this version: all of it or, if that fails, nothing.

    Args:
        connection: within a transaction that keeps other writers out.
        place: names the database in messages.
        now: ISO 8601, UTC: for what was stored at a time that nobody knows.

    Raises:
        ConfigurationError: a newer release made the tables.
    """
    version = stored_version(connection)
    require_known(version, SCHEMA_VERSION, place)
    if version == SCHEMA_VERSION and is_complete(connection):
        return
    for step in _STEPS[version - 1 :]:
        step(connection, now)
    _METADATA.create_all(connection)
    _mark(connection)


def _mark(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return
    _MARK.create(connection, checkfirst=True)
    if connection.execute(update(_MARK).values(version=SCHEMA_VERSION)).rowcount == 0:
        connection.execute(insert(_MARK).values(version=SCHEMA_VERSION))
    if connection.dialect.name == "postgresql":
        # Whoever may only read the tables has to know their version too.
        connection.exec_driver_sql(f"GRANT SELECT ON {_MARK.name} TO PUBLIC")


def _add_saved_at(connection: Connection, now: str) -> None:
    inspector = inspect(connection)
    for table in DOCUMENTS.values():
        if not inspector.has_table(table.name):
            continue
        if any(column["name"] == "saved_at" for column in inspector.get_columns(table.name)):
            continue
        add = f"ALTER TABLE {table.name} ADD COLUMN saved_at TEXT NOT NULL DEFAULT"
        if connection.dialect.name == "postgresql":  # at once, however many rows there are
            connection.exec_driver_sql(f"{add} '{now}'")
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ALTER COLUMN saved_at SET DEFAULT ''")
        else:
            connection.exec_driver_sql(f"{add} ''")
            connection.execute(update(table).values(saved_at=now))


_STEPS: tuple[Callable[[Connection, str], None], ...] = (_add_saved_at,)
"""The first takes version 1 to 2, the next 2 to 3, and so on: another one is a function and its name here."""

SCHEMA_VERSION = 1 + len(_STEPS)
