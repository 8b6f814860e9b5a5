"""Each run of a pipeline is tracked, also one that fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mlflow", reason="needs the extra tracking")

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def run_etl(home: Path, link: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tools.run", "--run-etl", "--user-full-name", "Ada Lovelace", "--link", str(link)],
        cwd=PROJECT,
        env={**os.environ, "RAG_HOME": str(home), "RAG_TRACKING": "true"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_runs_that_work_and_runs_that_fail_are_tracked_with_what_they_did(tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    (tmp_path / "engine.md").write_text("# Engine\n\nIt weaves patterns.\n")
    assert run_etl(tmp_path / "home", tmp_path / "engine.md").returncode == 0
    assert run_etl(tmp_path / "home", tmp_path / "nowhere.md").returncode == 1
    client = MlflowClient(f"sqlite:///{tmp_path}/home/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("rag_llm_system")
    assert experiment
    failed, worked = client.search_runs([experiment.experiment_id], order_by=["start_time DESC"])
    assert (worked.info.status, failed.info.status) == ("FINISHED", "FAILED")
    assert worked.data.metrics["ingestion/n_new"] == 1
    assert worked.data.params["rag_window_tokens"] == "128"
