"""JSON arrays of any size, read and written item by item."""

import json
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.application.ingestion.json_array import read_objects, write_objects
from rag_llm_system.domain.errors import ConfigurationError, InputError

ITEMS: list[dict[str, Any]] = [
    {"a": 1, "ü": "🤖\n\u2028"},
    {},
    {"deep": [{"x": [1.5, None, True]}]},
    {"long": "word " * 200_000},
]


def test_what_is_written_is_what_json_would_write(tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    assert write_objects(path, ITEMS) == 4
    assert path.read_text("utf-8") == json.dumps(ITEMS, ensure_ascii=False, indent=2) + "\n"
    assert list(read_objects(path)) == ITEMS
    assert write_objects(path, []) == 0
    assert path.read_text("utf-8") == "[]\n"
    assert list(read_objects(path)) == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["items.json"]


def test_an_array_in_one_line_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    path.write_text("\n " + json.dumps(ITEMS * 3) + " \n", encoding="utf-8-sig")
    assert list(read_objects(path)) == ITEMS * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a JSON array"),
        ('{"a": 1}', "must be a JSON array"),
        ('[\n{"a": 1},\n2]', "must hold objects, {...}, alone, line 3"),
        ('[\n{"a": 1}\n{"b": 2}]', "lacks a comma or the closing bracket, line 3"),
        ('[{"a": 1}', "lacks a comma or the closing bracket"),
        ('[{"a": 1},]', "has a comma after its last object"),
        ('[\n{"a": 1},\n{"b" 2}]', r"is not JSON \(Expecting ':' delimiter\), line 3"),
        ('[{"a": NaN}]', "holds NaN"),
        ("[] []", "goes on after the closing bracket"),
        ('[{"a": ' + "[" * 100_000 + "]", "holds NaN, a number too long, or something nested too deep, line 1"),
    ],
)
def test_what_is_no_array_of_objects_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "items.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"^items\.json {message}"):
        list(read_objects(path))


def test_a_file_in_another_character_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "items.json").write_bytes(b'[{"a": "\xe4"}]')
    with pytest.raises(InputError, match=r"items\.json is not UTF-8"):
        list(read_objects(tmp_path / "items.json"))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    write_objects(path, [{"old": 1}])
    with pytest.raises(ZeroDivisionError):
        write_objects(path, ({"n": 1 // (1 - number)} for number in range(2)))
    assert list(read_objects(path)) == [{"old": 1}]
    assert [entry.name for entry in tmp_path.iterdir()] == ["items.json"]
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_objects(tmp_path / "no-folder" / "items.json", [])
