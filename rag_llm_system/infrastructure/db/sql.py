"""Raw documents and authors in an SQL database: SQLite as one file, PostgreSQL by the same statements."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, delete, exists, func, insert, literal, select

from rag_llm_system.domain.documents import DOCUMENT_TYPES, Category, Document, DocumentDigest
from rag_llm_system.domain.errors import ConfigurationError, InputError, IntegrityError, NotFoundError
from rag_llm_system.domain.ports.document_store import SaveOutcome
from rag_llm_system.domain.users import UserDocument, folded_name
from rag_llm_system.infrastructure.db.schema_versions import Clock, now_in_utc, require_known, timestamp
from rag_llm_system.infrastructure.db.sql_engines import begin_reading, begin_writing, open_engine, parse_url, place_of
from rag_llm_system.infrastructure.db.sql_erasure import rewrite_files, rewrite_table, told_what_remains
from rag_llm_system.infrastructure.db.sql_errors import own_errors
from rag_llm_system.infrastructure.db.sql_schema import (
    DOCUMENTS,
    SCHEMA_VERSION,
    USERS,
    bring_up_to_date,
    is_complete,
    stored_version,
)

_DOCUMENTS_IN_MEMORY = 4
"""pg8000 holds each several times over: 4 of 100 KB take 4 MB."""

_DIGESTS_IN_MEMORY = 1_000
_KEYS_PER_STATEMENT = 500
"""Databases limit the parameters of a statement; SQLite before 3.32 to 999."""

_REWRITING_TIMEOUT_S = 3600.0
"""A server's answer to that comes when it is done, and a table may be large."""


