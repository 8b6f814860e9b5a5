"""Manners that no linter knows: what may stand in a log call, and what a test may do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.meta.python_sources import parsed, place, python_files

LOG_METHODS = {"trace", "debug", "info", "success", "warning", "error", "exception", "critical", "log", "bind"}
NEVER_LOGGED = re.compile(
    r"(.*_)?(question|query|querie|text|content|answer|passage|prompt|password|secret|token|api_?key|credential|ur[li])s?"
    r"|messages|body|key|keys|dsn|links?|authorization|database_host"
)
COUNTED = {"len", "sum", "type", "bool"}


def test_log_calls_hold_no_content_and_no_keys() -> None:
    folders = ("rag_llm_system", "pipelines", "steps", "tools", "benchmarks")
    assert [leak for path in python_files(*folders) for leak in leaks(parsed(path), path)] == []


@pytest.mark.parametrize(
    "statement",
    [
        "logger.info('asked question={}', question)",
        "logger.info('asked {}', request.query)",
        "logger.error('refused {}', settings.api_key.get_secret_value())",
        "logger.warning('connected {}', str(url))",
        "logger.bind(text=chunk.text).info('chunked')",
        "logger.opt(lazy=True).debug('asked {}', lambda: question)",
        "logger.info(f'saved {n}')",
    ],
)
def test_a_leak_is_noticed(statement: str) -> None:
    assert len(list(leaks(ast.parse(statement), Path(__file__)))) == 1


def test_counts_and_times_may_be_logged() -> None:
    statement = "logger.info('asked n={} chars={} seconds={:.1f}', len(passages), len(question), seconds)"
    assert list(leaks(ast.parse(statement), Path(__file__))) == []


def test_tests_use_fakes_instead_of_patches() -> None:
    assert [found for path in python_files("tests") for found in patches(parsed(path), path)] == []


@pytest.mark.parametrize(
    "statement",
    [
        "import unittest.mock",
        "from unittest import mock",
        "from unittest.mock import Mock",
        "monkeypatch.setattr(os, 'x', 1)",
    ],
)
def test_a_patch_is_noticed(statement: str) -> None:
    assert len(list(patches(ast.parse(statement), Path(__file__)))) == 1


def leaks(tree: ast.Module, path: Path) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_log_call(node):
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            names = {name for argument in arguments for name in names_shown_by(argument)}
            names |= {keyword.arg for keyword in node.keywords if keyword.arg}
            names |= {name for argument in arguments for name in names_in_template(argument)}
            if any(map(NEVER_LOGGED.fullmatch, names)) or any(
                isinstance(argument, ast.JoinedStr) for argument in arguments
            ):
                yield f"{place(path, node)}: {ast.unparse(node)}"


def is_log_call(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in LOG_METHODS:
        return False
    receiver: ast.expr = call.func.value
    while isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute):
        receiver = receiver.func.value
    return isinstance(receiver, ast.Name) and receiver.id == "logger"


def names_shown_by(node: ast.AST) -> Iterator[str]:
    """Gives the names whose values reach the line; not those that are only counted."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in COUNTED:
        return
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
        if node.attr == "get_secret_value":
            yield from names_shown_by(node.value)
    else:
        for child in ast.iter_child_nodes(node):
            yield from names_shown_by(child)


def names_in_template(node: ast.expr) -> list[str]:
    shown_as_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return re.findall(r"(\w+)=\{", ast.literal_eval(node)) if shown_as_text else []


def patches(tree: ast.Module, path: Path) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else ""
            names = {f"{module}.{alias.name}".strip(".") for alias in node.names}
            if any(f"{name}.".startswith(("unittest.mock.", "mock.", "pytest_mock.")) for name in names):
                yield place(path, node)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in {"monkeypatch.setattr", "monkeypatch.delattr"}:
            yield place(path, node)
