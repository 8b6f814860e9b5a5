"""In a container a server listens on every address, since its port is published from outside; whom it answers stays."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from rag_llm_system.infrastructure.api.serving import listening_socket

ROOT = Path(__file__).resolve().parents[2]
SERVING = """
from contextlib import nullcontext
from types import SimpleNamespace
from rag_llm_system.infrastructure.api.serving import serve
from rag_llm_system.infrastructure.inference_pipeline_api import create_app

app = create_app(lambda: nullcontext(SimpleNamespace(answering=None)))
serve(app, host="0.0.0.0", port=0, announce=lambda url: print(url, flush=True), trust_network=True)
"""


def address_beyond_loopback() -> str:
    """Gives an address of this machine's that another one, or a container's engine, would use; asks nobody."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: nobody's; a datagram socket sends nothing when it connects
            return str(probe.getsockname()[0])
        except OSError:
            pytest.skip("this machine has no address but loopback")


def test_every_address_is_listened_on_when_the_network_is_trusted() -> None:
    with listening_socket("0.0.0.0", 0, trust_network=True) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection((address_beyond_loopback(), port), timeout=5):
            pass


def test_requests_that_are_addressed_to_another_name_are_still_refused() -> None:
    address = address_beyond_loopback()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", SERVING], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:")
            published = url.replace("127.0.0.1", address)
            assert httpx.get(f"{published}/ready", headers={"host": "localhost"}, trust_env=False).status_code == 200
            assert httpx.get(f"{published}/ready", trust_env=False).status_code == 403
            assert httpx.get(f"{url}/ready", headers={"host": "page.example"}, trust_env=False).status_code == 403
        finally:
            process.terminate()
    assert process.returncode == 0
