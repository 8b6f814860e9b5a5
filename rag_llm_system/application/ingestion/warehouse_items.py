"""A document or a user as an item of a warehouse file, and back.

Written are our own keys, with `_id` for the id. Read are those and the LLM Engineer's Handbook's: content keys with a
capital, posts whose content is an object, users without a full name. What has no place here goes into `metadata`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from rag_llm_system.domain.documents import DOCUMENT_TYPES, Category, Document, document_id
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.users import UserDocument

_TEXT_KEYS = ("text", "content")
_ID_KEYS = ("_id", "id")
_WRAPPED_ID_KEYS = ("$oid", "$uuid")
"""How mongoexport writes ids (MongoDB Extended JSON)."""


def item_of(document: Document) -> dict[str, Any]:
    """Gives a document's item."""
    values = document.model_dump(mode="json")
    return {"_id": values.pop("id"), **values}


def item_of_user(user: UserDocument) -> dict[str, Any]:
    """Gives a user's item."""
    values = user.model_dump(mode="json")
    return {"_id": values.pop("id"), **values}


def document_of(
    category: Category, item: Mapping[str, Any], users: Mapping[str, UserDocument], *, place: str
) -> Document:
    """Gives an item's document; an author without a name gets the one of the user of that id.

    Raises:
        InputError: something is missing or of the wrong kind; the message names `place`.
    """
    document_type = DOCUMENT_TYPES[category]
    values = {key: value for key, value in item.items() if value is not None and key not in _ID_KEYS}
    unknown = {key: values.pop(key) for key in list(values) if key not in document_type.model_fields}
    values.setdefault("link", "")
    values.setdefault("platform", "")
    values["id"] = _id(item) or (values["link"] and document_id(category, str(values["link"])))
    if not values["id"]:
        raise _unusable(place, "it has neither _id nor link")
    author = users.get(str(values.get("author_id")))
    values.setdefault("author_full_name", author.full_name if author else "")
    content, left_over = _content(category, values.get("content"), str(values.get("name") or values["link"]), place)
    unknown |= {"content": left_over} if left_over else {}
    metadata = values.get("metadata", {})
    if not isinstance(metadata, dict):
        raise _unusable(place, "metadata: must be an object")
    values |= {"content": content, "metadata": {**metadata, **unknown}}
    if category is Category.REPOSITORIES:
        values.setdefault("name", values["link"])
    try:
        document = document_type.model_validate(values)
        document.content_hash()
    except ValidationError as error:
        raise _unusable(place, _first_problem(error)) from None
    except ValueError:  # what a hash raises on half a surrogate pair within the metadata
        raise _unusable(place, "it holds characters that are not Unicode") from None
    return document


def user_of(item: Mapping[str, Any], *, place: str) -> tuple[UserDocument, list[str]]:
    """Gives an item's user, and the keys that a user has no place for.

    Raises:
        InputError: something is missing or of the wrong kind; the message names `place`.
    """
    names = {key: item.get(key) or "" for key in ("first_name", "last_name", "full_name")}
    unknown = [key for key in item if key not in (*names, *_ID_KEYS)]
    if not _id(item):
        raise _unusable(place, "it has no _id")
    try:
        return UserDocument(id=_id(item), **names), unknown
    except ValidationError as error:
        raise _unusable(place, _first_problem(error)) from None


def _content(category: Category, content: Any, name: str, place: str) -> tuple[Any, Any]:
    """Gives the content as the category has it, and what of it has no place there."""
    if category is Category.REPOSITORIES:
        return dict(_files(content, "" if isinstance(content, dict) else name, place)), None
    if category is Category.POSTS:
        return _post_text(content)
    if not isinstance(content, dict):
        return {"text": content or ""}, None
    lower = {key.lower(): value for key, value in content.items()}
    known = {key: lower.get(key) for key in ("title", "subtitle", "language")}
    text = next((lower[key] for key in _TEXT_KEYS if lower.get(key) is not None), "")
    return {**known, "text": text}, {k: v for k, v in content.items() if k.lower() not in (*known, *_TEXT_KEYS)}


def _post_text(content: Any) -> tuple[Any, Any]:
    """Gives a post's words, and the object they came from if it was one."""
    if not isinstance(content, dict):
        return content or "", None
    lower = {key.lower(): value for key, value in content.items()}
    text = next((lower[key] for key in _TEXT_KEYS if isinstance(lower.get(key), str)), None)
    return "\n\n".join(_strings(content)) if text is None else text, content


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _files(content: Any, path: str, place: str) -> Iterator[tuple[str, str]]:
    """Gives path and text of every file; objects within objects are folders."""
    if isinstance(content, dict):
        for name, inner in content.items():
            yield from _files(inner, f"{path}/{name}" if path else name, place)
    elif isinstance(content, str):
        yield path, content
    elif content is not None:
        raise _unusable(place, "content: must map paths to texts")


def _id(item: Mapping[str, Any]) -> Any:
    value = next((item[key] for key in _ID_KEYS if item.get(key)), "")
    if isinstance(value, dict):
        value = next((value[key] for key in _WRAPPED_ID_KEYS if key in value), value)
    return value


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'item'}: {first['msg']}"


def _unusable(place: str, problem: str) -> InputError:
    return InputError(f"{place} cannot be used ({problem}): mend the file, then import again")
