"""Where MLflow keeps runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import BackendError, ConfigurationError
from rag_llm_system.infrastructure.observability.mlflow_store import named_store, own_store


def test_our_own_store_is_one_file_with_a_folder_beside_it(tmp_path: Path) -> None:
    store = own_store(tmp_path / "a b")
    assert store.uri == f"sqlite:///{tmp_path}/a%20b/mlflow.db"
    assert (store.file, store.artifacts) == (tmp_path / "a b" / "mlflow.db", tmp_path / "a b" / "artifacts")
    assert store.n_runs() == 0
    assert list(tmp_path.iterdir()) == []


def test_runs_are_counted_without_mlflow(tmp_path: Path) -> None:
    store = own_store(tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert store.n_runs() == 0
        database.execute("CREATE TABLE runs (run_uuid TEXT)")
        database.executemany("INSERT INTO runs VALUES (?)", [("a",), ("b",)])
        database.commit()
    assert store.n_runs() == 2


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database " * 100, encoding="utf-8")
    with pytest.raises(BackendError, match=r"mlflow\.db cannot be read: move it away"):
        own_store(tmp_path).n_runs()


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("http://ada:hunter2@tracking.example.org:5000/path", "http://tracking.example.org:5000"),
        ("https://tracking.example.org", "https://tracking.example.org"),
        ("postgresql+psycopg://ada:hunter2@db/mlflow", "postgresql+psycopg://db"),
        ("sqlite:////var/lib/runs%20here.db", "/var/lib/runs here.db"),
        ("sqlite:////var/lib/runs.db?timeout=5", "/var/lib/runs.db"),
        ("sqlite:////var/lib/runs%3F.db?timeout=5", "/var/lib/runs?.db"),
    ],
)
def test_a_named_store_is_shown_without_user_and_password(uri: str, place: str, tmp_path: Path) -> None:
    assert named_store(uri, tmp_path).place == place


@pytest.mark.parametrize("uri", ["file:///tmp/mlruns", "mlruns", "/tmp/mlruns", "ftp://hunter2@x"])
def test_a_store_that_mlflow_does_not_write_is_refused_in_one_line(uri: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="RAG_MLFLOW_URI cannot be used") as caught:
        named_store(uri, tmp_path)
    assert "hunter2" not in caught.value.message
    assert "\n" not in caught.value.message
