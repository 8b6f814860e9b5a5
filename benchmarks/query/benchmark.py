"""What a question costs: CPU by stage, and over HTTP with several callers and server processes."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks.fresh_process import in_fresh_process
from benchmarks.query.asked_home import asked_home, development_questions
from benchmarks.query.http_load import LoadRecord, RunningServer, load, running_server
from benchmarks.query.stages import COUNTED, StageRound, measure_stages
from benchmarks.stores.material import Tell
from rag_llm_system.bootstrap.machine import machine, versions
from rag_llm_system.settings import Settings, server_url

CALLERS = (1, 4, 16)
WORKERS = (1, 2)
_LEAST_ROUNDS = 3
_OVERHEAD_REQUESTS = 1_000
_PACKAGES = ["rag_llm_system", "qdrant-edge-py", "onnxruntime", "tokenizers", "fastapi", "uvicorn", "pydantic"]
_QUIET = ("--quiet", "--stop-with-stdin")


def measure_query(
    n_windows: int, n_questions: int, n_rounds: int, tell: Tell, keep: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Gives a report on questions to an index of about so many windows, at the settings that are set.

    Two workers are two server processes on ports of their own, with a view of the same index each, and the callers are
    dealt out to them. The API's overhead is what the API consumes for a request over a service that answers at once.

    Args:
        n_windows: the least number of windows.
        n_questions: of the development half, asked once a round.
        n_rounds: three at the least.
        tell: is given a line for each step.
        keep: is given the report after each part.
    """
    report: dict[str, Any] = {
        "benchmark": "query",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(_PACKAGES),
    }
    questions = development_questions(n_questions)
    n_rounds = max(_LEAST_ROUNDS, n_rounds)
    with asked_home(n_windows, tell) as (settings, n_indexed):
        report |= {"n_windows": n_indexed, "n_questions": len(questions), "n_rounds": n_rounds}
        tell("CPU by stage")
        rounds = in_fresh_process(measure_stages, settings, questions, n_rounds)
        report["stages"] = [asdict(one) | {"load_average_1_min": os.getloadavg()[0]} for one in rounds]
        keep(report)
        tell("the API's overhead")
        report["overhead_cpu_ms"] = _overhead(n_rounds)
        report["load"] = []
        for record in _loads(settings, questions, n_rounds, tell):
            report["load"].append(asdict(record) | {"load_average_1_min": os.getloadavg()[0]})
            keep(report)
    return report


def query_tables(report: dict[str, Any]) -> Iterator[str]:
    """Gives the lines of both tables; what stands in brackets are the least and the most of the rounds."""
    rounds = [StageRound(**{k: v for k, v in one.items() if k != "load_average_1_min"}) for one in report["stages"]]
    yield f"{report['n_windows']:,} windows, {report['n_questions']} questions, {len(rounds)} rounds"
    yield ""
    yield "| stage | CPU ms a question |"
    yield "|---|---:|"
    for stage in rounds[0].by_stage:
        yield f"| {stage} | {_spread([one.by_stage[stage] for one in rounds])} |"
    yield f"| search, in the index's process | {_spread([one.child_cpu_ms for one in rounds])} |"
    yield f"| {' + '.join(COUNTED)}, both processes | {_spread([one.counted_cpu_ms for one in rounds])} |"
    yield f"| all stages, both processes | {_spread([one.total_cpu_ms for one in rounds])} |"
    yield f"| the API's own, beyond the service | {_spread(report['overhead_cpu_ms'])} |"
    yield ""
    yield "| callers | workers | p50 ms | p95 ms | requests/s | server CPU ms | errors | load |"
    yield f"|{'---:|' * 8}"
    for callers, workers in dict.fromkeys((one["n_callers"], one["n_workers"]) for one in report["load"]):
        yield _load_line([o for o in report["load"] if (o["n_callers"], o["n_workers"]) == (callers, workers)])


def _load_line(records: Sequence[dict[str, Any]]) -> str:
    figures = ("p50_ms", "p95_ms", "requests_per_s", "server_cpu_ms")
    cells = [str(records[0]["n_callers"]), str(records[0]["n_workers"])]
    cells += [_spread([one[figure] for one in records], decimals=1) for figure in figures]
    cells += [str(sum(one["n_errors"] for one in records))]
    cells += [f"{median(one['load_average_1_min'] for one in records):.1f}"]
    return f"| {' | '.join(cells)} |"


def _spread(values: Sequence[float], decimals: int = 2) -> str:
    low, middle, high = (f"{value:.{decimals}f}" for value in (min(values), median(values), max(values)))
    return f"{middle} ({low}-{high})"


def _overhead(n_rounds: int) -> list[float]:
    """Gives the CPU milliseconds a request of each round."""
    with running_server("benchmarks.query.instant_server", {}) as server:
        load([server], ["ready?"], 1, _OVERHEAD_REQUESTS // 5)
        return [load([server], ["ready?"], 1, _OVERHEAD_REQUESTS).server_cpu_ms for _ in range(n_rounds)]


def _loads(settings: Settings, questions: Sequence[str], n_rounds: int, tell: Tell) -> Iterator[LoadRecord]:
    """Gives a record for each number of workers and callers, round by round."""
    environment = {"RAG_HOME": str(settings.home)}
    with ExitStack() as stack:
        model = stack.enter_context(running_server("tools.model_server", environment, *_QUIET))
        environment["RAG_MODEL_SERVER_URL"] = server_url("127.0.0.1", model.port)
        servers: list[RunningServer] = []
        for n_workers in WORKERS:
            while len(servers) < n_workers:
                servers.append(stack.enter_context(running_server("tools.ml_service", environment, *_QUIET)))
            for n_callers in CALLERS:
                tell(f"{n_callers} callers, {n_workers} workers")
                load(servers, questions, n_callers, 10 * n_callers)  # warms up
                for _ in range(n_rounds):
                    yield load(servers, questions, n_callers, len(questions))
