"""Questions over HTTP: servers as processes of their own, callers as threads that each keep a connection."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

import numpy as np
import psutil

from rag_llm_system.domain.errors import BackendUnavailableError

_HOST = "127.0.0.1"
_STARTUP_S = 120.0
_SHUTDOWN_S = 20.0
_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class RunningServer:
    """A server under load."""

    port: int
    process: "subprocess.Popen[bytes]"

    def cpu_s(self) -> float:
        """CPU seconds of the process and of what it started."""
        family = psutil.Process(self.process.pid)
        times = [one.cpu_times() for one in (family, *family.children(recursive=True))]
        return sum(time.user + time.system for time in times)


@dataclass(frozen=True)
class LoadRecord:
    """What so many callers got who asked without a pause, and what the servers consumed for each request."""

    n_callers: int
    n_workers: int
    n_requests: int
    n_errors: int
    p50_ms: float
    p95_ms: float
    requests_per_s: float
    server_cpu_ms: float


@dataclass
class _Answers:
    milliseconds: list[float] = field(default_factory=list)
    n_errors: int = 0


@contextmanager
def running_server(module: str, environment: dict[str, str], *options: str) -> Iterator[RunningServer]:
    """Gives a server that is ready to answer, started by its module as the product starts it; stops it at the end.

    Raises:
        BackendUnavailableError: it did not become ready.
    """
    with closing(_probe()) as probe:
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", module, "--port", str(port), *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, **environment})
    try:
        _wait_until_ready(process, port)
        yield RunningServer(port, process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_SHUTDOWN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def load(servers: Sequence[RunningServer], questions: Sequence[str], n_callers: int, n_requests: int) -> LoadRecord:
    """Has the callers ask `n_requests` questions together, the callers dealt out to the servers in turn."""
    answers = [_Answers() for _ in range(n_callers)]
    threads = [
        threading.Thread(
            target=_call,
            args=(servers[number % len(servers)].port, _dealt(questions, number, n_callers, n_requests), each),
        )
        for number, each in enumerate(answers)
    ]
    cpu_before = sum(server.cpu_s() for server in servers)
    started = time.perf_counter()
    with ExitStack() as stack:
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
    seconds = time.perf_counter() - started
    waited = [one for each in answers for one in each.milliseconds]
    return LoadRecord(
        n_callers=n_callers,
        n_workers=len(servers),
        n_requests=len(waited),
        n_errors=sum(each.n_errors for each in answers),
        p50_ms=float(np.percentile(waited, 50)),
        p95_ms=float(np.percentile(waited, 95)),
        requests_per_s=len(waited) / seconds,
        server_cpu_ms=1000 * (sum(server.cpu_s() for server in servers) - cpu_before) / len(waited),
    )


def _call(port: int, questions: Sequence[str], answers: _Answers) -> None:
    with closing(http.client.HTTPConnection(_HOST, port, timeout=60)) as connection:
        for question in questions:
            started = time.perf_counter()
            answers.n_errors += _ask(connection, question) != http.client.OK
            answers.milliseconds.append(1000 * (time.perf_counter() - started))


def _ask(connection: http.client.HTTPConnection, question: str) -> int:
    """Gives the status of the answer; 0 where there is none."""
    try:
        connection.request("POST", "/rag", json.dumps({"query": question}), _HEADERS)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0


def _dealt(questions: Sequence[str], number: int, n_callers: int, n_requests: int) -> list[str]:
    return [questions[place % len(questions)] for place in range(number, n_requests, n_callers)]


def _probe() -> socket.socket:
    return socket.create_server((_HOST, 0))


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _STARTUP_S
    while time.monotonic() < deadline and process.poll() is None:
        with closing(http.client.HTTPConnection(_HOST, port, timeout=2)) as connection:
            try:
                connection.request("GET", "/ready")
                if connection.getresponse().status == http.client.OK:
                    return
            except (OSError, http.client.HTTPException):
                pass
        time.sleep(0.02)
    raise BackendUnavailableError("a server that was to be measured did not become ready: its error is above")
