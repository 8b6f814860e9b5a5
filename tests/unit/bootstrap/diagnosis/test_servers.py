"""Servers: up, not up, or somebody else on their port."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rag_llm_system.application.diagnosis.findings import Level
from rag_llm_system.bootstrap.diagnosis.servers import holder_of, language_model, main_api, model_server, tracking
from rag_llm_system.bootstrap.tracking import is_mlflow_installed
from rag_llm_system.settings import Settings


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Gives the port of a server that answers everything with that status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def settings(home: Path, **values: object) -> Settings:
    return Settings.model_validate({"rag_home": home, **values})


def test_who_listens_on_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert f"process {os.getpid()} (" in str(holder_of("127.0.0.1", port))
        assert f"process {os.getpid()} (" in str(holder_of("localhost", port))
        assert holder_of("::1", port) is None
    assert holder_of("127.0.0.1", port) is None


def test_a_main_api_that_is_not_there_is_no_failure(tmp_path: Path, free_port: int) -> None:
    finding = main_api(settings(tmp_path, rag_api_port=free_port), lambda: None)
    assert (finding.level, finding.found) == (Level.INFO, f"not running, port {free_port} is free")


def test_a_main_api_on_a_port_that_is_taken_is_told_by_whom(tmp_path: Path) -> None:
    with answering(404) as port:
        finding = main_api(settings(tmp_path, rag_api_port=port), lambda: None)
    assert finding.level is Level.WARN
    assert finding.found.startswith(f"not running, port {port} is taken by process {os.getpid()} (")
    assert "RAG_API_PORT" in finding.advice


@pytest.mark.parametrize(("status", "level"), [(200, Level.OK), (503, Level.INFO)])
def test_a_server_that_is_up_is_ready_or_not_yet(status: int, level: Level, tmp_path: Path) -> None:
    with answering(status) as port:
        assert main_api(settings(tmp_path), lambda: f"http://127.0.0.1:{port}").level is level
        assert model_server(settings(tmp_path, rag_model_server_port=port)).level is level


@pytest.mark.parametrize(("fallback", "level"), [(True, Level.WARN), (False, Level.FAIL)])
def test_a_named_model_server_that_is_away_matters_as_much_as_it_is_needed(
    fallback: bool, level: Level, tmp_path: Path, free_port: int
) -> None:
    url = f"http://ada:hush-hush@127.0.0.1:{free_port}/v1?key=hush-hush"
    finding = model_server(settings(tmp_path, rag_model_server_url=url, rag_answer_fallback=fallback))
    assert finding.level is level
    assert f"http://127.0.0.1:{free_port}" in finding.found
    assert "hush-hush" not in repr(finding)


def test_tracking_that_is_off_is_said(tmp_path: Path) -> None:
    assert tracking(settings(tmp_path, rag_tracking=False)).level is Level.INFO


def test_an_mlflow_server_that_is_away_is_a_failure(tmp_path: Path, free_port: int) -> None:
    if not is_mlflow_installed():
        pytest.skip("the extra tracking is not installed")
    uri = f"http://ada:hush-hush@127.0.0.1:{free_port}"
    finding = tracking(settings(tmp_path, rag_mlflow_uri=uri))
    assert finding.level is Level.FAIL
    assert "hush-hush" not in repr(finding)
    with answering(200) as port:
        assert tracking(settings(tmp_path, rag_mlflow_uri=f"http://127.0.0.1:{port}")).level is Level.OK
    assert list(tmp_path.iterdir()) == []


def test_a_language_model_that_is_away_is_a_warning(tmp_path: Path, free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}/v1"
    finding = language_model(settings(tmp_path, rag_language_model_url=url))
    assert finding.level is Level.WARN
    assert finding.found == f"none answers at http://127.0.0.1:{free_port}; questions are read by rule"
    with answering(200) as port:
        there = language_model(settings(tmp_path, rag_language_model_url=f"http://127.0.0.1:{port}/v1"))
    assert (there.level, there.found) == (Level.OK, f"gpt-4o-mini at http://127.0.0.1:{port}")
