"""How findings look in a terminal and as JSON, and that ZenML's runs are read without ZenML."""

import importlib.util
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from rag_llm_system.application.diagnosis.examination import Examined
from rag_llm_system.application.diagnosis.findings import Level, fail, info, ok
from rag_llm_system.settings import Settings
from tools.doctor import as_json, lines_of
from tools.zenml_diagnosis import pipelines

LONG = "the index at /home/ada/.rag/index was made with another embedder than the settings now name"


def test_level_and_name_and_finding_stand_in_columns_with_advice_below() -> None:
    found = fail("the server is away", "start it")
    assert lines_of(Examined("documents", found, 0.1), name_width=12, width=80) == [
        "fail  documents     the server is away",
        "                    do: start it",
    ]


@pytest.mark.parametrize("width", [70, 80, 100])
def test_lines_stay_within_the_width_and_commands_stay_whole(width: int) -> None:
    advice = "stop the server, wait until it has ended, then run ./poe run-feature-engineering-pipeline"
    lines = lines_of(Examined("index", fail(LONG, advice), 0.1), name_width=12, width=width)
    assert max(map(len, lines)) <= width
    assert sum("./poe run-feature-engineering-pipeline" in line for line in lines) == 1
    assert all(line.startswith(" " * 20) for line in lines[1:])
    assert lines[0].startswith("fail  index         the index at")
    assert " ".join(" ".join(lines).split()) == f"fail index {LONG} do: {advice}"


def test_the_json_says_whether_all_works_under_keys_that_stay_the_same() -> None:
    made = [Examined("git", ok("2.39"), 0.0123), Examined("index", info("empty", "run it"), 1)]
    assert as_json(made) == {
        "works": True,
        "findings": [
            {"name": "git", "level": "ok", "found": "2.39", "advice": "", "seconds": 0.012},
            {"name": "index", "level": "info", "found": "empty", "advice": "run it", "seconds": 1},
        ],
    }
    assert as_json([*made, Examined("home", fail("full", "make room"), 1)])["works"] is False


def test_it_starts_without_zenml_and_without_what_computes() -> None:
    program = "import sys, tools.doctor; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert "tools.doctor" in run.stdout.split()
    assert {"zenml", "mlflow", "onnxruntime", "torch"} & {*run.stdout.split()} == set()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    if importlib.util.find_spec("zenml") is None:
        pytest.skip("the extra pipelines is not installed")
    monkeypatch.delenv("ZENML_CONFIG_PATH", raising=False)
    return Settings.model_validate({"rag_home": tmp_path})


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Gives the place of ZenML's store."""
    path = tmp_path / "zenml" / "local_stores" / "default_zen_store" / "zenml.db"
    path.parent.mkdir(parents=True)
    return path


def test_where_no_pipeline_ran_yet_no_store_is_made(settings: Settings) -> None:
    finding = pipelines(settings)
    assert finding.level is Level.INFO
    assert finding.found.endswith(", no run yet")
    assert list(settings.home.iterdir()) == []


def test_runs_are_counted_by_their_state(settings: Settings, store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("CREATE TABLE pipeline_run (status TEXT)")
        connection.executemany("INSERT INTO pipeline_run VALUES (?)", [("completed",), ("failed",), ("completed",)])
    finding = pipelines(settings)
    assert finding.level is Level.OK
    assert finding.found.endswith(", runs: 2 completed, 1 failed")


def test_a_damaged_store_is_a_failure_that_says_what_deleting_it_costs(settings: Settings, store: Path) -> None:
    store.write_text("junk" * 1000)
    finding = pipelines(settings)
    assert finding.level is Level.FAIL
    assert "the list of runs is lost" in finding.advice


def test_a_configuration_that_asks_a_server_is_pointed_out(settings: Settings, store: Path) -> None:
    (settings.home / "zenml" / "config.yaml").write_text("store:\n  type: rest\n  url: http://127.0.0.1:8237\n")
    assert "asks a server" in pipelines(settings).found
