"""How long a person waits: for the help pages, `poe ask`, the API's start and the second quickstart."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.query.http_load import running_server
from benchmarks.stores.material import Tell
from rag_llm_system.bootstrap.machine import machine, versions
from rag_llm_system.domain.errors import BackendError

_CLONE = Path(__file__).resolve().parents[2]
_QUESTION = "How much overhead does tqdm add per iteration?"
_HELP = (("./poe",), *(("./poe", task, "--help") for task in ("ask", "quickstart", "doctor", "index", "evaluate")))
_IMPORTING = ("tools.rag", "tools.ml_service", "tools.quickstart")
_LEAST_ROUNDS = 3
_MOST_PACKAGES = 10
_ADDRESS = "main-api.address"
"""The file in RAG_HOME by which the tools find the API; see `tools/main_api.py`."""


@dataclass(frozen=True)
class StartRecord:
    """What one command took. CPU and memory are those of all its processes; None where they are not looked at.

    `rss_mb` counts pages that processes share for each of them, `pss_mb` once.
    """

    what: str
    seconds: float
    cpu_seconds: float
    load_average_1_min: float
    rss_mb: float | None = None
    pss_mb: float | None = None


def measure_startup(
    n_rounds: int, folder: Path, tell: Tell, keep: Callable[[dict[str, Any]], None], *, with_quickstart: bool = True
) -> dict[str, Any]:
    """Gives a report on how long things take to start, on a home that the quickstart makes.

    Args:
        n_rounds: how often each command runs; three at the least.
        folder: for that home; it is kept, so that the next measurement need not make it.
        tell: is given a line for each step.
        keep: is given the report after each part.
        with_quickstart: measure the second quickstart too, which is the longest part.

    Raises:
        BackendError: a command failed.
    """
    n_rounds = max(_LEAST_ROUNDS, n_rounds)
    environment = {**os.environ, "RAG_HOME": str(folder)}
    report: dict[str, Any] = {
        "benchmark": "startup",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(["poethepoet", "pydantic-settings", "fastapi", "onnxruntime", "zenml"]),
        "records": [],
        "import_ms": {},
    }

    def note(records: Iterator[StartRecord]) -> None:
        for record in records:
            report["records"].append(asdict(record))
            keep(report)

    if not (folder / "index").is_dir():
        tell("the first quickstart, which makes the home")
        shutil.rmtree(folder, ignore_errors=True)
        note(_timed("first quickstart", ("./poe", "quickstart"), environment, 1))
    for command in _HELP:
        tell(" ".join(command))
        note(_timed(" ".join(command), command, environment, n_rounds))
    tell("the API's start")
    note(_api_starts(folder, n_rounds))
    tell("poe ask with the API up")
    note(_asks(folder, environment, n_rounds))
    if with_quickstart:
        tell("the second quickstart")
        note(_timed("second quickstart", ("./poe", "quickstart"), environment, n_rounds))
    report["import_ms"] = {module: _import_ms(module, environment) for module in _IMPORTING}
    keep(report)
    return report


def startup_tables(report: Mapping[str, Any]) -> Iterator[str]:
    """Gives the lines of two tables: what was waited for, median (least-most), and what is imported for it."""
    yield "| what | seconds | CPU seconds | resident MB | each page once, MB | load |"
    yield f"|---|{'---:|' * 5}"
    for what in dict.fromkeys(record["what"] for record in report["records"]):
        yield _line(what, [record for record in report["records"] if record["what"] == what])
    for module, packages in report["import_ms"].items():
        listed = ", ".join(f"{name} {ms:.0f}" for name, ms in packages.items())
        yield f"ms to import for {module}: {listed}"


def _line(what: str, records: Sequence[Mapping[str, Any]]) -> str:
    cells = [_spread([record[field] for record in records], 2) for field in ("seconds", "cpu_seconds")]
    cells += [_spread([record[field] for record in records], 0) for field in ("rss_mb", "pss_mb")]
    return f"| {what} | {' | '.join(cells)} | {median(record['load_average_1_min'] for record in records):.1f} |"


def _spread(values: Sequence[float | None], decimals: int) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    low, middle, high = (f"{value:.{decimals}f}" for value in (min(known), median(known), max(known)))
    return middle if len(known) == 1 else f"{middle} ({low}-{high})"


def _timed(what: str, command: Sequence[str], environment: Mapping[str, str], n_rounds: int) -> Iterator[StartRecord]:
    for _ in range(n_rounds):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, cwd=_CLONE, env=environment, capture_output=True)
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise BackendError(f"{' '.join(command[:2])} failed, so nothing was measured: {last}")
        cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        yield StartRecord(what, seconds, cpu_seconds, os.getloadavg()[0])


def _api_starts(home: Path, n_rounds: int) -> Iterator[StartRecord]:
    for _ in range(n_rounds):
        started = time.perf_counter()
        with running_server("tools.ml_service", {"RAG_HOME": str(home)}, "--quiet", "--stop-with-stdin") as api:
            seconds, cpu_seconds = time.perf_counter() - started, api.cpu_s()
            first = psutil.Process(api.process.pid)
            memory = [one.memory_full_info() for one in (first, *first.children(recursive=True))]
        yield StartRecord(
            "API until it is ready",
            seconds,
            cpu_seconds,
            os.getloadavg()[0],
            rss_mb=sum(one.rss for one in memory) / 1e6,
            pss_mb=sum(getattr(one, "pss", one.rss) for one in memory) / 1e6,
        )


def _asks(home: Path, environment: Mapping[str, str], n_rounds: int) -> Iterator[StartRecord]:
    with running_server("tools.ml_service", {"RAG_HOME": str(home)}, "--quiet", "--stop-with-stdin"):
        while not (home / _ADDRESS).is_file():
            time.sleep(0.02)
        yield from _timed("poe ask, API up", ("./poe", "ask", _QUESTION), environment, n_rounds)
        tool = (sys.executable, "-m", "tools.rag", _QUESTION)
        yield from _timed("the same without poe", tool, environment, n_rounds)


def _import_ms(module: str, environment: Mapping[str, str]) -> dict[str, float]:
    """Gives the packages that take longest to import, with what they take themselves, slowed down by being counted."""
    command = [sys.executable, "-X", "importtime", "-m", module, "--help"]
    done = subprocess.run(command, cwd=_CLONE, env=environment, capture_output=True, text=True)
    microseconds: Counter[str] = Counter()
    for line in done.stderr.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        if own.strip().isdecimal():
            name = rest.partition("|")[2].strip().partition(".")[0]
            microseconds[name if name not in sys.stdlib_module_names else "the standard library"] += int(own)
    return {name: own / 1000 for name, own in microseconds.most_common(_MOST_PACKAGES)}
