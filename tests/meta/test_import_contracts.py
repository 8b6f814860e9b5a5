"""Each import contract is broken once, in a copy, and has to notice it."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("rag_llm_system", "pipelines", "steps", "tools", "benchmarks")
ADAPTERS = ROOT / "rag_llm_system" / "infrastructure"

# contract -> (file, import that it forbids and that no other contract minds)
VIOLATIONS = {
    "layers": ("rag_llm_system/model/__init__.py", "import rag_llm_system.application"),
    "settings": ("rag_llm_system/services.py", "import rag_llm_system.settings"),
    "zenml": ("rag_llm_system/infrastructure/db/__init__.py", "import zenml"),
    "fastapi": ("rag_llm_system/infrastructure/db/__init__.py", "import fastapi"),
    "inference": ("rag_llm_system/infrastructure/db/__init__.py", "def embed():\n    import onnxruntime"),
    "frameworks": ("rag_llm_system/application/__init__.py", "import httpx"),
    "servers": ("rag_llm_system/infrastructure/api/__init__.py", "import rag_llm_system.infrastructure.db"),
    "client": ("rag_llm_system/infrastructure/client/__init__.py", "import rag_llm_system.services"),
    "shell": ("tools/__init__.py", "import rag_llm_system.infrastructure.db"),
}


def contracts() -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    prefix = "importlinter:contract:"
    return {section.removeprefix(prefix): parser[section]["name"] for section in parser.sections() if prefix in section}


def broken_contracts(folder: Path) -> set[str]:
    process = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", process.stdout, flags=re.MULTILINE))
    assert set(verdicts) == set(contracts().values()), process.stdout + process.stderr
    return {contract for contract, name in contracts().items() if verdicts[name] == "BROKEN"}


@pytest.fixture
def copied_packages(tmp_path: Path) -> Path:
    shutil.copy(ROOT / ".importlinter", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_house_keeps_its_contracts(copied_packages: Path) -> None:
    assert broken_contracts(copied_packages) == set()


@pytest.mark.parametrize("contract", sorted(contracts()))
def test_a_contract_notices_when_it_is_broken(contract: str, copied_packages: Path) -> None:
    file, forbidden_import = VIOLATIONS[contract]
    with (copied_packages / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{forbidden_import}\n")
    assert broken_contracts(copied_packages) == {contract}


def test_every_room_of_the_infrastructure_has_its_floor() -> None:
    rooms = {path.stem for path in ADAPTERS.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    named = set(re.findall(r"rag_llm_system\.infrastructure\.(\w+)", parser["importlinter:contract:layers"]["layers"]))
    assert rooms - {"__init__"} <= named
