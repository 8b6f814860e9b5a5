"""Functions and files stay short, and names say what is inside."""

import ast
import statistics

from tests.meta.python_sources import ROOT, parsed, place, python_files

LONGEST_FUNCTION = 60
LONGEST_FILE = 400
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def function_lengths() -> dict[str, int]:
    return {
        f"{place(path, node)} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in python_files()
        for node in ast.walk(parsed(path))
        if isinstance(node, FUNCTION)
    }


def test_no_function_is_longer_than_sixty_lines() -> None:
    assert {name: length for name, length in function_lengths().items() if length > LONGEST_FUNCTION} == {}


def test_most_functions_are_much_shorter_than_that() -> None:
    lengths = sorted(function_lengths().values())
    assert statistics.median(lengths) <= 12
    assert lengths[int(0.9 * len(lengths))] <= 35


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_a_files_name_says_what_is_inside() -> None:
    paths = [path.relative_to(ROOT).with_suffix("") for path in python_files()]
    words = {path: {word for part in path.parts for word in part.split("_")} for path in paths}
    assert [str(path) for path in paths if words[path] & NAMES_THAT_SAY_NOTHING and path.name != "opik_utils"] == []
