"""`serve` in a process of its own: ports, signals, exit codes, failures to load."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.infrastructure.api.serving import listening_socket

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = """
import signal, sys, time
from contextlib import contextmanager
from types import SimpleNamespace
from rag_llm_system.domain.answers import Answer
from rag_llm_system.domain.errors import ConfigurationError, RagError
from rag_llm_system.infrastructure.api.serving import serve
from rag_llm_system.infrastructure.inference_pipeline_api import create_app

host, port, opening = sys.argv[1], int(sys.argv[2]), sys.argv[3]

class Answering:
    def answer(self, question, *, top_k=None, category=None, history=()):
        print("asked", flush=True)
        time.sleep(float(question))
        return Answer("done", (), (), False)

@contextmanager
def open_services():
    if opening == "fails":
        raise ConfigurationError("The model is missing: run 'poe setup'.")
    if opening == "hangs":
        time.sleep(60)
    yield SimpleNamespace(answering=Answering())
    print("closed", flush=True)

try:
    serve(create_app(open_services), host=host, port=port, announce=lambda url: print("ready on", url, flush=True))
except RagError as error:
    sys.exit(f"error: {error.message}")
except KeyboardInterrupt:
    sys.exit(130)
finally:
    print("SIGTERM as before:", signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
"""


@contextmanager
def served(*, port: int = 0, host: str = "127.0.0.1", opening: str = "works") -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", PROGRAM, host, str(port), opening]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def url_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    line = process.stdout.readline().strip()
    assert line.startswith("ready on http://"), line or process.communicate()[1]
    return line.rpartition(" ")[2]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_lets_the_answer_under_way_finish_and_closes_everything(number: signal.Signals, code: int) -> None:
    with served() as process:
        url = url_of(process)
        answers: list[httpx.Response] = []
        asker = threading.Thread(target=lambda: answers.append(httpx.post(f"{url}/rag", json={"query": "0.7"})))
        asker.start()
        assert process.stdout
        assert process.stdout.readline() == "asked\n"
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
        asker.join()
    assert process.returncode == code
    assert [answer.json()["answer"] for answer in answers] == ["done"]
    assert output == "closed\nSIGTERM as before: True\n"
    assert errors.count("\n") <= 2, errors
    assert "Traceback" not in errors


def test_ctrl_c_ends_a_server_that_is_still_loading() -> None:
    with listening_socket("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    with served(port=port, opening="hangs") as process:
        wait_for_health(f"http://127.0.0.1:{port}", process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def wait_for_health(url: str, process: "subprocess.Popen[str]") -> None:
    while process.poll() is None:
        try:
            assert httpx.get(f"{url}/health").status_code == 200
            return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError(process.communicate()[1])


def test_a_failure_to_load_ends_the_server_with_one_line() -> None:
    with served(opening="fails") as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors == "error: The model is missing: run 'poe setup'.\n"
    assert "ready" not in output


def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with listening_socket("127.0.0.1", 0) as taken, served(port=taken.getsockname()[1]) as process:
        port = taken.getsockname()[1]
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith(f"error: Port {port} is taken")
    assert "--port N" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.org", "", "127.0.0.1.example.org"])
def test_other_addresses_than_loopback_are_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match="no API keys yet"), listening_socket(host, 0):
        pass


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(ConfigurationError, match="not between 0 and 65535"), listening_socket("127.0.0.1", port):
        pass


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", "127.0.0.1"),
        pytest.param("::1", "::1", marks=pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")),
    ],
)
def test_every_loopback_name_can_be_listened_on(host: str, address: str) -> None:
    with listening_socket(host, 0) as listener, socket.create_connection((address, listener.getsockname()[1])):
        assert listener.getsockname()[0] == address


def test_answers_are_sent_without_waiting_for_acknowledgements() -> None:
    # Nagle's algorithm against delayed acknowledgements costs 40 ms on every request of a kept connection.
    async def no_delay_of_a_connection() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listening_socket("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
            async with await asyncio.start_server(connected, sock=listener):
                return await found

    assert asyncio.run(no_delay_of_a_connection()) == 1