class SqlDocumentStore:
    """`DocumentStore`, `ErasingStore` and `UserStore` over SQLAlchemy. Missing tables, and SQLite's file, are made.

    Where the tables are there, opening only reads: a user who may only read, or a replica, is enough for that. Tables
    of an earlier release are brought up to date when they are opened, unless `create` is false or this user may not
    write: then they are read as they are, with a `saved_at` of "", until something is written after all.

    Threads and processes may share a database: readers never wait, writers take turns. PostgreSQL cannot hold U+0000
    in what documents are looked up by (id, link, author) and no link above about 2,700 bytes; texts may hold anything.

    Args:
        url: such as "sqlite:////home/ada/.rag/documents.sqlite" or "postgresql://ada:secret@host/twin".
        busy_timeout_s: SQLite: how long a writer waits for the others before it gives up.
        timeout_s: a server: how long it may take to connect, and for each answer.
        create: whether what is missing is made.
        clock: gives the time that documents are stored at.

    Raises:
        NotFoundError: something is missing and is not to be made.
        ConfigurationError: the URL, the path, the password or the database's name cannot be used, or a newer release
            made the tables.
        MissingExtraError: the extra postgres is not installed.
        IntegrityError: the file is there and is not a database.
        BackendUnavailableError: the database is away or locked.
    """

    def __init__(
        self,
        url: str,
        *,
        busy_timeout_s: float = 30.0,
        timeout_s: float = 10.0,
        create: bool = True,
        clock: Clock = now_in_utc,
    ) -> None:
        self._url = parse_url(url)
        self._place = place_of(self._url)
        self._busy_timeout_s = busy_timeout_s
        self._timeout_s = timeout_s
        self._clock = clock
        self._version = 0  # not known yet
        self._engine = open_engine(self._url, busy_timeout_s=busy_timeout_s, timeout_s=timeout_s, create=create)
        try:
            self._version = self._prepared_version(create)
        except BaseException:
            self.close()
            raise

    def save(self, documents: Sequence[Document]) -> SaveOutcome:
        """Inserts or replaces; see the port. Of two documents with one link in a call the last counts.

        Raises:
            InputError: a document cannot be held, such as text that is not Unicode; nothing is saved.
        """
        return self.save_dated(documents, {})

    def save_dated(self, documents: Sequence[Document], saved_at: Mapping[str, str]) -> SaveOutcome:
        """Saves documents that were stored elsewhere before, at the times given by id; see `DatedStore`.

        Raises:
            InputError: a document cannot be held, such as text that is not Unicode; nothing is saved.
        """
        rows: dict[Category, list[_DocumentRow]] = {}
        for document in documents:
            rows.setdefault(document.category, []).append(_DocumentRow.of(document))
        outcome = SaveOutcome()
        if not rows:
            return outcome
        with self._writing() as connection:
            now = timestamp(self._clock)
            for category, of_category in rows.items():
                outcome += _save_rows(connection, DOCUMENTS[category], of_category, saved_at, now)
        return outcome

    def find(
        self, category: Category, *, ids: Sequence[str] | None = None, author_ids: Sequence[str] | None = None
    ) -> Iterator[Document]:
        """Gives the documents in the order of their ids; what is saved meanwhile does not show.

        Raises:
            IntegrityError: a stored document cannot be read.
        """
        table = DOCUMENTS[category]
        document_type = DOCUMENT_TYPES[category]
        query = select(table.c.id, table.c.body)
        for row in self._stream(query, table, ids, author_ids, _DOCUMENTS_IN_MEMORY):
            try:
                yield document_type.model_validate_json(row.body)
            except ValidationError:
                what = f"document {row.id} in {category} cannot be read from {self._place}"
                raise IntegrityError(
                    f"{what}: restore a backup, or move the store away and ingest everything again"
                ) from None

    def digests(self, category: Category, *, author_ids: Sequence[str] | None = None) -> Iterator[DocumentDigest]:
        """Gives the digests in the order of their ids, without reading the documents."""
        table = DOCUMENTS[category]
        saved_at = table.c.saved_at if self._version == SCHEMA_VERSION else literal("").label("saved_at")
        query = select(table.c.id, table.c.author_id, table.c.content_hash, table.c.link, saved_at)
        for row in self._stream(query, table, None, author_ids, _DIGESTS_IN_MEMORY):
            yield DocumentDigest(category=category, **row._mapping)

    def delete(self, category: Category, ids: Sequence[str]) -> int:
        """Removes the documents and says how many there were."""
        if not ids:
            return 0
        with self._writing() as connection:
            return _delete_ids(connection, DOCUMENTS[category], ids)

    def erase(self, category: Category, ids: Sequence[str]) -> int:
        """Removes the documents without a trace; see the port, and `sql_erasure` for what is beyond it."""
        if not ids:
            return 0
        with self._writing() as connection:
            n_removed = _delete_ids(connection, DOCUMENTS[category], ids)
        self._rewrite(DOCUMENTS[category])
        return n_removed

    def erase_users(self, ids: Sequence[str]) -> int:
        """Removes those authors who have no document, without a trace."""
        if not ids:
            return 0
        with self._writing() as connection:
            has_document = [exists().where(table.c.author_id == USERS.c.id) for table in DOCUMENTS.values()]
            n_removed = _delete_ids(connection, USERS, ids, *(~owns for owns in has_document))
        self._rewrite(USERS)
        return n_removed

    def count(self, category: Category) -> int:
        """Counts the documents."""
        with self._reading() as connection:
            return connection.execute(select(func.count()).select_from(DOCUMENTS[category])).scalar_one()

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
        query = select(USERS.c.body).where(USERS.c.folded_name == folded_name(full_name)).order_by(USERS.c.id).limit(1)
        with self._reading() as connection:
            body = connection.execute(query).scalar()
        if body is None:
            with self._writing() as connection:
                body = connection.execute(query).scalar()
                if body is None:
                    user = UserDocument.from_full_name(full_name)
                    _replace(connection, USERS, [_user_row(user)])
                    return user
        return UserDocument.model_validate_json(body)

    def save_users(self, users: Iterable[UserDocument]) -> None:
        """Inserts or replaces by id; of two users with one id the last counts."""
        rows = {user.id: _user_row(user) for user in users}
        if rows:
            with self._writing() as connection:
                _replace(connection, USERS, list(rows.values()))

    def users(self) -> list[UserDocument]:
        """Gives all users in the order of their ids."""
        with self._reading() as connection:
            bodies = connection.execute(select(USERS.c.body).order_by(USERS.c.id)).scalars()
            return [UserDocument.model_validate_json(body) for body in bodies]

    def _prepared_version(self, create: bool) -> int:
        """Gives the version of the tables, made or brought up to date where that is wanted and allowed."""
        with self._reading() as connection:
            version, is_there = stored_version(connection), is_complete(connection)
        require_known(version, SCHEMA_VERSION, self._place)
        if not is_there and not create:
            raise NotFoundError(f"{self._place} holds no documents yet: run ./poe quickstart")
        if create and not (is_there and version == SCHEMA_VERSION):
            try:
                with self._writing():  # brings them up to date
                    return SCHEMA_VERSION
            except ConfigurationError:
                if not is_there:
                    raise
        return version

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with own_errors(self._place), self._engine.connect() as connection:
            begin_reading(connection)
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with own_errors(self._place), self._engine.connect() as connection:
            connection = connection.execution_options(rag_writes=True)
            with connection.begin():
                begin_writing(connection, self._timeout_s)
                if self._version != SCHEMA_VERSION:
                    bring_up_to_date(connection, self._place, timestamp(self._clock))
                yield connection
            self._version = SCHEMA_VERSION

    def _rewrite(self, table: Table) -> None:
        if self._url.get_backend_name() == "sqlite":
            with told_what_remains():
                rewrite_files(self._engine, self._place, timeout_s=self._busy_timeout_s)
            return
        engine = open_engine(self._url, busy_timeout_s=self._busy_timeout_s, timeout_s=_REWRITING_TIMEOUT_S)
        try:
            with told_what_remains():
                rewrite_table(engine, table, self._place, timeout_s=self._timeout_s)
        finally:
            engine.dispose()

    def _stream(
        self,
        query: Select[Any],
        table: Table,
        ids: Sequence[str] | None,
        author_ids: Sequence[str] | None,
        n_in_memory: int,
    ) -> Iterator[Row[Any]]:
        query = query.order_by(table.c.id)
        if author_ids is not None:
            query = query.where(table.c.author_id.in_(sorted({*author_ids})))
        queries: Iterable[Select[Any]] = [query]
        if ids is not None:
            queries = (query.where(table.c.id.in_(part)) for part in _parts(sorted({*ids})))
        with self._reading() as connection:
            for part in queries:
                yield from connection.execution_options(yield_per=n_in_memory).execute(part)


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

    def values(self, saved_at: str) -> dict[str, str]:
        names = ("id", "link", "author_id", "content_hash", "body")
        return {**{name: getattr(self, name) for name in names}, "saved_at": saved_at}


def _save_rows(
    connection: Connection, table: Table, rows: Sequence[_DocumentRow], saved_at: Mapping[str, str], now: str
) -> SaveOutcome:
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
        pending[row.id] = row.values(saved_at.get(given.id) or now)
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
        # Asking for the ids back makes SQLAlchemy send many rows in one statement.
        connection.execute(insert(table).returning(table.c.id), rows).all()


def _delete_ids(connection: Connection, table: Table, ids: Sequence[str], *conditions: ColumnElement[bool]) -> int:
    parts = _parts(sorted({*ids}))
    return sum(connection.execute(delete(table).where(table.c.id.in_(part), *conditions)).rowcount for part in parts)


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _KEYS_PER_STATEMENT):
        yield keys[start : start + _KEYS_PER_STATEMENT]


def _user_row(user: UserDocument) -> dict[str, str]:
    return {"id": user.id, "folded_name": folded_name(user.full_name), "body": user.model_dump_json()}
