"""The benchmark of questions: what callers get is counted, and the tables say it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import psutil
import pytest

from benchmarks.query.benchmark import query_tables
from benchmarks.query.http_load import RunningServer, load, running_server


class Replies(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        question = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(503 if b"busy" in question else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        pass


class ThisProcess:
    """Stands for a server's process."""

    pid = psutil.Process().pid


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Replies) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield RunningServer(listening.server_port, cast(Any, ThisProcess()))
        listening.shutdown()
        thread.join()


def test_every_request_is_counted_and_so_is_every_one_that_failed(server: RunningServer) -> None:
    record = load([server, server], ["when?", "busy"], n_callers=3, n_requests=10)
    assert (record.n_callers, record.n_workers, record.n_requests, record.n_errors) == (3, 2, 10, 5)
    assert 0 < record.p50_ms <= record.p95_ms
    assert (record.requests_per_s > 0, record.server_cpu_ms >= 0) == (True, True)


def test_the_apis_overhead_is_measured_on_a_server_that_answers_at_once() -> None:
    with running_server("benchmarks.query.instant_server", {}) as server:
        record = load([server], ["ready?"], n_callers=1, n_requests=20)
    assert (record.n_requests, record.n_errors, record.server_cpu_ms < 50) == (20, 0, True)


def test_the_tables_give_the_middle_and_the_ends_of_the_rounds() -> None:
    stage_rounds = [
        {
            "by_stage": {"embedding": ms, "search": 0.5},
            "child_cpu_ms": 1.5,
            "counted_cpu_ms": 2.0 + ms,
            "total_cpu_ms": 3.0,
            "wall_ms": 4.0,
            "load_average_1_min": 0.1,
        }
        for ms in (1.0, 3.0, 2.0)
    ]
    one_load = {
        "n_callers": 4, "n_workers": 1, "n_requests": 9, "n_errors": 1, "p50_ms": 5.0, "p95_ms": 6.0,
        "requests_per_s": 70.0, "server_cpu_ms": 8.0, "load_average_1_min": 0.2,
    }  # fmt: skip
    report = {
        "n_windows": 20_000, "n_questions": 300, "stages": stage_rounds, "overhead_cpu_ms": [0.7, 0.6, 0.8],
        "load": [one_load, one_load],
    }  # fmt: skip
    lines = list(query_tables(report))
    assert "| embedding | 2.00 (1.00-3.00) |" in lines
    assert "| the API's own, beyond the service | 0.70 (0.60-0.80) |" in lines
    assert lines[-1] == "| 4 | 1 | 5.0 (5.0-5.0) | 6.0 (6.0-6.0) | 70.0 (70.0-70.0) | 8.0 (8.0-8.0) | 2 | 0.2 |"
