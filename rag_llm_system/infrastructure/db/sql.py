"""Raw documents and authors in an SQL database: SQLite as one file, PostgreSQL by the same statements.

Every category has a table of its own. A row holds the document as JSON, to the letter, and beside it what documents
are looked up by: id, link, author and content hash.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import (
    Column,
    Connection,
    Index,
    MetaData,
    Row,
    Select,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    inspect,
    select,
)

from rag_llm_system.domain.documents import DOCUMENT_TYPES, Category, Document, DocumentDigest
from rag_llm_system.domain.errors import InputError, IntegrityError, NotFoundError
from rag_llm_system.domain.ports.document_store import SaveOutcome
from rag_llm_system.domain.users import UserDocument, folded_name
from rag_llm_system.infrastructure.db.sql_engines import begin_reading, begin_writing, open_engine, parse_url, place_of
from rag_llm_system.infrastructure.db.sql_errors import own_errors

_DOCUMENTS_IN_MEMORY = 4
"""pg8000 holds each several times over: 4 of 100 KB take 4 MB."""

_DIGESTS_IN_MEMORY = 1_000
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
    """`DocumentStore` and `UserStore` over SQLAlchemy. Missing tables, and SQLite's file and folder, are made.

    Where the tables are there, opening only reads: a user who may only read, or a replica, is enough for that.

    Threads and processes may share a database: readers never wait, writers take turns. PostgreSQL cannot hold U+0000
    in what documents are looked up by (id, link, author) and no link above about 2,700 bytes; texts may hold anything.

    Args:
        url: such as "sqlite:////home/ada/.rag/documents.sqlite" or "postgresql://ada:secret@host/twin".
        busy_timeout_s: SQLite: how long a writer waits for the others before it gives up.
        timeout_s: a server: how long it may take to connect, and for each answer.
        create: whether what is missing is made.

    Raises:
        NotFoundError: something is missing and is not to be made.
        ConfigurationError: the URL, the path, the password or the database's name cannot be used.
        MissingExtraError: the extra postgres is not installed.
        IntegrityError: the file is there and is not a database.
        BackendUnavailableError: the database is away or locked.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 30.0, timeout_s: float = 10.0, create: bool = True) -> None:
        parsed = parse_url(url)
        self._place = place_of(parsed)
        self._timeout_s = timeout_s
        self._engine = open_engine(parsed, busy_timeout_s=busy_timeout_s, timeout_s=timeout_s, create=create)
        try:
            self._require_tables(create)
        except BaseException:
            self.close()
            raise

    def save(self, documents: Sequence[Document]) -> SaveOutcome:
        """Inserts or replaces; see the port. Of two documents with one link in a call the last counts.

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
            for category, of_category in rows.items():
                outcome += _save_rows(connection, _DOCUMENTS[category], of_category)
        return outcome

    def find(
        self, category: Category, *, ids: Sequence[str] | None = None, author_ids: Sequence[str] | None = None
    ) -> Iterator[Document]:
        """Gives the documents in the order of their ids; what is saved meanwhile does not show.

        Raises:
            IntegrityError: a stored document cannot be read.
        """
        table = _DOCUMENTS[category]
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
        table = _DOCUMENTS[category]
        query = select(table.c.id, table.c.author_id, table.c.content_hash)
        for row in self._stream(query, table, None, author_ids, _DIGESTS_IN_MEMORY):
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

    def _require_tables(self, create: bool) -> None:
        with self._reading() as connection:
            inspector = inspect(connection)
            if all(inspector.has_table(name) for name in _METADATA.tables):
                return
        if not create:
            raise NotFoundError(f"{self._place} holds no documents yet: run ./poe quickstart")
        with self._writing() as connection:  # whoever waited for the lock looks again
            _METADATA.create_all(connection)

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
                yield connection

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
        # Asking for the ids back makes SQLAlchemy send many rows in one statement.
        connection.execute(insert(table).returning(table.c.id), rows).all()


def _delete_ids(connection: Connection, table: Table, ids: Sequence[str]) -> int:
    return sum(
        connection.execute(delete(table).where(table.c.id.in_(part))).rowcount for part in _parts(sorted({*ids}))
    )


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _KEYS_PER_STATEMENT):
        yield keys[start : start + _KEYS_PER_STATEMENT]


def _user_row(user: UserDocument) -> dict[str, str]:
    return {"id": user.id, "folded_name": folded_name(user.full_name), "body": user.model_dump_json()}
