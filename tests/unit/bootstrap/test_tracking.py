"""Which trackers the settings give, and what they cost."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydantic import SecretStr

from rag_llm_system.bootstrap.tracking import decisive_settings, mlflow_store, open_tracker
from rag_llm_system.domain.errors import ConfigurationError, MissingExtraError
from rag_llm_system.domain.ports.experiment_tracker import TrackedRun
from rag_llm_system.settings import load_settings
from tests.opik_stub import opik_stub

ROOT = Path(__file__).resolve().parents[3]
NOBODY_THERE = "http://127.0.0.1:9"
OPENING = """
import sys
from rag_llm_system.bootstrap.tracking import open_tracker
from rag_llm_system.settings import load_settings

with open_tracker(load_settings()) as tracker:
    print(tracker.name or "nothing", *({"mlflow", "opik"} & set(sys.modules)))
"""
LOGGING_TO_OPIK = """
import time, warnings
from datetime import UTC, datetime
warnings.simplefilter("ignore")
import opik
from rag_llm_system.application.wrappers.forgiving import ForgivingTracker
from rag_llm_system.domain.ports.experiment_tracker import TrackedRun
from rag_llm_system.infrastructure.observability.opik_tracker import OpikTracker
from rag_llm_system.infrastructure.opik_utils import FLUSH_S, open_opik_client

tracker = ForgivingTracker([OpikTracker(lambda: open_opik_client("a-key", "twin"), flush_s=FLUSH_S)])
started = time.perf_counter()
tracker.log_run(TrackedRun("etl", datetime.now(UTC), 1.0))
print(time.perf_counter() - started, time.time())
"""


def run(what: str, *, home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", LOGGING_TO_OPIK if what == "opik" else OPENING],
        env={**os.environ, "RAG_HOME": str(home), "PYTHONPATH": str(ROOT), **environment},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_tracking_that_is_off_is_nothing_at_all(tmp_path: Path) -> None:
    off = run(
        "open", home=tmp_path, RAG_TRACKING="false", COMET_API_KEY="a-key", RAG_MLFLOW_URI="http://nowhere.invalid"
    )
    assert (off.returncode, off.stdout, off.stderr) == (0, "nothing\n", "")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_loaded_or_made_before_the_first_run(tmp_path: Path) -> None:
    opened = run("open", home=tmp_path)
    installed = "MLflow" if find_spec("mlflow") else "nothing"
    assert (opened.returncode, opened.stdout, opened.stderr) == (0, f"{installed}\n", "")
    assert list(tmp_path.iterdir()) == []


def test_the_runs_go_under_the_home_folder_unless_another_place_is_named(tmp_path: Path) -> None:
    assert mlflow_store(load_settings(rag_home=tmp_path)).file == tmp_path / "mlflow" / "mlflow.db"
    named = mlflow_store(load_settings(rag_home=tmp_path, rag_mlflow_uri="http://tracking.example.org:5000"))
    assert (named.is_server, named.file, named.artifacts) == (True, None, None)


def test_a_place_that_cannot_be_used_is_said_before_the_run() -> None:
    settings = load_settings(rag_mlflow_uri="file:///tmp/mlruns")
    with pytest.raises(ConfigurationError, match="RAG_MLFLOW_URI"), open_tracker(settings):
        pass


@pytest.mark.skipif(find_spec("mlflow") is not None, reason="the extra tracking is installed")
def test_a_place_for_mlflow_without_mlflow_names_the_extra() -> None:
    settings = load_settings(rag_mlflow_uri="http://tracking.example.org")
    with pytest.raises(MissingExtraError, match="tracking"), open_tracker(settings):
        pass


@pytest.mark.skipif(find_spec("opik") is not None, reason="the extra opik is installed")
def test_a_key_for_opik_without_opik_names_the_extra() -> None:
    settings = load_settings(comet_api_key=SecretStr("a-key"))
    with pytest.raises(MissingExtraError, match="opik"), open_tracker(settings):
        pass


def test_the_settings_that_decide_what_an_index_holds_have_no_secret() -> None:
    decisive = decisive_settings(load_settings())
    assert decisive["rag_window_tokens"] == 128
    assert all(isinstance(value, str | int | float) for value in decisive.values())


@pytest.mark.slow
def test_opik_gets_the_run_though_mlflow_is_away_and_the_key_goes_into_its_header_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("opik")
    settings = load_settings(
        rag_home=tmp_path,
        rag_mlflow_uri=NOBODY_THERE if find_spec("mlflow") else None,
        comet_api_key=SecretStr("hunter2"),
        comet_project="my-twin",
    )
    with opik_stub() as stub, open_tracker(settings) as tracker:
        monkeypatch.setenv("OPIK_URL_OVERRIDE", stub.url)
        tracker.log_run(TrackedRun("etl", datetime.now(UTC), 1.0))
    assert [trace["project_name"] for trace in stub.traces()] == ["my-twin"]
    assert [request.headers["authorization"] for request in stub.requests] == ["hunter2"] * len(stub.requests)
    for request in stub.requests:
        others = {key: value for key, value in request.headers.items() if key != "authorization"}
        assert "hunter2" not in f"{request.path} {request.body!r} {others}"
    assert "hunter2" not in os.environ.values()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_opik_server_that_hangs_costs_a_run_seconds_and_one_line_and_the_end_of_the_process_nothing(
    tmp_path: Path,
) -> None:
    pytest.importorskip("opik")
    with opik_stub(status=None) as stub:
        process = run("opik", home=tmp_path, OPIK_URL_OVERRIDE=stub.url)
        ended = time.time()
    assert process.returncode == 0, process.stderr
    logging_s, logged_at = map(float, process.stdout.split())
    assert stub.requests
    assert logging_s < 15  # 4.2 on a machine that does nothing else
    assert ended - logged_at < 9  # Opik alone would keep it for 11
    lines = process.stderr.splitlines()
    assert len(lines) == 1, process.stderr
    assert "run_not_tracked run=etl tracker=Opik reason=Opik did not take the run in time" in lines[0]
