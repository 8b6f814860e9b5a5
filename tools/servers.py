"""Starts the two servers as processes of their own, waits until they answer, stops them again."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError
from rag_llm_system.settings import Settings, server_url
from tools.http_request import request

_STARTUP_S = 600.0  # at first use a model may have to be fetched and built
_SHUTDOWN_S = 15.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs as a process of its own."""

    name: str
    url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def running_servers(settings: Settings) -> Iterator[tuple[Server, Server]]:
    """Gives the model server and the main API, ready to answer; stops both at the end, whatever happens.

    Raises:
        BackendUnavailableError: a server ended before it was ready; its own error line stands above.
    """
    with ExitStack() as stack:
        model_host = settings.rag_model_server_host
        model_port = next_free_port(model_host, settings.rag_model_server_port)
        model_url = server_url(model_host, model_port)
        model = stack.enter_context(_running("model server", "tools.model_server", model_url, model_port, {}))
        api_port = next_free_port(settings.rag_api_host, settings.rag_api_port, taken=model_port)
        api_url = server_url(settings.rag_api_host, api_port)
        found_at = {"RAG_MODEL_SERVER_URL": model_url}
        api = stack.enter_context(_running("main API", "tools.ml_service", api_url, api_port, found_at))
        for server in (model, api):
            _wait_until_ready(server)
        yield model, api


def next_free_port(host: str, port: int, *, taken: int | None = None, n_tries: int = 20) -> int:
    """Gives the first port from `port` on that nobody listens on; for port 0 any that is free.

    A host that cannot be bound at all is left to the server itself, which says what is wrong with it.

    Raises:
        ConfigurationError: all of them are taken.
    """
    ports = [0] if port == 0 else range(port, min(port + n_tries, 65536))
    for candidate in ports:
        if candidate != taken and (free := _free_port(host, candidate)) is not None:
            return free
    raise ConfigurationError(f"Ports {ports[0]} to {ports[-1]} are all taken: set RAG_API_PORT, RAG_MODEL_SERVER_PORT.")


def _free_port(host: str, port: int) -> int | None:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except OSError as error:
        return None if error.errno == errno.EADDRINUSE else port


@contextmanager
def _running(name: str, module: str, url: str, port: int, environment: dict[str, str]) -> Iterator[Server]:
    command = [sys.executable, "-m", module, "--port", str(port), "--quiet", "--stop-with-stdin"]
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.PIPE)
    try:
        yield Server(name, url, process)
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_SHUTDOWN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + _STARTUP_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise BackendUnavailableError(f"The {server.name} ended before it was ready; its error is above.")
        try:
            if request(f"{server.url}/ready").status_code == 200:
                return
        except BackendUnavailableError:
            pass
        time.sleep(0.05)
    raise BackendUnavailableError(f"The {server.name} was not ready after {_STARTUP_S:.0f} s: see {server.url}/ready.")
