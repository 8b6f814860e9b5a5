"""Commands as a person types them, each in a process of its own that is forked from one that has loaded ZenML.

Of the ten seconds that a small pipeline takes where every extra is installed, eight go into imports: ZenML, and each
library that ZenML knows and finds (torch, scikit-learn). A forked process finds them loaded. It has its own folder,
environment, arguments and exit, as it would have otherwise. That commands also work when they are started afresh is
shown by tests/e2e/test_readme.py.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOADED = (
    "httpx", "mlflow", "numpy", "qdrant_edge", "rapidfuzz", "sqlalchemy.dialects.sqlite", "tokenizers",
    "pipelines.end_to_end_data", "pipelines.export_artifact_to_json", "zenml.zen_stores.sql_zen_store",
    "tools.command_line", "tools.main_api", "tools.pipeline_runs", "tools.printing", "tools.run_configs",
)  # fmt: skip
"""Not onnxruntime: a process that is forked from one that has loaded it hangs when it ends."""

_CAN_FORK = sys.platform == "linux"  # macOS has libraries that a forked process cannot use


class ForkedCommands:
    """A process that has everything loaded, and forks another one for each command."""

    def __init__(self) -> None:
        program = [sys.executable, "-m", __name__]
        self._programs = tempfile.TemporaryDirectory()
        # At each step ZenML asks pip which packages there are, for half a second; nobody reads the list here.
        uv = Path(self._programs.name, "uv")
        uv.write_text("#!/bin/sh\n")
        uv.chmod(0o700)
        self._server = subprocess.Popen(
            program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) if _CAN_FORK else None  # fmt: skip

    def run(
        self, command: Sequence[object], *, environment: Mapping[str, str], folder: Path = ROOT, timeout_s: float = 100
    ) -> "subprocess.CompletedProcess[str]":
        """Runs `python COMMAND`, which is `-m MODULE ARGUMENT...` or `SCRIPT ARGUMENT...`, in a folder.

        Raises:
            subprocess.TimeoutExpired: it did not end in time, and was killed.
        """
        words = [str(word) for word in command]
        environment = {**environment, "PATH": f"{self._programs.name}:{environment['PATH']}"}
        if not self._server:
            return subprocess.run(
                [sys.executable, *words], env=environment, cwd=folder, timeout=timeout_s,
                capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        with tempfile.TemporaryDirectory() as place:
            out, err = Path(place, "out"), Path(place, "err")
            order = {"command": words, "environment": environment, "folder": str(folder), "timeout_s": timeout_s}
            assert self._server.stdin
            assert self._server.stdout
            self._server.stdin.write(json.dumps({**order, "out": str(out), "err": str(err)}) + "\n")
            self._server.stdin.flush()
            code = json.loads(self._server.stdout.readline())
            if code is None:
                raise subprocess.TimeoutExpired(words, timeout_s, out.read_text(), err.read_text())
            return subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())

    def close(self) -> None:
        """Ends the process."""
        if self._server:
            self._server.communicate()
        self._programs.cleanup()


@contextmanager
def forked_commands() -> Iterator[ForkedCommands]:
    """Gives such a process, and ends it with the block."""
    commands = ForkedCommands()
    try:
        yield commands
    finally:
        commands.close()


def _load() -> None:
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # threads do not live on in a forked process
    import rag_llm_system
    from steps.zenml_environment import set_zenml_environment

    set_zenml_environment()
    own = pkgutil.walk_packages(rag_llm_system.__path__, f"{rag_llm_system.__name__}.")
    for name in (*LOADED, *(module.name for module in own)):
        with suppress(ImportError):  # what is not installed is not needed by the tests that run
            importlib.import_module(name)
    from sqlalchemy.orm import configure_mappers
    from zenml.config.global_config import GlobalConfiguration
    from zenml.integrations.registry import integration_registry

    integration_registry.activate_integrations()
    configure_mappers()
    gc.freeze()  # or the first collection of each forked process would copy all that is loaded
    assert GlobalConfiguration.get_instance() is None, "ZenML would keep to a folder that no command has"


def _serve() -> dict[str, Any] | None:
    """Forks a process for each order; gives the order in that process, and None in this one at the end."""
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        process = os.fork()
        if not process:
            return order
        print(json.dumps(_exit_code(process, order["timeout_s"])), flush=True)
    return None


def _exit_code(process: int, timeout_s: float) -> int | None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def _become(order: dict[str, Any]) -> None:
    """Goes on as that command."""
    for descriptor, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, order["out"], os.O_WRONLY | os.O_CREAT),
        (2, order["err"], os.O_WRONLY | os.O_CREAT),
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    first, *arguments = order["command"]
    if first == "-m":
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *arguments]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    _load()
    if (order := _serve()) is not None:
        _become(order)
