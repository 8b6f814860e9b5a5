"""One system indexes passages and is asked questions; a file of figures comes out.

Runs in the system's own environment, where nothing else of this repository can be imported: the standard library has
to do. CPU seconds are those of the process, of all its threads and of the processes that it started.

    python -I trial.py SYSTEM.py WEIGHTS FOLDER TASK.json RESULT.json
"""

import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

FIRST = 10
"""k: passages that are asked for."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


class System(Protocol):
    """What is measured; the docstring of `systems` says more."""

    def index(self, passages: list[dict[str, str]]) -> None:
        """Makes the passages findable."""

    def search(self, question: str, k: int) -> list[str]:
        """Gives the ids of the first `k` passages, best first."""


@dataclass(slots=True)
class Effort:
    """Seconds on the clock and of the CPUs; complete when the work is done."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


def measured_trial(open_system: Callable[[], System], task: dict[str, Any]) -> dict[str, Any]:
    """Gives what the system found, by question id, and what it took.

    No question is asked twice, so that no cache can answer: `warm_up` comes first and is not measured, `questions`
    are asked once each.
    """
    with metered() as opening:
        system = open_system()
        _use_one_thread()
    with metered() as indexing:
        system.index(task["passages"])
    for question in task["warm_up"]:
        system.search(question["text"], FIRST)
    found, wall_ms = {}, []
    with metered() as asking:
        for question in task["questions"]:
            started = time.perf_counter()
            found[question["id"]] = system.search(question["text"], FIRST)
            wall_ms.append(1000 * (time.perf_counter() - started))
    return {
        "found": found,
        "query_wall_ms": wall_ms,
        "open_cpu_s": opening.cpu_s,
        "index_cpu_s": indexing.cpu_s,
        "index_wall_s": indexing.wall_s,
        "query_cpu_ms": 1000 * asking.cpu_s / len(wall_ms),
        "peak_mb": _peak_mb(),
    }


@contextmanager
def metered() -> Iterator[Effort]:
    """Gives what the work within takes."""
    effort = Effort()
    wall, cpu = time.perf_counter(), _cpu_seconds()
    yield effort
    effort.wall_s, effort.cpu_s = time.perf_counter() - wall, _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + sum(map(_cpu_seconds_of, _descendants(os.getpid())))


def _descendants(pid: int) -> Iterator[int]:
    for children in _PROC.glob(f"{pid}/task/*/children"):
        for child in map(int, children.read_text(encoding="ascii").split()):
            yield child
            yield from _descendants(child)


def _cpu_seconds_of(pid: int) -> float:
    """Gives the seconds of a living child, and of those of its own that ended; 0 where it has just ended."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS_PER_S  # utime, stime, cutime, cstime: proc(5)


def _peak_mb() -> float:
    """Gives the most memory that this process alone had resident: the system's own count, which misses no peak."""
    for line in (_PROC / "self" / "status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def _use_one_thread() -> None:
    """Does what OMP_NUM_THREADS asks for already, as torch's documentation has it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _opener(file: Path, weights: Path, folder: Path) -> Callable[[], System]:
    def opened() -> System:
        spec = importlib.util.spec_from_file_location("measured_system", file)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        system: System = module.System(weights, folder)
        return system

    return opened


def main() -> None:
    """Runs the trial that the command line names."""
    system, weights, folder, task, result = map(Path, sys.argv[1:])
    figures = measured_trial(_opener(system, weights, folder), json.loads(task.read_text(encoding="utf-8")))
    result.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
