"""Raw documents and authors in MongoDB, in the collections and fields of the LLM Engineer's Handbook."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from loguru import logger

from rag_llm_system.domain.documents import Category, Document, DocumentDigest
from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError, InputError, IntegrityError
from rag_llm_system.domain.ports.document_store import SaveOutcome
from rag_llm_system.domain.users import UserDocument, folded_name
from rag_llm_system.infrastructure.db.mongo_client import host_of, open_client
from rag_llm_system.infrastructure.db.mongo_errors import is_duplicate, own_errors
from rag_llm_system.infrastructure.db.mongo_items import ForeignReader, document_of, item_of, item_of_user, user_of
from rag_llm_system.infrastructure.db.mongo_schema import (
    MARKS,
    SCHEMA_VERSION,
    bring_up_to_date,
    make_indexes,
    stored_version,
)
from rag_llm_system.infrastructure.db.schema_versions import Clock, now_in_utc, require_known, timestamp

if TYPE_CHECKING:
    from pymongo.collection import Collection

_USERS = "users"
_DOCUMENTS_PER_PAGE = 32
_DIGESTS_PER_PAGE = 1_000
_DIGEST_FIELDS = ("author_id", "content_hash", "link", "saved_at")
_KEYS_PER_REQUEST = 500
_ATTEMPTS = 10
"""Each ends because another writer stored the same id or link first; then this one reads again what is there."""

_Item = dict[str, Any]


class MongoDocumentStore:
    """`DocumentStore`, `ErasingStore` and `UserStore` over pymongo: one pooled client; missing indexes are made.

    It differs from the port in this: a server that is no replica set changes one document at a time. Documents of a
    call are written in the order they were given, so a call that is cut off leaves the first of them, each whole, and
    the same call again writes the others and doubles nothing. Reading goes page by page: a document that others change
    meanwhile is given as it was or as it became, whole and once.

    Items that another program wrote have no `content_hash`; it is then computed at every reading. Whoever changes an
    item by hand removes its `content_hash`, and the change is found. Their authors are read once and kept, until a user
    is saved here. When they were stored is not known.

    What an earlier release wrote is brought up to date at the start, unless `create` is false or this user may not
    write: then it is read as it is, with a `saved_at` of "".

    Args:
        uri: mongodb:// or mongodb+srv://. Its options count before the defaults here: writes are acknowledged by the
            majority and from the journal.
        database_name: the database.
        timeout_s: how long may be looked for a server, connected, waited for a free connection, and for each answer.
        read_foreign: gives the document of an item that another program wrote. None: such items are refused.
        create: whether missing indexes are made; those that are there are never touched.
        clock: gives the time that documents are stored at.

    Raises:
        MissingExtraError: the extra mongo is not installed.
        ConfigurationError: address, options, password or rights are not as they must be, or a newer release wrote what
            is there.
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
        clock: Clock = now_in_utc,
    ) -> None:
        self._place = f"the database {database_name} on {host_of(uri)}"
        self._read_foreign = read_foreign or _refuse_foreign
        self._clock = clock
        self._known_users: dict[str, UserDocument] | None = None
        self._known_users_lock = Lock()
        self._client = open_client(uri, timeout_s)
        try:
            with own_errors(self._place):
                database = self._client[database_name]
                self._documents = {category: database[str(category)] for category in Category}
                self._users = database[_USERS]
                for collection in (*self._documents.values(), self._users):
                    self._require_text_ids(collection)
                self._marks = database[MARKS]
                self._prepare(create)
        except BaseException:
            self.close()
            raise

    def save(self, documents: Sequence[Document]) -> SaveOutcome:
        """Inserts or replaces, in the order given; see the port. Of two documents with one link the last counts.

        Raises:
            InputError: a document holds text that is not Unicode, or is above 16 MB; nothing is saved.
        """
        items: dict[Category, list[_Item]] = {}
        now = timestamp(self._clock)
        for document in documents:
            items.setdefault(document.category, []).append({**item_of(document), "saved_at": now})
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
        for item in self._stream(category, None, author_ids, _DIGEST_FIELDS, _DIGESTS_PER_PAGE):
            digest = item.get("content_hash")
            saved_at = item.get("saved_at", "") if digest else ""
            if digest is None:
                for whole in self._stream(category, [item["_id"]], None, None, 1):
                    digest = document_of(category, whole, self._users_by_id, self._read_foreign).content_hash()
            if digest is not None:
                yield DocumentDigest(
                    id=item["_id"],
                    category=category,
                    author_id=str(item.get("author_id")),
                    content_hash=digest,
                    link=item.get("link") or "",
                    saved_at=saved_at,
                )

    def delete(self, category: Category, ids: Sequence[str]) -> int:
        """Removes the documents and says how many there were."""
        with own_errors(self._place):
            return _delete(self._documents[category], ids)

    def erase(self, category: Category, ids: Sequence[str]) -> int:
        """Removes the documents and has the server give free what they took, where this user may have that done.

        What the server's journal and the oplog hold until they come round, what its files hold where it uses the space
        again, and backups are beyond it.
        """
        n_removed = self.delete(category, ids)
        if ids:
            self._compact(self._documents[category])
        return n_removed

    def erase_users(self, ids: Sequence[str]) -> int:
        """Does the same with those authors who have no document."""
        if not ids:
            return 0
        with own_errors(self._place):
            of_author = {"author_id": {"$in": sorted({*ids})}}
            found = (item for of in self._documents.values() for item in of.find(of_author, ["author_id"]))
            kept = {item["author_id"] for item in found}
            n_removed = _delete(self._users, [user_id for user_id in ids if user_id not in kept])
        with self._known_users_lock:
            self._known_users = None
        self._compact(self._users)
        return n_removed

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

    def _prepare(self, create: bool) -> None:
        version = stored_version(self._marks)
        require_known(version, SCHEMA_VERSION, self._place)
        if not create:
            return
        make_indexes([*self._documents.values()], self._users)
        if version < SCHEMA_VERSION:
            try:
                with own_errors(self._place):
                    bring_up_to_date([*self._documents.values()], self._marks, timestamp(self._clock))
            except ConfigurationError:
                logger.info("documents_read_as_they_are version={} known={}", version, SCHEMA_VERSION)

    def _compact(self, collection: "Collection[_Item]") -> None:
        from pymongo.errors import PyMongoError

        try:
            collection.database.command("compact", collection.name)
        except PyMongoError as error:  # many servers, or users, do not have that; what was removed stays removed
            logger.info("collection_not_compacted name={} error={}", collection.name, type(error).__name__)

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


def _delete(collection: "Collection[_Item]", ids: Sequence[str]) -> int:
    return sum(collection.delete_many({"_id": {"$in": part}}).deleted_count for part in _parts(ids, _KEYS_PER_REQUEST))


def _parts(keys: Iterable[str], n_per_part: int) -> Iterator[list[str]]:
    ordered = sorted({*keys})
    for start in range(0, len(ordered), n_per_part):
        yield ordered[start : start + n_per_part]


def _refuse_foreign(*_: object) -> Document:
    raise InputError("another program wrote it")
