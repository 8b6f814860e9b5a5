"""What all tests share: nothing of the person's own is read or written, and what needs more than `dev` is marked."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forked_commands import ForkedCommands, forked_commands

_DATA = Path(os.environ.get("RAG_TEST_DATA_DIR") or Path(__file__).resolve().parents[2] / "shared" / "data").absolute()
_HOME = tempfile.TemporaryDirectory(prefix="rag-tests-")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also run the tests that need the torch extra")


def pytest_configure() -> None:
    """Redirects homes and configuration before any test module is imported, for child processes too."""
    for key in [key for key in os.environ if key.startswith("RAG_")]:
        del os.environ[key]
    for key in ("POE_CWD", "POE_PWD", "ZENML_CONFIG_PATH"):
        os.environ.pop(key, None)
    os.environ["RAG_TEST_DATA_DIR"] = str(_DATA)
    os.environ["RAG_HOME"] = f"{_HOME.name}/rag"
    for key in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        folder = Path(_HOME.name, key.lower())
        folder.mkdir()
        os.environ[key] = str(folder)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["EMBED_BACKEND"] = "onnx"  # the same numbers, whether or not the extra openvino is installed


@pytest.fixture(scope="session")
def forked() -> Iterator[ForkedCommands]:
    """Runs commands in processes that find ZenML loaded."""
    with forked_commands() as forked:
        yield forked


def pytest_unconfigure() -> None:
    _HOME.cleanup()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("torch")])
        items[:] = [item for item in items if not item.get_closest_marker("torch")]
    for item in items:
        if item.get_closest_marker("real_data") and not _DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason=f"no real data: RAG_TEST_DATA_DIR={_DATA}"))
