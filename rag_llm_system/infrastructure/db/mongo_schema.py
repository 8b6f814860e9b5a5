"""Indexes of the document store in MongoDB, its version, and the steps that bring up to date what is older."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymongo.collection import Collection

    Items = Collection[dict[str, Any]]

MARKS = "rag_schema"
"""The collection that holds one item: the version."""

_MARK_ID = "documents"


def make_indexes(documents: "Sequence[Items]", users: "Items") -> None:
    """Makes those that are missing; those that are there are never touched."""
    for collection in documents:
        _make_index(collection, "author_id")
        _make_index(collection, "link", unique=True, partialFilterExpression={"link": {"$gt": ""}})
    _make_index(users, "folded_name")


def is_index(index: Mapping[str, Any], key: str, options: Mapping[str, Any]) -> bool:
    """Says whether an index, as a server describes it, is the one on that key with those options."""
    decisive = ("unique", "partialFilterExpression", "sparse")
    told = {name: index[name] for name in decisive if index.get(name)}
    return list(index["key"]) == [(key, 1)] and told == options


def stored_version(marks: "Items") -> int:
    """Gives the version of what is stored; the first release wrote none, and where nothing is stored it is 1 too."""
    mark = marks.find_one({"_id": _MARK_ID}) or {}
    return int(mark.get("version", 1))


def bring_up_to_date(documents: "Sequence[Items]", marks: "Items", now: str) -> None:
    """Takes what is older up to this version. Each step may be done twice, and the version is written last.

    Args:
        documents: the collections of documents.
        marks: where the version is.
        now: ISO 8601, UTC: for what was stored at a time that nobody knows.
    """
    for step in _STEPS[stored_version(marks) - 1 :]:
        for collection in documents:
            step(collection, now)
    marks.update_one({"_id": _MARK_ID}, {"$set": {"version": SCHEMA_VERSION}}, upsert=True)


def _make_index(collection: "Items", key: str, **options: Any) -> None:
    """Makes an index unless there is that very one: even asking for one takes rights that a reader does not need."""
    known = collection.index_information().values()
    if not any(is_index(index, key, options) for index in known):
        collection.create_index(key, **options)


def _add_saved_at(collection: "Items", now: str) -> None:
    """Leaves out the items that another program wrote: they have no content hash."""
    collection.update_many({"content_hash": {"$gt": ""}, "saved_at": None}, {"$set": {"saved_at": now}})


_STEPS: "tuple[Callable[[Items, str], None], ...]" = (_add_saved_at,)
"""The first takes version 1 to 2, the next 2 to 3, and so on: another one is a function and its name here."""

SCHEMA_VERSION = 1 + len(_STEPS)
