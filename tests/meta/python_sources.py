"""The Python files of this repository, and what they say."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def python_files(*folders: str) -> Iterator[Path]:
    """Gives every Python file under these folders of the repository (none named: all), in the order of their paths."""
    for folder in folders or sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."):
        yield from sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def parsed(path: Path) -> ast.Module:
    """Gives the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path, node: ast.stmt | ast.expr) -> str:
    """Gives path and line, as an editor opens them."""
    return f"{path.relative_to(ROOT)}:{node.lineno}"
