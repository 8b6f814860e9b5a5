"""A document as MongoDB holds it, and back: the LLM Engineer's Handbook's fields, so that other tools read them too.

BSON has no integers above 64 bits and no keys with U+0000, and takes an object whose key begins with "$" for something
of its own; servers refuse deep nesting. A field that holds such a thing is stored as its JSON text, and `json_fields`
names it. All others, repositories with paths as keys among them, are stored as they are.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from rag_llm_system.domain.documents import DOCUMENT_TYPES, Category, Document
from rag_llm_system.domain.errors import InputError, IntegrityError
from rag_llm_system.domain.users import UserDocument, folded_name

MAX_ITEM_BYTES = 16 * 1024 * 1024
"""https://www.mongodb.com/docs/manual/reference/limits/#mongodb-limit-BSON-Document-Size"""

ForeignReader = Callable[[Category, Mapping[str, Any], Mapping[str, UserDocument]], Document]
"""Gives the document of an item that another program wrote; the mapping holds all users by id.

Raises InputError where it cannot be understood.
"""

_MAX_DEPTH = 80
"""Servers take 100 levels; a document around the field, and the command around that, need some of them."""

_BSON_BYTES_PER_CHARACTER = 8
"""At the most: an array of digits has a type, a number as key and eight bytes for each two characters of JSON."""


def item_of(document: Document) -> dict[str, Any]:
    """Gives a document's item. A blank link is null, as the Handbook has it.

    Raises:
        InputError: it holds text that is not Unicode, or is more than MongoDB takes.
    """
    try:
        digest, text = document.content_hash(), document.model_dump_json()
    except ValueError:  # pydantic's error for lone surrogates, which no UTF-8 can hold
        raise InputError(f"document {document.id} holds text that is not Unicode: decode it again") from None
    values = json.loads(text)
    values = {"_id": values.pop("id"), **values, "link": values["link"] or None, "content_hash": digest}
    json_fields = [name for name, value in values.items() if not _fits_bson(value)]
    if json_fields:
        values |= {name: json.dumps(values[name], ensure_ascii=False) for name in json_fields}
        values["json_fields"] = json_fields
    _admit_size(document.id, values, len(text))
    return values


def document_of(
    category: Category, item: Mapping[str, Any], users: Callable[[], Mapping[str, UserDocument]], read: ForeignReader
) -> Document:
    """Gives an item's document; `read` is asked where another program wrote the item, and `users` only then.

    Raises:
        IntegrityError: the item cannot be read.
    """
    try:
        if "content_hash" not in item:
            return read(category, item, users())
        values = {name: _plain(value) for name, value in item.items()}
        values |= {name: json.loads(values[name]) for name in values.pop("json_fields", ())}
        values |= {"id": values.pop("_id"), "link": values["link"] or ""}
        return DOCUMENT_TYPES[category].model_validate(values)
    except (InputError, ValidationError, ValueError, KeyError, TypeError):
        what = f"document {item['_id']} in {category} cannot be read"
        way = "mend it, or export it with the tool that wrote it and run poe run-import-data-warehouse-from-json"
        raise IntegrityError(f"{what}: {way}") from None


def item_of_user(user: UserDocument) -> dict[str, Any]:
    """Gives a user's item."""
    values = user.model_dump(mode="json")
    return {"_id": values.pop("id"), **values, "folded_name": folded_name(user.full_name)}


def user_of(item: Mapping[str, Any]) -> UserDocument:
    """Gives an item's user; the Handbook's have no full name.

    Raises:
        IntegrityError: the item cannot be read.
    """
    try:
        names = {name: item.get(name) or "" for name in ("first_name", "last_name", "full_name")}
        return UserDocument(id=item["_id"], **names)
    except ValidationError:
        raise IntegrityError(f"user {item['_id']} cannot be read: give it a first and a last name") from None


def _admit_size(document_id: str, values: Mapping[str, Any], n_characters: int) -> None:
    if n_characters * _BSON_BYTES_PER_CHARACTER <= MAX_ITEM_BYTES:
        return
    import bson

    size_bytes = len(bson.encode(values))
    if size_bytes > MAX_ITEM_BYTES:
        sizes = f"takes {size_bytes:,} bytes in MongoDB and may take {MAX_ITEM_BYTES:,}"
        raise InputError(f"document {document_id} {sizes}: part it, or keep documents in SQLite or PostgreSQL")


def _fits_bson(value: Any, depth: int = 0) -> bool:
    if isinstance(value, dict):
        keys_fit = all("\0" not in key and key[:1] != "$" for key in value)
        return keys_fit and depth < _MAX_DEPTH and all(_fits_bson(inner, depth + 1) for inner in value.values())
    if isinstance(value, list):
        return depth < _MAX_DEPTH and all(_fits_bson(inner, depth + 1) for inner in value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _plain(value: Any) -> Any:
    """Gives the value with Python's own integers; pymongo marks those of 64 bits with a class of its own."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
