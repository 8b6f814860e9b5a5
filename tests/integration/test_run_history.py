"""What ZenML and MLflow wrote down about runs can be forgotten: rows, files and bytes; other runs stay."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag_llm_system.domain.ports.experiment_tracker import TrackedRun
from rag_llm_system.infrastructure.observability.mlflow_history import MlflowRunHistory
from rag_llm_system.infrastructure.observability.mlflow_store import own_store
from rag_llm_system.infrastructure.observability.mlflow_tracker import MlflowTracker
from tests.forked_commands import ForkedCommands
from tools.run_history import ZenmlRunHistory, is_on_a_server

SCRIPT = """
import sys
from tools.pipeline_runs import run_etl
for name, link in zip(("Ada Lovelace", "Grace Hopper"), sys.argv[1:]):
    run_etl(name, [link])
"""


def holding(folder: Path, word: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def n_rows(database: Path, table: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def links(folder: Path, names: Sequence[str]) -> list[str]:
    for name in names:
        (folder / name).write_text(f"# {name}\n\nSome words that {name} holds.\n")
    return [str(folder / name) for name in names]


@pytest.mark.slow
def test_zenml_forgets_the_runs_that_name_a_link(forked: ForkedCommands, tmp_path: Path) -> None:
    first, second = links(tmp_path, ["the-first-note.md", "the-second-note.md"])
    script = tmp_path / "script.py"  # ZenML wants a main module that is a file
    script.write_text(SCRIPT)
    ran = forked.run([script, first, second], environment={**os.environ, "RAG_HOME": str(tmp_path / "home")})
    assert ran.returncode == 0, ran.stderr
    folder = tmp_path / "home" / "zenml"
    database = folder / "local_stores" / "default_zen_store" / "zenml.db"
    history = ZenmlRunHistory(folder)
    assert history.count(["https://example.org/none"]) == 0
    assert n_rows(database, "pipeline_run") == 2
    assert holding(folder, "the-first-note.md")
    orphan = folder / "local_stores" / "left.json"  # of a run whose rows are gone already
    orphan.write_text(first)
    assert history.count([first, "Ada Lovelace"]) == history.forget([first, "Ada Lovelace"]) == 2
    assert history.count([first, "Ada Lovelace"]) == history.forget([first, "Ada Lovelace"]) == 0
    assert holding(folder, "the-first-note.md") == holding(folder, "Ada Lovelace") == []
    assert not orphan.exists()
    assert holding(folder, "the-second-note.md")
    assert {table: n_rows(database, table) for table in ("pipeline_run", "pipeline_snapshot", "step_run")} == {
        "pipeline_run": 1,
        "pipeline_snapshot": 1,
        "step_run": 2,
    }


@pytest.mark.slow
def test_mlflow_forgets_the_runs_that_name_a_link(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    store = own_store(tmp_path / "mlflow")
    tracker = MlflowTracker(store)
    for name in ("first", "second"):
        artifacts = {"left_out.txt": f"https://example.org/{name}: no words\n"}
        tags = {"note": f"https://example.org/tag/{name}"}
        tracker.log_run(TrackedRun("etl", datetime.now(UTC), 1.0, tags=tags, artifacts=artifacts))
    history = MlflowRunHistory(store)
    assert history.count(["https://example.org/third"]) == 0
    assert history.forget(["https://example.org/first"]) == 1
    assert history.count(["https://example.org/first", "https://example.org/tag/first"]) == 0
    assert holding(tmp_path, "example.org/first") == holding(tmp_path, "example.org/tag/first") == []
    assert store.n_runs() == 1
    assert history.forget(["https://example.org/tag/second"]) == 1
    assert store.n_runs() == 0


def test_where_nothing_was_written_down_nothing_is_forgotten(tmp_path: Path) -> None:
    assert ZenmlRunHistory(tmp_path).forget(["a"]) == 0
    assert ZenmlRunHistory(tmp_path).count(["a"]) == 0
    assert MlflowRunHistory(own_store(tmp_path / "mlflow")).forget(["a"]) == 0
    assert MlflowRunHistory(own_store(tmp_path / "mlflow")).count(["a"]) == 0


def test_a_server_that_keeps_the_runs_is_noticed(tmp_path: Path) -> None:
    assert not is_on_a_server(tmp_path)
    (tmp_path / "config.yaml").write_text("store:\n  type: rest\n")
    assert is_on_a_server(tmp_path)
