"""This product and its peers on the same passages and questions, with the same weights, one thread, in turn.

Every system runs in an environment and a process of its own; each process indexes the passages and is asked the
questions. Rounds go through all systems, each round beginning with the next one, so that what else the machine does
falls on all of them.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any, Protocol

import numpy as np

from benchmarks.peers.comparison import comparisons
from benchmarks.peers.environments import Environment, Environments, Tell
from benchmarks.peers.measured_process import run_trial
from benchmarks.peers.task import Task
from benchmarks.peers.trial import FIRST
from benchmarks.stores.quality import ndcgs
from rag_llm_system.bootstrap.machine import machine
from rag_llm_system.domain.errors import InputError

PRODUCT = "product"
PEERS = (
    "sentence_transformers_faiss",
    "langchain_faiss",
    "llama_index_faiss",
    "haystack_hybrid",
    "txtai_hybrid",
)
_FEW = 16
"""Passages of the trial before the measurements: it writes byte code and makes what is made once."""

_ROUNDS_UNTIL = 1_000
"""Passages; more of them are measured once, since that takes an hour."""
_ROUNDS = 3

Trial = dict[str, Any]
"""What `trial.measured_trial` gives."""


class Trials(Protocol):
    """Runs systems."""

    def make_ready(self, names: Sequence[str], task: Task) -> dict[str, dict[str, Any]]:
        """Makes what the systems of these names need, and gives what is installed for each."""

    def run(self, name: str, task: Task) -> Trial:
        """Gives one system's trial."""


class PeerTrials:
    """Runs systems in their environments, which are made first.

    Args:
        work: the folder of environments, models and logs.
        tell: is given a line for each step.
    """

    def __init__(self, work: Path, tell: Tell) -> None:
        self._work = work
        self._tell = tell
        self._environments: dict[str, Environment] = {}

    def make_ready(self, names: Sequence[str], task: Task) -> dict[str, dict[str, Any]]:
        """Makes the environments, tries each on a few passages, and gives what is installed.

        Raises:
            DiskFullError: there is too little room for the environments that are missing.
            BackendError: an environment or a system does not work; the message names a log.
        """
        environments = Environments(self._work / "environments", self._tell)
        environments.require_space(names)
        few = Task(task.passages[:_FEW], task.questions[:_FEW], task.warm_up[:1], {})
        installed = {}
        for name in names:
            environment = self._environments[name] = environments.ready(name)
            self.run(name, few)
            size = {"install_mb": environment.install_mb, "n_packages": len(environment.versions)}
            installed[name] = {**size, "versions": environment.versions}
        return installed

    def run(self, name: str, task: Task) -> Trial:
        """Gives one system's trial.

        Raises:
            BackendError: the system failed; the message names its log.
        """
        return run_trial(self._environments[name], self._work / "trials" / name, task.as_given())


def measure_peers(
    task: Task,
    names: Sequence[str],
    trials: Trials,
    tell: Tell,
    keep: Callable[[dict[str, Any]], None],
    n_rounds: int | None = None,
) -> dict[str, Any]:
    """Gives a report: a record for each system and round, what is installed, and the product against the best peer.

    Args:
        task: passages and questions.
        names: the systems.
        trials: runs them.
        tell: is given a line for each record.
        keep: is given the report after each record.
        n_rounds: how often each is measured; None: three times, or once where there are many passages.

    Raises:
        InputError: nothing is to be measured.
        DiskFullError: there is too little room for what is to be installed.
        BackendError: a system failed; the message names its log.
    """
    if n_rounds is None:
        n_rounds = _ROUNDS if len(task.passages) <= _ROUNDS_UNTIL else 1
    if n_rounds < 1:
        raise InputError(f"{n_rounds} rounds measure nothing: give --rounds above 0")
    installed = trials.make_ready(names, task)
    report: dict[str, Any] = {
        "benchmark": "peers",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "n_passages": len(task.passages),
        "n_judged_questions": len(task.relevance),
        "n_timed_questions": len(task.questions),
        "k": FIRST,
        "n_rounds": n_rounds,
        "machine": machine(),
        "systems": {name: installed[name] for name in names},
        "records": [],
        "comparisons": [],
    }
    for turn in range(n_rounds):
        for place in range(len(names)):
            name = names[(turn + place) % len(names)]
            record = _record(name, turn, trials.run(name, task), task)
            report["records"].append(record)
            report["comparisons"] = comparisons(report, PRODUCT)
            tell(_line(record))
            keep(report)
    return report


def systems_of(names: Sequence[str] | None) -> list[str]:
    """Gives the systems of these names (None: all); the product is always among them.

    Raises:
        InputError: there is no such peer.
    """
    for name in names or ():
        if name not in PEERS:
            raise InputError(f"{name} is no peer: choose among {', '.join(PEERS)}")
    return [PRODUCT, *dict.fromkeys(names or PEERS)]


def _record(name: str, turn: int, trial: Trial, task: Task) -> dict[str, Any]:
    rankings = [trial["found"][question] for question in task.relevance]
    quality = ndcgs(rankings, list(task.relevance.values()))
    return {
        "system": name,
        "round": turn,
        "passages_per_cpu_s": len(task.passages) / trial["index_cpu_s"],
        "query_cpu_ms": trial["query_cpu_ms"],
        "query_p50_ms": float(np.percentile(trial["query_wall_ms"], 50)),
        "query_p95_ms": float(np.percentile(trial["query_wall_ms"], 95)),
        "peak_mb": trial["peak_mb"],
        "ndcg_at_10": mean(quality),
        "recall_at_10": mean(map(_recall, rankings, task.relevance.values())),
        "open_cpu_s": trial["open_cpu_s"],
        "index_cpu_s": trial["index_cpu_s"],
        "index_wall_s": trial["index_wall_s"],
        "load_average_1_min": os.getloadavg()[0],
        "ndcg_at_10_per_question": dict(zip(task.relevance, quality, strict=True)),
    }


def _recall(ranking: Sequence[str], grades: Mapping[str, int]) -> float:
    return len(set(ranking[:FIRST]) & set(grades)) / len(grades)


def _line(record: Mapping[str, Any]) -> str:
    return (
        f"{record['system']}: {record['passages_per_cpu_s']:.1f} passages/CPU-s, {record['query_cpu_ms']:.2f} CPU ms "
        f"a query, {record['peak_mb']:,.0f} MB, nDCG@10 {record['ndcg_at_10']:.4f}"
    )
