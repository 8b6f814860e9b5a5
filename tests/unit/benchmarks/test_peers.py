"""What the benchmark of the peers asks, counts and compares; the peers themselves are in no test."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import environments
from benchmarks.peers.benchmark import PEERS, PRODUCT, Trial, measure_peers, systems_of
from benchmarks.peers.comparison import comparisons
from benchmarks.peers.environments import Environment, isolated
from benchmarks.peers.measured_process import run_trial
from benchmarks.peers.table import peers_table
from benchmarks.peers.task import Task, read_task
from benchmarks.peers.trial import FIRST, measured_trial
from rag_llm_system.domain.errors import BackendError, InputError

SYSTEMS = Path(environments.__file__).parent / "systems"
PASSAGES = [{"id": f"p{n}", "title": "", "text": f"word{n}"} for n in range(3)]
QUESTIONS = [{"id": "q1", "text": "word1"}, {"id": "q2", "text": "word2"}, {"id": "other", "text": "word9"}]
TASK = Task(PASSAGES, QUESTIONS, [{"id": "w", "text": "warm"}], {"q1": {"p1": 1}, "q2": {"p2": 1}})
BURN = "sum(range(4_000_000)); import os; print(sum(os.times()[:2]), flush=True)"


class WordSystem:
    """Puts the passages first that hold the question; notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def index(self, passages: list[dict[str, str]]) -> None:
        self._passages = passages

    def search(self, question: str, k: int) -> list[str]:
        self.asked.append((question, k))
        return [one["id"] for one in sorted(self._passages, key=lambda one: one["text"] != question)][:k]


