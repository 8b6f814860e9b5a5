"""Which pages can be opened, and how that is said."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from pydantic import SecretStr

from rag_llm_system.domain.errors import MissingExtraError, NotFoundError
from rag_llm_system.domain.ports.experiment_tracker import TrackedRun
from rag_llm_system.settings import Settings, load_settings
from tools.dashboard import dashboard_lines, open_mlflow
from tools.process_record import ProcessRecord

ROOT = Path(__file__).resolve().parents[3]
needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra tracking is not installed")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZENML_CONFIG_PATH", str(tmp_path / "zenml"))
    monkeypatch.delenv("OPIK_URL_OVERRIDE", raising=False)
    return tmp_path


def line(name: str, settings: Settings) -> str:
    (found,) = [line for line in dashboard_lines(settings) if line.startswith(name)]
    return found.removeprefix(name).strip()


def test_where_nothing_runs_each_line_says_how_it_is_started(home: Path) -> None:
    lines = dashboard_lines(load_settings(rag_home=home))
    assert [line[:11].strip() for line in lines] == ["pipelines", "tracking", "Opik", "main API"]
    assert "./poe local-zenml-server-up" in lines[0]
    assert ("run a pipeline first" if find_spec("mlflow") else "needs the extra 'tracking'") in lines[1]
    assert lines[2:] == [
        "Opik       off: COMET_API_KEY is not set",
        "main API   not running: ./poe serve starts it",
    ]
    assert list(home.iterdir()) == []


@needs_mlflow
def test_the_runs_in_mlflow_are_counted(home: Path) -> None:
    folder = home / "mlflow"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        database.execute("CREATE TABLE runs (run_uuid TEXT)")
        database.execute("INSERT INTO runs VALUES ('a')")
        database.commit()
    assert line("tracking", load_settings(rag_home=home)) == f"./poe dashboard mlflow shows 1 run in {folder}/mlflow.db"


def test_a_server_and_a_key_are_shown_without_secrets(home: Path) -> None:
    settings = load_settings(
        rag_home=home,
        rag_mlflow_uri="http://ada:hunter2@tracking.example.org:5000",
        comet_api_key=SecretStr("hunter2"),
        comet_project="my-twin",
    )
    assert line("tracking", settings) == "http://tracking.example.org:5000   MLflow"
    assert line("Opik", settings) == "https://www.comet.com/opik   project my-twin"
    assert "hunter2" not in "".join(dashboard_lines(settings))


def test_tracking_that_is_off_is_said_to_be_off(home: Path) -> None:
    settings = load_settings(rag_home=home, rag_tracking=False, comet_api_key=SecretStr("a-key"))
    assert line("tracking", settings) == line("Opik", settings) == "off (RAG_TRACKING=false)"


def test_a_pipeline_dashboard_counts_as_running_when_it_answers(home: Path) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    (home / "zenml").mkdir()
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with ProcessRecord(home / "zenml" / "dashboard.json").kept(url):
            assert line("pipelines", load_settings(rag_home=home)).startswith(url)
            thread.join()
            server.server_close()
            assert "local-zenml-server-up" in line("pipelines", load_settings(rag_home=home))


def test_there_is_nothing_to_serve_before_the_first_run(home: Path) -> None:
    expected = NotFoundError if find_spec("mlflow") else MissingExtraError
    with pytest.raises(expected):
        open_mlflow(load_settings(rag_home=home), 0)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("port", ["-1", "65536", "many"])
def test_a_port_that_does_not_exist_is_refused(home: Path, port: str) -> None:
    command = [sys.executable, "-m", "tools.dashboard", "mlflow", f"--port={port}"]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert f"argument --port: '{port}' is no port: give a number from 0 to 65535" in refused.stderr


@needs_mlflow
@pytest.mark.slow
def test_mlflows_pages_are_served_from_one_process_until_ctrl_c(home: Path) -> None:
    from rag_llm_system.infrastructure.observability.mlflow_store import own_store
    from rag_llm_system.infrastructure.observability.mlflow_tracker import MlflowTracker

    MlflowTracker(own_store(home / "mlflow")).log_run(TrackedRun("etl", datetime.now(UTC), 1.0))
    command = [sys.executable, "-m", "tools.dashboard", "mlflow", "--port", "0"]
    environment = {**os.environ, "RAG_HOME": str(home)}
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            first = process.stdout.readline()
            assert first.startswith("MLflow  http://127.0.0.1:"), process.communicate(timeout=30)
            url, _, token = first.split()[1].partition("?token=")
            search: Any = {"url": f"{url}api/2.0/mlflow/runs/search", "json": {"experiment_ids": ["1"]}, "timeout": 20}
            found = httpx.post(headers={"authorization": f"Bearer {token}"}, **search).json()
            assert [run["info"]["run_name"] for run in found["runs"]] == ["etl"]
            assert httpx.post(**search).status_code == 401
            assert httpx.get(f"{url}get-artifact?run_id=1&path=x", timeout=20).status_code == 401
            assert httpx.get(url, headers={"host": "page.example"}, timeout=20).status_code == 403
            assert psutil.Process(process.pid).children(recursive=True) == []
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
