"""Whether what a language model wrote is the JSON that was asked for.

Servers differ in how far they hold a model to a schema, and some ignore it, so every reply is checked here.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from rag_llm_system.domain.errors import BackendError, InputError

_UNCHECKED = {"title", "description", "default", "$schema"}
_CHECKED = {"type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "enum"}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_THOUGHTS = re.compile(r"\s*<think>.*?</think>\s*", re.DOTALL)
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL)


def require_known_keywords(schema: Mapping[str, Any]) -> None:
    """Checks that everything the schema says can be checked here.

    Raises:
        InputError: it uses another keyword, or one in another way.
    """
    if unknown := sorted(set(schema) - _CHECKED - _UNCHECKED):
        raise InputError(f"The JSON schema uses {unknown[0]!r}, which is not checked here: leave it out.")
    types = _types(schema)
    if unknown := sorted(set(types) - set(_TYPES)):
        raise InputError(f"The JSON schema names the type {unknown[0]!r}: use one of {', '.join(_TYPES)}.")
    if not isinstance(schema.get("additionalProperties", False), bool):
        raise InputError("The JSON schema describes additionalProperties: set it to false, or leave it out.")
    for inner in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        require_known_keywords(inner)


def checked_json(text: str, schema: Mapping[str, Any]) -> str:
    """Gives the JSON within a reply, which may have thoughts before it or a Markdown fence around it.

    Raises:
        BackendError: it is no JSON, or not what the schema describes; the message does not quote it.
    """
    inner = _THOUGHTS.sub("", text, count=1) if text.lstrip().startswith("<think>") else text
    fenced = _FENCED.fullmatch(inner)
    inner = (fenced[1] if fenced else inner).strip()
    how = "ask for more tokens, or use a model or a server that keeps to a JSON schema"
    try:
        value = json.loads(inner, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BackendError(f"The language model's reply is no JSON: {how}.") from None
    if (wrong := _mismatch(value, schema, "the reply")) is not None:
        raise BackendError(f"The language model's JSON is not as asked ({wrong}): {how}.")
    return inner


def _refuse_constant(name: str) -> None:
    """NaN and Infinity are Python's, not JSON's (RFC 8259, section 6)."""
    raise ValueError(name)


def _mismatch(value: Any, schema: Mapping[str, Any], place: str) -> str | None:
    """Says the first thing that is wrong, in words of the schema alone; None where all is right."""
    types = _types(schema)
    if types and not any(_is_of(value, kind) for kind in types):
        return f"{place} is no {' or '.join(types)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{place} is none of the allowed values"
    if isinstance(value, dict):
        return _mismatch_of_object(value, schema, place)
    if isinstance(value, list):
        return _mismatch_of_array(value, schema, place)
    return None


def _mismatch_of_object(value: dict[str, Any], schema: Mapping[str, Any], place: str) -> str | None:
    properties = schema.get("properties", {})
    if missing := [name for name in schema.get("required", ()) if name not in value]:
        return f"{place} lacks {missing[0]!r}"
    if schema.get("additionalProperties") is False and set(value) - set(properties):
        return f"{place} has a property too many"
    inner = (_mismatch(value[name], properties[name], f"{name!r}") for name in properties if name in value)
    return next((wrong for wrong in inner if wrong is not None), None)


def _mismatch_of_array(value: list[Any], schema: Mapping[str, Any], place: str) -> str | None:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return f"{place} has {len(value)} items"
    inner = (_mismatch(item, schema.get("items", {}), f"an item of {place}") for item in value)
    return next((wrong for wrong in inner if wrong is not None), None)


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool):  # which Python counts among the integers
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()  # 1.0 is an integer in JSON Schema
    return isinstance(value, _TYPES[kind])


def _types(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)
