"""Replies are checked against the schema that was asked for, by the rules of JSON Schema."""

import json
from typing import Any

import pytest

from rag_llm_system.domain.errors import BackendError, InputError
from rag_llm_system.model.language_models.json_replies import checked_json, require_known_keywords

OBJECT = {
    "type": "object",
    "title": "not checked",
    "properties": {
        "names": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
        "year": {"type": ["integer", "null"]},
        "kind": {"enum": ["a", "b"]},
        "share": {"type": "number"},
        "sure": {"type": "boolean"},
    },
    "required": ["names"],
    "additionalProperties": False,
}
VALUES: list[Any] = [
    {"names": ["Ada"], "year": None, "kind": "a", "share": 1, "sure": True},
    {"names": ["Ada", "Alan"], "year": 1815, "share": 0.5},
    {"names": ["Ada"], "year": 1815.0},
    {"names": ["Ada"], "year": 0.5},
    {"names": ["Ada"], "year": True},
    {"names": ["Ada"], "share": False},
    {"names": ["Ada"], "sure": 1},
    {"names": ["Ada"], "kind": "c"},
    {"names": []},
    {"names": ["a", "b", "c"]},
    {"names": [7]},
    {"names": "Ada"},
    {"year": 1},
    {"names": ["Ada"], "more": 1},
    [],
    "names",
    None,
    7,
]


@pytest.mark.parametrize("value", VALUES)
def test_it_judges_as_the_reference_implementation_does(value: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = json.dumps(value)
    if jsonschema.Draft202012Validator(OBJECT).is_valid(value):
        assert checked_json(text, OBJECT) == text
    else:
        with pytest.raises(BackendError, match="JSON is not as asked"):
            checked_json(text, OBJECT)


@pytest.mark.parametrize(
    "text",
    [
        '{"names": ["Ada"]}',
        '\n  {"names": ["Ada"]}\n',
        '```json\n{"names": ["Ada"]}\n```',
        '```\n{"names": ["Ada"]}\n```\n',
        '<think>perhaps {"names": []}</think>\n{"names": ["Ada"]}',
    ],
)
def test_thoughts_and_fences_around_the_json_are_taken_off(text: str) -> None:
    assert checked_json(text, OBJECT) == '{"names": ["Ada"]}'


@pytest.mark.parametrize("text", ["", "Ada", '{"names": ["Ada"]', '{"names": ["Ada"]} and more', "[" * 100_000, "NaN"])
def test_what_is_no_json_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(BackendError, match="no JSON") as caught:
        checked_json(text, OBJECT)
    assert "Ada" not in caught.value.message


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/a"},
        {"type": "text"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "array", "items": {"pattern": "a"}},
        {"type": "object", "properties": {"a": {"anyOf": []}}},
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="JSON schema"):
        require_known_keywords(schema)
