"""Every command of the README, run as a newcomer would run it, one after the other on one RAG_HOME."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.forked_commands import ForkedCommands
from tools.quickstart import QUESTIONS

PROJECT = Path(__file__).resolve().parents[2]
GROUPS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["poe"]["groups"]
TASKS = {name: task.get("cmd", "") for group in GROUPS.values() for name, task in group["tasks"].items()}
README = (PROJECT / "README.md").read_text(encoding="utf-8")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Newcomer:
    """A person at a terminal with a home folder of its own."""

    environment: dict[str, str]
    forked: ForkedCommands

    def poe(self, *arguments: str) -> str:
        """Runs a task as it is typed, started afresh, and gives what it printed."""
        return self.run([str(Path(sys.executable).with_name("poe")), "-q", *arguments])

    def run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=280, check=False
        )
        return _printed(done)

    def task(self, name: str, *arguments: str) -> str:
        """Runs the command of a task with ZenML loaded already, and gives what it printed."""
        _, *command = TASKS[name].split()
        return _printed(self.forked.run([*command, *arguments], environment=self.environment, timeout_s=280))


@pytest.fixture(scope="module")
def newcomer(forked: ForkedCommands, tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    home = tmp_path_factory.mktemp("home")
    own = {
        "HOME": str(home),
        "RAG_HOME": str(home / "rag"),
        "RAG_TRACKING": "false",  # a newcomer has no MLflow, which would take seconds of every run
        "RAG_API_PORT": str(_free_port()),
        "RAG_MODEL_SERVER_PORT": str(_free_port()),
    }
    return Newcomer({**os.environ, **own}, forked)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _printed(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 0, f"{done.args} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_quickstart_answers_three_questions_with_citations_and_refuses_the_fourth(newcomer: Newcomer) -> None:
    output = newcomer.poe("quickstart")
    parts = (output.split(f"Q  {question}")[1].split("\nQ  ")[0] for question in QUESTIONS)
    overhead, performance, licence, support = parts
    assert "60ns per iteration" in overhead
    assert "[1] tqdm" in overhead
    assert "NodeJS" in performance
    assert "by Sebastián Ramírez" in performance
    assert "MIT" in licence
    assert "rapidfuzz" in licence
    assert "The sources hold no answer" in support
    assert "both servers are stopped" in output


def test_quickstart_leaves_no_server_behind(newcomer: Newcomer) -> None:
    for key in ("RAG_API_PORT", "RAG_MODEL_SERVER_PORT"):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(newcomer.environment[key]))) != 0


def test_a_second_quickstart_answers_from_given_paths_and_embeds_what_is_new_alone(newcomer: Newcomer) -> None:
    command = re.search(r'^\./poe quickstart docs --ask "(.+)"$', README, re.MULTILINE)
    assert command
    output = newcomer.task("quickstart", "docs", "--ask", command[1])
    assert " windows: 0 embedded" in output
    assert "0002-the-ledger-is-in-the-index.md" in output


def test_ask_answers_without_a_server(newcomer: Newcomer) -> None:
    assert "60ns per iteration" in newcomer.poe("ask", QUESTIONS[0])


def test_etl_then_features_brings_new_files_in(newcomer: Newcomer, tmp_path: Path) -> None:
    (tmp_path / "engine.md").write_text("# Engine\n\nThe analytical engine weaves algebraic patterns in purple ink.\n")
    arguments = ("--link", str(tmp_path), "--user-full-name", "Ada Lovelace")
    assert "1 new" in newcomer.task("run-digital-data-etl", *arguments)
    assert "1 documents loaded" in newcomer.task("run-feature-engineering-pipeline")
    assert "purple ink" in newcomer.task("ask", "What does the analytical engine weave in purple ink?")


def test_the_end_to_end_pipeline_finds_nothing_new_after_quickstart(newcomer: Newcomer) -> None:
    assert "0 new" in newcomer.poe("run-end-to-end-data-pipeline")


def test_export_then_import_changes_nothing(newcomer: Newcomer, tmp_path: Path) -> None:
    newcomer.task("run-export-data-warehouse-to-json", "--data-dir", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} >= {"ArticleDocument.json", "UserDocument.json"}
    newcomer.task("run-import-data-warehouse-from-json", "--data-dir", str(tmp_path))
    assert " 0 documents loaded" in newcomer.task("run-feature-engineering-pipeline")


def test_poe_alone_lists_the_tasks_by_group(newcomer: Newcomer) -> None:
    listing = newcomer.run([str(PROJECT / "poe")])
    assert "quickstart" in listing
    assert "run-digital-data-etl" in listing


@pytest.fixture
def served(newcomer: Newcomer) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.serve"], cwd=PROJECT, env=newcomer.environment, start_new_session=True
    )
    url = f"http://127.0.0.1:{newcomer.environment['RAG_API_PORT']}"
    try:
        _wait_until_ready(url)
        yield url
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 120  # some seconds, on a machine that does nothing else
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} was not ready in time")


def test_serve_answers_over_http_until_interrupted(served: str, newcomer: Newcomer) -> None:
    curl = re.search(r"^curl .*-d '(.+)'$", README, re.MULTILINE)
    assert curl
    body = httpx.post(f"{served}/rag", json=json.loads(curl[1])).json()
    assert "60ns" in body["answer"]
    assert "60ns per iteration" in newcomer.poe("ask", QUESTIONS[0])
    # Indexing goes on beside it.
    assert "nothing had changed" in newcomer.task("run-feature-engineering-pipeline")


def test_every_shell_command_of_the_readme_is_known_here() -> None:
    known = {
        "quickstart",
        "ask",
        "backup",
        "delete",
        "index",
        "restore",
        "retention",
        "serve",
        "test",
        "doctor",
        "evaluate",
        "dashboard",
        "local-infrastructure-up",
        "local-zenml-server-up",
        "migrate-index",
        "run-digital-data-etl",
        "run-feature-engineering-pipeline",
        "run-end-to-end-data-pipeline",
        "run-export-data-warehouse-to-json",
        "run-import-data-warehouse-from-json",
        "verify-deletion",
    }
    named = {match[1] for match in re.finditer(r"\./poe ([a-z][a-z-]+)", README)}
    assert named == known
