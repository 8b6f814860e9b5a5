"""Each run of a pipeline is tracked, also one that fails."""

import os
from pathlib import Path

import pytest

from tests.forked_commands import ForkedCommands

pytest.importorskip("mlflow", reason="needs the extra tracking")

pytestmark = pytest.mark.slow


def run_etl(forked: ForkedCommands, home: Path, link: Path) -> int:
    """Gives how it ended."""
    command = ["-m", "tools.run", "--run-etl", "--user-full-name", "Ada Lovelace", "--link", link]
    return forked.run(command, environment={**os.environ, "RAG_HOME": str(home), "RAG_TRACKING": "true"}).returncode


def test_runs_that_work_and_runs_that_fail_are_tracked_with_what_they_did(
    forked: ForkedCommands, tmp_path: Path
) -> None:
    from mlflow.tracking import MlflowClient

    (tmp_path / "engine.md").write_text("# Engine\n\nIt weaves patterns.\n")
    assert run_etl(forked, tmp_path / "home", tmp_path / "engine.md") == 0
    assert run_etl(forked, tmp_path / "home", tmp_path / "nowhere.md") == 1
    client = MlflowClient(f"sqlite:///{tmp_path}/home/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("rag_llm_system")
    assert experiment
    failed, worked = client.search_runs([experiment.experiment_id], order_by=["start_time DESC"])
    assert (worked.info.status, failed.info.status) == ("FINISHED", "FAILED")
    assert worked.data.metrics["ingestion/n_new"] == 1
    assert worked.data.params["rag_window_tokens"] == "128"
