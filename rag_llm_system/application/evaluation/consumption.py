"""What work consumes: wall time, CPU time, memory, those of child processes included."""

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_MB = 1e6
_INTERVAL_S = 0.5


@dataclass(slots=True)
class Consumption:
    """Seconds on the clock and of the CPUs; complete when the work is done."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0


@contextmanager
def metered() -> Iterator[Consumption]:
    """Gives what the work within consumes: this process, its children, and those that ended meanwhile."""
    consumption = Consumption()
    started, cpu_before = time.perf_counter(), _cpu_seconds()
    try:
        yield consumption
    finally:
        consumption.seconds = time.perf_counter() - started
        consumption.cpu_seconds = _cpu_seconds() - cpu_before


class MemoryWatch:
    """Looks twice a second at the resident memory of this process and its children, and keeps the most.

    Pages that several of them share, such as those of libraries, count for each.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-watch", daemon=True)

    @property
    def peak_mb(self) -> float:
        """The most memory at a time, in MB."""
        return self.peak_bytes / _MB

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.look()

    def look(self) -> None:
        """Looks once."""
        self.peak_bytes = max(self.peak_bytes, resident_bytes())

    def _watch(self) -> None:
        while not self._ended.wait(_INTERVAL_S):
            self.look()


def resident_bytes() -> int:
    """Gives what this process and its children have resident now."""
    return sum(map(_resident_bytes, _family()))


def _cpu_seconds() -> float:
    """Gives the CPU time of this process, of its living children, and of those that it waited for."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + sum(map(_cpu_seconds_of, _family()[1:]))


def _family() -> list[psutil.Process]:
    this = psutil.Process()
    return [this, *this.children(recursive=True)]


def _cpu_seconds_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
        return float(times.user + times.system)
    except psutil.Error:  # it ended meanwhile
        return 0.0


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
