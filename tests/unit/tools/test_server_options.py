"""A server ends with whoever started it."""

import os
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}


def test_a_server_stops_when_the_standard_input_of_its_starter_is_closed() -> None:
    command = [sys.executable, "-m", "tools.model_server", "--port", "0", "--stop-with-stdin"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert "model server on http://127.0.0.1:" in process.stdout.readline()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(30) == 0
