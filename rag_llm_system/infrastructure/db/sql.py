"""Raw documents and authors in an SQL database: SQLite as one file, PostgreSQL by the same statements.

Every category has a table of its own. A row holds the document as JSON, to the letter, and beside it what documents
are looked up by: id, link, author and content hash.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Index,
    MetaData,
    Row,
    Select,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from rag_llm_system.domain.documents import DOCUMENT_TYPES, Category, Document, DocumentDigest
from rag_llm_system.domain.errors import ConfigurationError, InputError, IntegrityError
from rag_llm_system.domain.ports.document_store import SaveOutcome
from rag_llm_system.domain.users import UserDocument, folded_name
from rag_llm_system.infrastructure.db.sql_errors import own_errors

_ROWS_IN_MEMORY = 16
_KEYS_PER_STATEMENT = 500
"""Databases limit the parameters of a statement; SQLite before 3.32 to 999."""

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
        Index(f"ix_{category}_link", link, unique=True, sqlite_where=named, postgresql_where=named),
    )


_DOCUMENTS = {category: _document_table(category) for category in Category}
_USERS = Table(
    "users",
    _METADATA,
    Column("id", _KEY, primary_key=True),
    Column("folded_name", Text, nullable=False, index=True),
    Column("body", Text, nullable=False),
)


class SqlDocumentStore:
    """`DocumentStore` and `UserStore` over SQLAlchemy. Tables, and for SQLite the file and its folder, are made.

    Threads and processes may share a database: readers never wait, writers take turns.

    Args:
        url: an SQLAlchemy URL, such as "sqlite:////home/ada/.rag/documents.sqlite".
        busy_timeout_s: how long a writer waits for the others before it gives up.

    Raises:
        ConfigurationError: the URL or the path cannot be used.
        IntegrityError: the file is there and is not a database.
        BackendUnavailableError: the database is away or locked.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 30.0) -> None:
        parsed = _parse_url(url)
        self._place = _place(parsed)
        self._engine = _open_engine(parsed, busy_timeout_s)
        with self._writing() as connection:
            _METADATA.create_all(connection)

    def save(self, documents: Sequence[Document]) -> SaveOutcome:
        """Inserts or replaces; see the port. Of two documents with one link in a call the last counts.

        Raises:
            InputError: a document holds text that is not Unicode; nothing is saved.
        """
        rows: dict[Category, list[_DocumentRow]] = {}
        for document in documents:
            rows.setdefault(document.category, []).append(_DocumentRow.of(document))
        outcome = SaveOutcome()
        if not rows:
            return outcome
        with self._writing() as connection:
            for category, of_category in rows.items():
                outcome += _save_rows(connection, _DOCUMENTS[category], of_category)
        return outcome

    def find(
        self, category: Category, *, ids: Sequence[str] | None = None, author_ids: Sequence[str] | None = None
    ) -> Iterator[Document]:
        """Gives the documents in the order of their ids; what is saved meanwhile does not show (SQLite).

        Raises:
            IntegrityError: a stored document cannot be read.
        """
        table = _DOCUMENTS[category]
        document_type = DOCUMENT_TYPES[category]
        query = select(table.c.id, table.c.body)
        for row in self._stream(query, table, ids, author_ids):
            try:
                yield document_type.model_validate_json(row.body)
            except ValidationError:
                what = f"document {row.id} in {category} cannot be read from {self._place}"
                raise IntegrityError(
                    f"{what}: restore a backup, or move the store away and ingest everything again"
                ) from None

    def digests(self, category: Category, *, author_ids: Sequence[str] | None = None) -> Iterator[DocumentDigest]:
        """Gives the digests in the order of their ids, without reading the documents."""
        table = _DOCUMENTS[category]
        query = select(table.c.id, table.c.author_id, table.c.content_hash)
        for row in self._stream(query, table, None, author_ids):
            yield DocumentDigest(id=row.id, category=category, author_id=row.author_id, content_hash=row.content_hash)

    def delete(self, category: Category, ids: Sequence[str]) -> int:
        """Removes the documents and says how many there were."""
        if not ids:
            return 0
        with self._writing() as connection:
            return _delete_ids(connection, _DOCUMENTS[category], ids)

    def count(self, category: Category) -> int:
        """Counts the documents."""
        with self._reading() as connection:
            return connection.execute(select(func.count()).select_from(_DOCUMENTS[category])).scalar_one()

    def close(self) -> None:
        """Releases connections; the store is not used afterwards."""
        self._engine.dispose()

    def get_or_create(self, full_name: str) -> UserDocument:
        """Gives the user of that name, made and stored if there is none; of several the one with the lowest id.

        Raises:
            InputError: the name is blank.
        """
        if not full_name.strip():
            raise InputError("an author's name must not be blank: give a first and a last name")
        query = (
            select(_USERS.c.body).where(_USERS.c.folded_name == folded_name(full_name)).order_by(_USERS.c.id).limit(1)
        )
        with self._reading() as connection:
            body = connection.execute(query).scalar()
        if body is None:
            with self._writing() as connection:
                body = connection.execute(query).scalar()
                if body is None:
                    user = UserDocument.from_full_name(full_name)
                    _replace(connection, _USERS, [_user_row(user)])
                    return user
        return UserDocument.model_validate_json(body)

    def save_users(self, users: Iterable[UserDocument]) -> None:
        """Inserts or replaces by id; of two users with one id the last counts."""
        rows = {user.id: _user_row(user) for user in users}
        if rows:
            with self._writing() as connection:
                _replace(connection, _USERS, list(rows.values()))

    def users(self) -> list[UserDocument]:
        """Gives all users in the order of their ids."""
        with self._reading() as connection:
            bodies = connection.execute(select(_USERS.c.body).order_by(_USERS.c.id)).scalars()
            return [UserDocument.model_validate_json(body) for body in bodies]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with own_errors(self._place), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with own_errors(self._place), self._engine.connect() as connection:
            connection = connection.execution_options(rag_writes=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")
                yield connection

    def _stream(
        self, query: Select[Any], table: Table, ids: Sequence[str] | None, author_ids: Sequence[str] | None
    ) -> Iterator[Row[Any]]:
        query = query.order_by(table.c.id)
        if author_ids is not None:
            query = query.where(table.c.author_id.in_(sorted({*author_ids})))
        queries: Iterable[Select[Any]] = [query]
        if ids is not None:
            queries = (query.where(table.c.id.in_(part)) for part in _parts(sorted({*ids})))
        with self._reading() as connection:
            for part in queries:
                yield from connection.execution_options(yield_per=_ROWS_IN_MEMORY).execute(part)


_WRITERS_LOCK = 7163942
"""PostgreSQL: any number that stands for "writing documents", so that writers take turns as they do in SQLite."""


@dataclass(frozen=True, slots=True)
class _DocumentRow:
    id: str
    link: str
    author_id: str
    content_hash: str
    body: str

    @classmethod
    def of(cls, document: Document) -> "_DocumentRow":
        try:
            digest, body = document.content_hash(), document.model_dump_json()
        except ValueError:  # pydantic's error for lone surrogates, which no UTF-8 can hold
            raise InputError(f"document {document.id} holds text that is not Unicode: decode it again") from None
        return cls(document.id, document.link, document.author_id, digest, body)

    def with_id(self, known_id: str) -> "_DocumentRow":
        if known_id == self.id:
            return self
        body = json.dumps({**json.loads(self.body), "id": known_id}, ensure_ascii=False, separators=(",", ":"))
        return _DocumentRow(known_id, self.link, self.author_id, self.content_hash, body)

    def values(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in ("id", "link", "author_id", "content_hash", "body")}


def _save_rows(connection: Connection, table: Table, rows: Sequence[_DocumentRow]) -> SaveOutcome:
    hashes, ids_by_link = _known_rows(connection, table, rows)
    links = {known_id: link for link, known_id in ids_by_link.items()}
    pending: dict[str, dict[str, str]] = {}
    n_new = n_changed = 0
    for given in rows:
        row = given.with_id(ids_by_link.get(given.link, given.id))
        if hashes.get(row.id) == row.content_hash:
            continue
        n_changed += row.id in hashes
        n_new += row.id not in hashes
        hashes[row.id] = row.content_hash
        ids_by_link.pop(links.get(row.id, ""), None)
        if row.link:
            ids_by_link[row.link] = row.id
            links[row.id] = row.link
        pending[row.id] = row.values()
    _replace(connection, table, list(pending.values()))
    return SaveOutcome(n_new, n_changed, len(rows) - n_new - n_changed)


def _known_rows(
    connection: Connection, table: Table, rows: Sequence[_DocumentRow]
) -> tuple[dict[str, str], dict[str, str]]:
    """Gives the content hashes by id, and the ids by link, of the stored rows that the given ones may replace."""
    hashes: dict[str, str] = {}
    ids_by_link: dict[str, str] = {}
    wanted = ((table.c.id, {row.id for row in rows}), (table.c.link, {row.link for row in rows if row.link}))
    for column, keys in wanted:
        for part in _parts(sorted(keys)):
            query = select(table.c.id, table.c.link, table.c.content_hash).where(column.in_(part))
            for known in connection.execute(query):
                hashes[known.id] = known.content_hash
                if known.link:
                    ids_by_link[known.link] = known.id
    return hashes, ids_by_link


def _replace(connection: Connection, table: Table, rows: list[dict[str, str]]) -> None:
    if rows:
        _delete_ids(connection, table, [row["id"] for row in rows])
        connection.execute(insert(table), rows)


def _delete_ids(connection: Connection, table: Table, ids: Sequence[str]) -> int:
    return sum(
        connection.execute(delete(table).where(table.c.id.in_(part))).rowcount for part in _parts(sorted({*ids}))
    )


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _KEYS_PER_STATEMENT):
        yield keys[start : start + _KEYS_PER_STATEMENT]