class SystemWithChildren(WordSystem):
    """Indexes in a child that ends and in one that lives on."""

    def index(self, passages: list[dict[str, str]]) -> None:
        super().index(passages)
        ended = subprocess.run([sys.executable, "-c", BURN], stdout=subprocess.PIPE, check=True, text=True)
        self.living = subprocess.Popen(
            [sys.executable, "-c", f"{BURN}; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.living.stdout is not None
        self.cpu_s = float(ended.stdout) + float(self.living.stdout.readline())


def trial(**changed: Any) -> Trial:
    figures = {"found": {"q1": ["p1"], "q2": ["p0", "p2"], "other": []}, "query_wall_ms": [1.0, 2.0, 3.0]}
    costs = {"open_cpu_s": 1.0, "index_cpu_s": 0.5, "index_wall_s": 0.6, "query_cpu_ms": 3.0, "peak_mb": 100.0}
    return {**figures, **costs, **changed}


class FakeTrials:
    """Gives trials that were not run."""

    def __init__(self, give: Callable[[str], Trial]) -> None:
        self._give = give
        self.names: list[str] = []

    def make_ready(self, names: Sequence[str], task: Task) -> dict[str, dict[str, Any]]:
        return {name: {"install_mb": 1234.5, "n_packages": 42} for name in names}

    def run(self, name: str, task: Task) -> Trial:
        self.names.append(name)
        return self._give(name)


def measured_by(trials: FakeTrials, names: list[str], n_rounds: int | None, task: Task = TASK) -> dict[str, Any]:
    return measure_peers(task, names, trials, lambda _: None, lambda _: None, n_rounds)


def report(**figures: dict[str, Any]) -> dict[str, Any]:
    """Gives the report of one round in which each system's trial differs like that."""
    return measured_by(FakeTrials(lambda name: trial(**figures[name])), list(figures), 1)


def test_a_trial_asks_each_question_once_after_the_warm_up() -> None:
    system = WordSystem()
    measured = measured_trial(lambda: system, TASK.as_given())
    assert system.asked == [(text, FIRST) for text in ("warm", "word1", "word2", "word9")]
    assert measured["found"] == {"q1": ["p1", "p0", "p2"], "q2": ["p2", "p0", "p1"], "other": ["p0", "p1", "p2"]}
    assert len(measured["query_wall_ms"]) == 3


def test_a_system_never_sees_the_judgements() -> None:
    assert set(TASK.as_given()) == {"passages", "questions", "warm_up"}


def test_the_cpu_seconds_of_children_count_whether_they_ended_or_not() -> None:
    system = SystemWithChildren()
    try:
        measured = measured_trial(lambda: system, TASK.as_given())
    finally:
        system.living.communicate("\n")
    assert measured["index_cpu_s"] >= system.cpu_s - 0.05  # the clock of living children ticks 100 times a second


@pytest.fixture
def small_environment(tmp_path: Path) -> Environment:
    system = tmp_path / "small.py"
    system.write_text(
        "class System:\n"
        "    def __init__(self, weights, folder): self.weights = weights\n"
        "    def index(self, passages): self.room = bytearray(200_000_000); self.passages = passages\n"
        "    def search(self, question, k):\n"
        "        if question == 'fail': raise ValueError('no')\n"
        "        return [one['id'] for one in self.passages if one['text'] == question]\n",
        encoding="utf-8",
    )
    return Environment(Path(sys.executable), system, tmp_path, 1.0, {})


def test_a_system_runs_in_a_process_of_its_own(small_environment: Environment, tmp_path: Path) -> None:
    measured = run_trial(small_environment, tmp_path / "run", TASK.as_given())
    assert measured["found"] == {"q1": ["p1"], "q2": ["p2"], "other": []}
    assert 200 < measured["peak_mb"] < 400


def test_a_system_that_fails_is_named_with_its_log(small_environment: Environment, tmp_path: Path) -> None:
    given = {**TASK.as_given(), "questions": [{"id": "q", "text": "fail"}]}
    with pytest.raises(BackendError, match=r"small failed with code 1: .*log\.txt says why"):
        run_trial(small_environment, tmp_path / "run", given)
    assert "ValueError: no" in (tmp_path / "run" / "log.txt").read_text(encoding="utf-8")


def test_nothing_of_the_persons_reaches_a_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_EMBED_THREADS", "8")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    variables = isolated(tmp_path)
    assert "RAG_EMBED_THREADS" not in variables
    assert (variables["OMP_NUM_THREADS"], variables["HF_HUB_OFFLINE"]) == ("1", "1")
    assert variables["HOME"] == str(tmp_path)


def test_rounds_go_through_all_systems_each_from_the_next_one() -> None:
    trials = FakeTrials(lambda _: trial())
    kept: list[int] = []
    names = ["a", "b", "c"]
    measured = measure_peers(TASK, names, trials, lambda _: None, lambda r: kept.append(len(r["records"])))
    assert trials.names == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert kept == list(range(1, 10))
    assert [(one["system"], one["round"]) for one in measured["records"][2:5]] == [("c", 0), ("b", 1), ("c", 1)]


def test_many_passages_are_measured_once_unless_more_is_asked_for() -> None:
    many = replace(TASK, passages=PASSAGES * 334)
    assert measured_by(FakeTrials(lambda _: trial()), ["a"], None, many)["n_rounds"] == 1
    assert measured_by(FakeTrials(lambda _: trial()), ["a"], 2, many)["n_rounds"] == 2
    with pytest.raises(InputError, match="0 rounds measure nothing: give --rounds above 0"):
        measured_by(FakeTrials(lambda _: trial()), ["a"], 0)


def test_a_record_holds_speed_and_quality() -> None:
    (record,) = report(a={})["records"]
    assert (record["passages_per_cpu_s"], record["query_p50_ms"], record["recall_at_10"]) == (6.0, 2.0, 1.0)
    assert record["ndcg_at_10_per_question"] == {"q1": 1.0, "q2": pytest.approx(0.6309, abs=1e-4)}
    assert record["ndcg_at_10"] == pytest.approx(0.8155, abs=1e-4)


def test_the_best_peer_is_another_one_for_each_measure() -> None:
    found = {"q1": ["p0"], "q2": ["p2"]}
    measured = report(
        product={"index_cpu_s": 0.1, "query_cpu_ms": 1.5, "peak_mb": 60.0},
        quick={"index_cpu_s": 0.6, "query_cpu_ms": 6.0, "peak_mb": 100.0, "found": found},
        small={"index_cpu_s": 0.9, "query_cpu_ms": 3.0, "peak_mb": 90.0},
    )
    by_measure = {one["measure"]: one for one in measured["comparisons"]}
    assert {name: one["peer"] for name, one in by_measure.items()} == {
        "passages_per_cpu_s": "quick",
        "query_cpu_ms": "small",
        "peak_mb": "small",
        "ndcg_at_10": "small",
    }
    assert {name: (round(one["ratio"], 3), one["reached"]) for name, one in by_measure.items()} == {
        "passages_per_cpu_s": (6.0, True),
        "query_cpu_ms": (0.5, False),
        "peak_mb": (0.667, False),
        "ndcg_at_10": (1.0, True),
    }
    assert by_measure["ndcg_at_10"]["difference_se"] == 0.0


def test_a_ratio_is_of_medians_and_its_spread_of_rounds() -> None:
    peaks = iter([10.0, 100.0, 80.0, 40.0, 30.0, 90.0])  # rounds begin with another system each
    measured = measured_by(FakeTrials(lambda _: trial(peak_mb=next(peaks))), [PRODUCT, "peer"], 3)
    (memory,) = [one for one in measured["comparisons"] if one["measure"] == "peak_mb"]
    assert (memory["product"], memory["best_peer"]) == (30.0, 90.0)
    assert (memory["ratio"], memory["least"], memory["most"]) == pytest.approx((1 / 3, 0.1, 0.5))


def test_without_the_product_or_without_a_peer_nothing_is_compared() -> None:
    assert report(product={})["comparisons"] == []
    assert report(peer={})["comparisons"] == []
    assert comparisons({"systems": {}, "records": []}, PRODUCT) == []


def test_the_table_shows_each_system_and_each_verdict() -> None:
    measured = report(product={"index_cpu_s": 0.1}, txtai_hybrid={})
    lines = list(peers_table(measured))
    assert lines[0] == "3 passages, 2 judged questions, 3 timed, k = 10, n = 1"
    assert lines[4].startswith("| rag_llm_system | 30.0 | 3.00 | 2.00 | 2.90 | 100 | 0.8155 ± 0.185 | 1.0000 |")
    assert lines[5].endswith("| 1.00 | 1,234 | 42 |")
    assert lines[9] == "| passages/CPU-s | txtai, hybrid | 5 (5-5) | ≥ 5 | reached |"
    assert lines[12] == "| nDCG@10 | txtai, hybrid | 1; +0.0000 ± 0.0000 | ≥ 1 | reached |"


def test_questions_are_those_whose_passages_are_there_and_others_for_the_clock(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    files = {
        "corpus.jsonl": [{"_id": f"p{n}", "title": f"t{n}", "text": f"x{n}"} for n in range(4)],
        "queries.jsonl": [{"_id": f"q{n}", "text": f"What is x{n}?"} for n in range(4)],
        "unanswerable.jsonl": [{"_id": "u", "text": "What is nothing?"}],
    }
    for name, lines in files.items():
        (tmp_path / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    (tmp_path / "qrels" / "test.tsv").write_text("q0\tp3\t1\nq1\tp1\t1\nq2\tp0\t1\n", encoding="utf-8")
    task = read_task(tmp_path, 2)
    assert task.passages == [{"id": "p0", "title": "t0", "text": "x0"}, {"id": "p1", "title": "t1", "text": "x1"}]
    assert task.relevance == {"q1": {"p1": 1}, "q2": {"p0": 1}}
    assert [question["id"] for question in task.questions] == ["q1", "q2", "q0", "q3"]
    assert [question["id"] for question in task.warm_up] == ["u"]


def test_the_product_is_always_measured_and_an_unknown_peer_refused() -> None:
    assert systems_of(None) == [PRODUCT, *PEERS]
    assert systems_of(["txtai_hybrid"]) == [PRODUCT, "txtai_hybrid"]
    with pytest.raises(InputError, match="nobody is no peer: choose among sentence_transformers_faiss, "):
        systems_of(["nobody"])


@pytest.mark.parametrize("name", PEERS)
def test_a_peers_packages_are_pinned_and_it_has_the_same_torch(name: str) -> None:
    lines = (SYSTEMS / f"{name}.txt").read_text(encoding="utf-8").split()
    assert (SYSTEMS / f"{name}.py").is_file()
    assert [line for line in lines if "==" not in line] == []
    assert "torch==2.13.0" in lines
