"""A trial in a process of its own, whose memory somebody watches."""

import json
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.life.resident_memory import MemoryPeaks
from benchmarks.peers import trial
from benchmarks.peers.environments import Environment, isolated
from rag_llm_system.domain.errors import BackendError

_LOOK_EVERY_S = 0.2


def run_trial(environment: Environment, folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Gives what a system found and what that took.

    `peak_mb` is the most that the process alone had resident by the system's own count, or that it and all that it
    started had together while somebody looked, whichever is more. A page that several processes share counts for each.

    Args:
        environment: what the system runs in.
        folder: its own; it stays, for models that are made once.
        given: passages and questions.

    Raises:
        BackendError: the system failed; the message names its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    task, result, log = folder / "task.json", folder / "result.json", folder / "log.txt"
    task.write_text(json.dumps(given), encoding="utf-8")
    result.unlink(missing_ok=True)
    script = str(Path(trial.__file__))
    command: list[str | Path] = [
        environment.python,
        "-I",
        script,
        environment.system,
        environment.weights,
        folder,
        task,
        result,
    ]
    with (
        log.open("wb") as lines,
        subprocess.Popen(
            command, cwd=folder, env=isolated(folder), stdin=subprocess.DEVNULL, stdout=lines, stderr=lines
        ) as process,
    ):
        peaks = _watched(process)
    if process.returncode or not result.is_file():
        raise BackendError(f"{environment.system.stem} failed with code {process.returncode}: {log} says why")
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return {**found, "peak_mb": max(found["peak_mb"], peaks.rss_mb)}


def _watched(process: "subprocess.Popen[bytes]") -> MemoryPeaks:
    """Waits for the process, and ends it where the waiting is ended."""
    peaks = MemoryPeaks(process.pid)
    try:
        while True:
            peaks.look()
            try:
                process.wait(_LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                continue
            return peaks
    finally:
        if process.poll() is None:
            process.kill()