def _user_row(user: UserDocument) -> dict[str, str]:
    return {"id": user.id, "folded_name": folded_name(user.full_name), "body": user.model_dump_json()}


def _parse_url(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "the document store's URL cannot be read: write it like sqlite:////path/to/documents.sqlite"
        ) from None


def _place(url: URL) -> str:
    """Names the database in messages, without user or password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"the database {url.database or ''} on {url.host or 'localhost'}"


def _open_engine(url: URL, busy_timeout_s: float) -> Engine:
    try:
        if url.get_backend_name() != "sqlite":
            return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, pool_recycle=3600)
        _make_folder(url)
        engine = create_engine(
            url, pool_size=5, max_overflow=-1, connect_args={"timeout": busy_timeout_s, "isolation_level": None}
        )
    except (SQLAlchemyError, NoSuchModuleError, ImportError) as error:
        what = f"no driver for {url.get_backend_name()} databases ({type(error).__name__})"
        raise ConfigurationError(f"{what}: install it, or use an sqlite:/// URL") from None
    event.listen(engine, "connect", lambda connection, _record: _set_up_sqlite(connection, busy_timeout_s))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_folder(url: URL) -> None:
    if not url.database or url.database == ":memory:" or url.query.get("uri"):
        raise ConfigurationError("the document store needs a file: write its URL like sqlite:////path/documents.sqlite")
    folder = Path(url.database).absolute().parent
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
