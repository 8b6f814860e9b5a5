"""Where and how ZenML runs here: under RAG_HOME, offline, quiet. Has to come before the first `import zenml`."""

import os
from pathlib import Path

from filelock import FileLock

from rag_llm_system.settings import load_settings

_DEFAULTS = {
    "ZENML_ANALYTICS_OPT_IN": "false",
    "ZENML_AUTO_OPEN_DASHBOARD": "false",
    "ZENML_ENABLE_RICH_TRACEBACK": "false",
    "ZENML_LOGGING_COLORS_DISABLED": "true",
    "ZENML_LOGGING_VERBOSITY": "CRITICAL",
}


def set_zenml_environment() -> Path:
    """Sets what ZenML reads from the environment, where the caller has not, and gives its configuration folder."""
    for key, value in _DEFAULTS.items():
        os.environ.setdefault(key, value)
    os.environ.setdefault("ZENML_CONFIG_PATH", str(load_settings().home / "zenml"))
    return Path(os.environ["ZENML_CONFIG_PATH"])


def create_zenml_store_once() -> None:
    """Makes ZenML's configuration and database at first use, under a lock.

    Two processes that start on a fresh folder would race, and one would crash.
    """
    folder = set_zenml_environment()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".creation.lock"):
        from zenml.client import Client

        Client().active_stack  # noqa: B018  (looking at it is what creates it)
