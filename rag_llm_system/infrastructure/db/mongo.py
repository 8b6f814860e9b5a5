"""Raw documents and authors in MongoDB, in the collections and fields of the LLM Engineer's Handbook."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from rag_llm_system.domain.documents import Category, Document, DocumentDigest
from rag_llm_system.domain.errors import (
    BackendUnavailableError,
    ConfigurationError,
    InputError,
    IntegrityError,
    MissingExtraError,
)
from rag_llm_system.domain.ports.document_store import SaveOutcome
from rag_llm_system.domain.users import UserDocument, folded_name
from rag_llm_system.infrastructure.db.mongo_errors import is_duplicate, own_errors
from rag_llm_system.infrastructure.db.mongo_items import ForeignReader, document_of, item_of, item_of_user, user_of

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.collection import Collection

_USERS = "users"
_DOCUMENTS_PER_PAGE = 32
_DIGESTS_PER_PAGE = 1_000
_KEYS_PER_REQUEST = 500
_ATTEMPTS = 10
"""Each ends because another writer stored the same id or link first; then this one reads again what is there."""

_Item = dict[str, Any]


class MongoDocumentStore:
    """`DocumentStore` and `UserStore` over pymongo: one pooled client; missing indexes are made at the start.

    It differs from the port in this: a server that is no replica set changes one document at a time. Documents of a
    call are written in the order they were given, so a call that is cut off leaves the first of them, each whole, and
    the same call again writes the others and doubles nothing. Reading goes page by page: a document that others change
    meanwhile is given as it was or as it became, whole and once.

    Items that another program wrote have no `content_hash`; it is then computed at every reading. Whoever changes an
    item by hand removes its `content_hash`, and the change is found. Their authors are read once and kept, until a user
    is saved here.

    Args:
        uri: mongodb:// or mongodb+srv://. Its options count before the defaults here: writes are acknowledged by the
            majority and from the journal.
        database_name: the database.
        timeout_s: how long may be looked for a server, connected, waited for a free connection, and for each answer.
        read_foreign: gives the document of an item that another program wrote. None: such items are refused.
        create: whether missing indexes are made; those that are there are never touched.

    Raises:
        MissingExtraError: the extra mongo is not installed.
        ConfigurationError: address, options, password or rights are not as they must be.
        BackendUnavailableError: the server is away.
        IntegrityError: the database holds ids that are no texts, or several documents of one link.
    """

    def __init__(
        self,
        uri: str,
        *,
        database_name: str = "twin",
        timeout_s: float = 10.0,
        read_foreign: ForeignReader | None = None,
        create: bool = True,
    ) -> None:
        self._place = f"the database {database_name} on {_host(uri)}"
        self._read_foreign = read_foreign or _refuse_foreign
        self._known_users: dict[str, UserDocument] | None = None
        self._known_users_lock = Lock()
        self._client = _open_client(uri, timeout_s)
        try:
            with own_errors(self._place):
                database = self._client[database_name]
                self._documents = {category: database[str(category)] for category in Category}
                self._users = database[_USERS]
                for collection in (*self._documents.values(), self._users):
                    self._require_text_ids(collection)
                if create:
                    self._make_indexes()
        except BaseException:
            self.close()
            raise

    def save(self, documents: Sequence[Document]) -> SaveOutcome:
        """Inserts or replaces, in the order given; see the port. Of two documents with one link the last counts.

        Raises:
            InputError: a document holds text that is not Unicode, or is above 16 MB; nothing is saved.
        """
        items: dict[Category, list[_Item]] = {}
        for document in documents:
            items.setdefault(document.category, []).append(item_of(document))
        outcome = SaveOutcome()
        with own_errors(self._place):
            for category, of_category in items.items():
                outcome += self._save_items(self._documents[category], of_category)
        return outcome

    def find(
        self, category: Category, *, ids: Sequence[str] | None = None, author_ids: Sequence[str] | None = None
    ) -> Iterator[Document]:
        """Gives the documents in the order of their ids.

        Raises:
            IntegrityError: a stored document cannot be read.
        """
        for item in self._stream(category, ids, author_ids, None, _DOCUMENTS_PER_PAGE):
            yield document_of(category, item, self._users_by_id, self._read_foreign)

    def digests(self, category: Category, *, author_ids: Sequence[str] | None = None) -> Iterator[DocumentDigest]:
        """Gives the digests in the order of their ids; only items that others wrote are read for that."""
        for item in self._stream(category, None, author_ids, ("author_id", "content_hash"), _DIGESTS_PER_PAGE):
            digest = item.get("content_hash")
            if digest is None:
                for whole in self._stream(category, [item["_id"]], None, None, 1):
                    digest = document_of(category, whole, self._users_by_id, self._read_foreign).content_hash()
            if digest is not None:
                yield DocumentDigest(
                    id=item["_id"], category=category, author_id=str(item.get("author_id")), content_hash=digest
                )

    def delete(self, category: Category, ids: Sequence[str]) -> int:
        """Removes the documents and says how many there were."""
        with own_errors(self._place):
            return sum(
                self._documents[category].delete_many({"_id": {"$in": part}}).deleted_count
                for part in _parts(ids, _KEYS_PER_REQUEST)
            )

    def count(self, category: Category) -> int:
        """Counts the documents."""
        with own_errors(self._place):
            return self._documents[category].count_documents({})

    def close(self) -> None:
        """Releases connections; the store is not used afterwards."""
        self._client.close()

    def get_or_create(self, full_name: str) -> UserDocument:
        """Gives the user of that name, made and stored if there is none; of several the one with the lowest id.

        Raises:
            InputError: the name is blank.
        """
        if not full_name.strip():
            raise InputError("an author's name must not be blank: give a first and a last name")
        with own_errors(self._place):
            known = self._user_named(full_name)
        if known:
            return known
        user = UserDocument.from_full_name(full_name)
        self.save_users([user])
        return user

    def save_users(self, users: Iterable[UserDocument]) -> None:
        """Inserts or replaces by id; of two users with one id the last counts."""
        items = {user.id: item_of_user(user) for user in users}
        with own_errors(self._place):
            for _ in range(_ATTEMPTS):
                if self._written(self._users, list(items.values())):
                    with self._known_users_lock:
                        self._known_users = None
                    return
        raise self._too_many_writers()

    def users(self) -> list[UserDocument]:
        """Gives all users in the order of their ids."""
        with own_errors(self._place):
            return [user_of(item) for item in self._users.find(sort=[("_id", 1)])]

    def _require_text_ids(self, collection: "Collection[_Item]") -> None:
        # MongoDB orders ids by type first: where the first and the last are texts, all are.
        for direction in (1, -1):
            item = collection.find_one({}, {"_id": 1}, sort=[("_id", direction)])
            if item and not isinstance(item["_id"], str):
                what = f"{collection.name} in {self._place} have ids that are no texts"
                way = "export it with the tool that wrote it, then run poe run-import-data-warehouse-from-json"
                raise IntegrityError(f"{what}: choose another DATABASE_NAME; {way}")

    def _make_indexes(self) -> None:
        for collection in self._documents.values():
            _make_index(collection, "author_id")
            _make_index(collection, "link", unique=True, partialFilterExpression={"link": {"$gt": ""}})
        _make_index(self._users, "folded_name")

    def _save_items(self, collection: "Collection[_Item]", items: Sequence[_Item]) -> SaveOutcome:
        counted: SaveOutcome | None = None
        for _ in range(_ATTEMPTS):
            outcome, changed = _plan(*self._known(collection, items), items)
            counted = counted or outcome
            if self._written(collection, changed):
                return counted
        raise self._too_many_writers()

    def _known(
        self, collection: "Collection[_Item]", items: Sequence[_Item]
    ) -> tuple[dict[str, str | None], dict[str, str]]:
        """Gives the content hashes by id, and the ids by link, of the stored items that the given ones may replace."""
        hashes: dict[str, str | None] = {}
        ids_by_link: dict[str, str] = {}
        queries: list[_Item] = [
            {"_id": {"$in": part}} for part in _parts([item["_id"] for item in items], _KEYS_PER_REQUEST)
        ]
        links = [item["link"] for item in items if item["link"]]
        # A server uses the partial index only for queries that ask for no more than it holds.
        queries += [{"link": {"$in": part, "$gt": ""}} for part in _parts(links, _KEYS_PER_REQUEST)]
        for query in queries:
            for known in collection.find(query, {"link": 1, "content_hash": 1}):
                hashes[known["_id"]] = known.get("content_hash")
                if known.get("link"):
                    ids_by_link[known["link"]] = known["_id"]
        return hashes, ids_by_link

    def _written(self, collection: "Collection[_Item]", items: Sequence[_Item]) -> bool:
        """Writes the items in their order; false where another writer was first with an id or a link."""
        from pymongo import ReplaceOne
        from pymongo.errors import BulkWriteError

        if not items:
            return True
        try:
            collection.bulk_write([ReplaceOne({"_id": item["_id"]}, item, upsert=True) for item in items])
        except BulkWriteError as error:
            if not is_duplicate(error):
                raise
            return False
        return True

    def _too_many_writers(self) -> BackendUnavailableError:
        return BackendUnavailableError(f"{self._place}: others are saving the same documents: try again when they end")

    def _stream(
        self,
        category: Category,
        ids: Sequence[str] | None,
        author_ids: Sequence[str] | None,
        fields: Sequence[str] | None,
        n_per_page: int,
    ) -> Iterator[_Item]:
        """Gives items page by page: servers close cursors that rest for ten minutes, and a page may take longer."""
        collection = self._documents[category]
        query: _Item = {} if author_ids is None else {"author_id": {"$in": sorted({*author_ids})}}
        with own_errors(self._place):
            if ids is not None:
                for part in _parts(ids, n_per_page):
                    yield from collection.find({**query, "_id": {"$in": part}}, fields, sort=[("_id", 1)])
                return
            page = query
            while True:
                last_id, n_items = "", 0
                for item in collection.find(page, fields, sort=[("_id", 1)], limit=n_per_page):
                    last_id, n_items = item["_id"], n_items + 1
                    yield item
                if n_items < n_per_page:
                    return
                page = {**query, "_id": {"$gt": last_id}}

    def _users_by_id(self) -> Mapping[str, UserDocument]:
        """Gives all users, read at the first call and kept until one is saved."""
        with self._known_users_lock:
            if self._known_users is None:
                self._known_users = {user.id: user for user in self.users()}
            return self._known_users

    def _user_named(self, full_name: str) -> UserDocument | None:
        folded = folded_name(full_name)
        ours = self._users.find({"folded_name": folded}, sort=[("_id", 1)], limit=1)
        others = self._users.find({"folded_name": None})  # users that another program wrote have no such field
        named = [user for user in map(user_of, (*ours, *others)) if folded_name(user.full_name) == folded]
        return min(named, key=lambda user: user.id, default=None)


def _plan(
    hashes: dict[str, str | None], ids_by_link: dict[str, str], items: Sequence[_Item]
) -> tuple[SaveOutcome, list[_Item]]:
    """Gives what is new or changed, each with the id that its link keeps, in the order given.

    In that order a link is always free when it is used; a call that is cut off leaves what shorter calls would leave.
    """
    links = {known_id: link for link, known_id in ids_by_link.items()}
    changed: list[_Item] = []
    n_new = 0
    for given in items:
        item = {**given, "_id": ids_by_link.get(given["link"] or "", given["_id"])}
        known_id = item["_id"]
        if hashes.get(known_id) == item["content_hash"]:
            continue
        n_new += known_id not in hashes
        hashes[known_id] = item["content_hash"]
        ids_by_link.pop(links.pop(known_id, ""), None)
        if item["link"]:
            ids_by_link[item["link"]] = known_id
            links[known_id] = item["link"]
        changed.append(item)
    n_changed = len(changed) - n_new
    return SaveOutcome(n_new, n_changed, len(items) - len(changed)), changed


def _parts(keys: Iterable[str], n_per_part: int) -> Iterator[list[str]]:
    ordered = sorted({*keys})
    for start in range(0, len(ordered), n_per_part):
        yield ordered[start : start + n_per_part]


def _make_index(collection: "Collection[_Item]", key: str, **options: Any) -> None:
    """Makes an index unless there is that very one: even asking for one takes rights that a reader does not need."""
    known = collection.index_information().values()
    if not any(is_index(index, key, options) for index in known):
        collection.create_index(key, **options)


def is_index(index: Mapping[str, Any], key: str, options: Mapping[str, Any]) -> bool:
    """Says whether an index, as a server describes it, is the one on that key with those options."""
    decisive = ("unique", "partialFilterExpression", "sparse")
    told = {name: index[name] for name in decisive if index.get(name)}
    return list(index["key"]) == [(key, 1)] and told == options


def _host(uri: str) -> str:
    """Names the servers in messages, without user, password and options.

    Raises:
        ConfigurationError: the address cannot be read.
    """
    example = "mongodb://user:password@host:27017 or mongodb+srv://user:password@host"
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("mongodb", "mongodb+srv") or not parts.netloc:
        raise ConfigurationError(f"DATABASE_HOST cannot be read: write it like {example}")
    if "@" in uri.partition(parts.netloc)[2] or parts.netloc.count("@") > 1:
        # The host would be a piece of the password.
        raise ConfigurationError("DATABASE_HOST: write @ : / in user and password as %40 %3A %2F")
    return parts.netloc.rpartition("@")[2]


def _open_client(uri: str, timeout_s: float) -> "MongoClient[_Item]":
    """Gives the client; with mongodb+srv:// the servers' names are looked up here."""
    try:
        from pymongo import MongoClient
    except ImportError:
        raise MissingExtraError("MongoDB", "mongo") from None
    timeout_ms = round(timeout_s * 1000)
    defaults: dict[str, Any] = {
        "appname": "rag_llm_system",
        "w": "majority",
        "journal": True,
        "serverSelectionTimeoutMS": timeout_ms,
        "connectTimeoutMS": timeout_ms,
        "socketTimeoutMS": timeout_ms,
        "waitQueueTimeoutMS": timeout_ms,
    }
    said = {name.lower() for name, _ in parse_qsl(urlsplit(uri).query, keep_blank_values=True)}
    options = {name: value for name, value in defaults.items() if name.lower() not in said}
    if "w" in said:
        options.pop("journal", None)  # w=0 and journal exclude each other
    with own_errors(_host(uri)), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # pymongo warns of an option that it then leaves out
        try:
            client: MongoClient[_Item] = MongoClient(uri, **options)
        except UserWarning:
            raise ConfigurationError("DATABASE_HOST has an option that pymongo does not take: correct it") from None
        except ValueError:
            raise ConfigurationError("DATABASE_HOST has a port that cannot be used: correct it") from None
    if not client.write_concern.acknowledged:
        client.close()
        raise ConfigurationError("DATABASE_HOST has w=0, and what was saved could not be known: remove it")
    return client


def _refuse_foreign(*_: object) -> Document:
    raise InputError("another program wrote it")
