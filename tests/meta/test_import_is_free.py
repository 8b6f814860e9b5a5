"""Importing the package costs next to nothing, opens nothing, and needs no optional library."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.meta.python_sources import ROOT, python_files

HEAVY = {
    "torch",
    "transformers",
    "sentence_transformers",
    "onnx",
    "onnxruntime",
    "zenml",
    "langchain_text_splitters",
    "mlflow",
    "opik",
}
OPTIONAL = HEAVY | {"trafilatura", "yaml", "qdrant_client", "pymongo", "redis", "openai", "selenium"}

CPU_SECONDS = """
import time
start = time.process_time()
import rag_llm_system
print(time.process_time() - start)
"""

IMPORT_WATCHED = """
import importlib, os, sys

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

def watch(event, arguments):
    if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.mkdir"}:
        sys.exit(f"importing does {event} {arguments}")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES and arguments[0] != os.devnull:
        sys.exit(f"importing opens {arguments[0]} for writing")

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}, as on a bare install", name=name)

sys.meta_path.insert(0, Absent())
sys.addaudithook(watch)
for module in MODULES:
    importlib.import_module(module)
print(*sys.modules)
"""


def run(code: str, folder: Path) -> str:
    process = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{folder}", "HOME": str(folder), "RAG_HOME": str(folder / "rag")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def imported(modules: list[str], absent: set[str], folder: Path) -> set[str]:
    return set(run(f"MODULES = {modules!r}\nABSENT = {absent!r}\n{IMPORT_WATCHED}", folder).split())


def modules_of_the_package() -> list[str]:
    paths = [path.relative_to(ROOT).with_suffix("") for path in python_files("rag_llm_system")]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths if path.name != "__main__"]


def test_importing_the_package_takes_a_fifth_of_a_second_at_most(tmp_path: Path) -> None:
    assert min(float(run(CPU_SECONDS, tmp_path)) for _ in range(5)) < 0.2


def test_importing_the_package_imports_no_framework(tmp_path: Path) -> None:
    loaded = imported(["rag_llm_system"], set(), tmp_path)
    assert loaded & (HEAVY | {"fastapi", "pydantic", "sqlalchemy", "numpy", "httpx"}) == set()


def test_every_module_imports_without_optional_libraries_and_leaves_nothing_behind(tmp_path: Path) -> None:
    loaded = imported(modules_of_the_package(), OPTIONAL, tmp_path)
    assert set(modules_of_the_package()) <= loaded
    assert list(tmp_path.iterdir()) == []


def test_no_module_imports_a_heavy_library_before_it_is_needed(tmp_path: Path) -> None:
    assert imported(modules_of_the_package(), set(), tmp_path) & HEAVY == set()


def test_a_module_that_writes_when_imported_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "writes.py").write_text("open('left_behind', 'w')", encoding="utf-8")
    with pytest.raises(AssertionError, match="left_behind"):
        imported(["writes"], set(), tmp_path)
