"""What ZenML keeps, read from its files: importing ZenML would take seconds, and make a store where there is none."""

import importlib.metadata
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from rag_llm_system.application.diagnosis.findings import Finding, fail, info, ok
from rag_llm_system.settings import Settings

_LOST = "the list of runs is lost, documents and index are kept"


def pipelines(settings: Settings) -> Finding:
    """Counts the runs of the pipelines by their state."""
    try:
        version = importlib.metadata.version("zenml")
    except importlib.metadata.PackageNotFoundError:
        return info("ZenML is not installed (extra pipelines)")
    folder = Path(os.environ.get("ZENML_CONFIG_PATH") or settings.home / "zenml")
    if _asks_a_server(folder):
        what = f"ZenML {version} asks a server, {folder / 'config.yaml'} says"
        return info(what, "where that server is gone, run: .venv/bin/zenml logout")
    store = folder / "local_stores" / "default_zen_store" / "zenml.db"
    if not store.exists():
        return info(f"ZenML {version}, no run yet")
    try:
        runs = _runs_by_state(store)
    except sqlite3.Error as error:
        return fail(f"ZenML's store {store} cannot be read ({type(error).__name__})", f"delete {folder}, {_LOST}")
    return ok(f"ZenML {version}, runs: {', '.join(f'{n} {state}' for state, n in runs) or 'none'}")


def _asks_a_server(folder: Path) -> bool:
    try:
        lines = (folder / "config.yaml").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return False
    return any(line.strip() == "type: rest" for line in lines)


def _runs_by_state(store: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)) as connection:
        rows = connection.execute("SELECT status, COUNT(*) FROM pipeline_run GROUP BY status ORDER BY status")
        return [(str(state), int(n)) for state, n in rows]
