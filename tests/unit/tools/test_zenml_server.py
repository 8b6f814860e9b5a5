"""The dashboard's process: which one is stopped, and when it ends by itself."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock

from tools.process_record import ProcessRecord, RunningProcess
from tools.zenml_server import stop_dashboard

pytest.importorskip("zenml")

ROOT = Path(__file__).resolve().parents[3]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
STARTER = """
import subprocess, sys
subprocess.Popen([sys.executable, "-m", "tools.zenml_server", "up", "--port", "0"]).wait()
"""


def tool(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tools.zenml_server", *arguments]
    environment = {**os.environ, "RAG_HOME": str(home)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def sleeping_process() -> tuple["subprocess.Popen[bytes]", RunningProcess]:
    process = subprocess.Popen(SLEEPER)
    return process, RunningProcess(process.pid, psutil.Process(process.pid).create_time(), "http://127.0.0.1:1")


def write_record(path: Path, running: RunningProcess) -> None:
    path.write_text(f'{{"pid": {running.pid}, "started_s": {running.started_s}, "url": "{running.url}"}}')


def wait_until(condition: Any, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # nobody waits for it where there is no init
    except psutil.NoSuchProcess:
        return True


def test_down_is_a_line_and_no_error_where_none_runs(tmp_path: Path) -> None:
    done = tool(tmp_path, "down")
    assert (done.returncode, done.stdout, done.stderr) == (0, "dashboard  none runs\n", "")
    assert list(tmp_path.rglob("*")) == []


def test_a_record_that_was_left_behind_stops_nobody(tmp_path: Path) -> None:
    process, running = sleeping_process()
    try:
        FileLock(tmp_path / ".dashboard.lock").acquire().lock.release()  # whoever held it has ended
        write_record(tmp_path / "dashboard.json", running)
        assert stop_dashboard(tmp_path) == "dashboard  none runs"
        assert process.poll() is None
        assert not (tmp_path / "dashboard.json").exists()
    finally:
        process.kill()
        process.wait()


def test_another_process_that_was_given_the_number_is_left_alone(tmp_path: Path) -> None:
    process, running = sleeping_process()
    try:
        write_record(tmp_path / "dashboard.json", RunningProcess(running.pid, running.started_s - 60, running.url))
        with FileLock(tmp_path / ".dashboard.lock"):
            assert "stop it there" in stop_dashboard(tmp_path)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_the_process_of_the_record_is_ended(tmp_path: Path) -> None:
    process, running = sleeping_process()
    write_record(tmp_path / "dashboard.json", running)
    with FileLock(tmp_path / ".dashboard.lock"):
        assert stop_dashboard(tmp_path) == "dashboard  http://127.0.0.1:1 is stopped"
    process.wait()
    assert not psutil.pid_exists(running.pid)
    assert not (tmp_path / "dashboard.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_broken_record_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "dashboard.json").write_text(text)
    assert ProcessRecord(tmp_path / "dashboard.json").read() is None


def test_a_record_is_there_as_long_as_the_process_serves(tmp_path: Path) -> None:
    record = ProcessRecord(tmp_path / "dashboard.json")
    with record.kept("http://127.0.0.1:1"):
        running = record.read()
        assert running is not None
        assert (running.pid, running.url) == (os.getpid(), "http://127.0.0.1:1")
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_its_owners_alone_since_its_address_opens_the_pages(tmp_path: Path) -> None:
    with ProcessRecord(tmp_path / "dashboard.json").kept("http://127.0.0.1:1/?token=a"):
        (file,) = tmp_path.iterdir()
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_dashboard_ends_when_its_starter_is_killed_without_a_word(tmp_path: Path) -> None:
    record = ProcessRecord(tmp_path / "zenml" / "dashboard.json")
    environment = {**os.environ, "RAG_HOME": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", STARTER], cwd=ROOT, env=environment) as starter:
        wait_until(record.read)
        running = record.read()
        assert running
        starter.kill()
    wait_until(lambda: has_ended(running.pid))
    assert record.read() is None


@pytest.mark.parametrize("port", ["-1", "65536", "many"])
def test_a_port_that_does_not_exist_is_refused(tmp_path: Path, port: str) -> None:
    refused = tool(tmp_path, "up", f"--port={port}")
    assert refused.returncode == 2
    assert f"argument --port: '{port}' is no port: give a number from 0 to 65535" in refused.stderr


def test_a_home_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    refused = tool(tmp_path / "home", "up", "--port", "0")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert refused.stderr.endswith("set RAG_HOME to another.\n")
