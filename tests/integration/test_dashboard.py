"""The pipeline dashboard: real runs, the real server, a real browser."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.forked_commands import ForkedCommands

pytest.importorskip("zenml")
pytest.importorskip("uvicorn")

ROOT = Path(__file__).resolve().parents[2]
EXPORT = """
import sys
from pathlib import Path
from tools.command_line import run_tool
from tools.pipeline_runs import run_export_artifact_to_json
run_tool(lambda: print(*run_export_artifact_to_json(sys.argv[2:], Path(sys.argv[1])), sep="\\n"))
"""
pytestmark = pytest.mark.slow


@dataclass
class House:
    """A RAG_HOME and what runs there."""

    home: Path
    forked: ForkedCommands

    def python(self, *command: object) -> "subprocess.CompletedProcess[str]":
        return self.forked.run(command, environment=self.environment)

    def export(self, folder: Path, *names: str) -> "subprocess.CompletedProcess[str]":
        script = self.home / "export.py"  # ZenML wants a main module that is a file
        script.write_text(EXPORT)
        return self.python(script, folder, *names)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "RAG_HOME": str(self.home), "RAG_TRACKING": "false", "PYTHONPATH": str(ROOT)}

    @property
    def config(self) -> bytes:
        return (self.home / "zenml" / "config.yaml").read_bytes()


@dataclass
class Dashboard:
    """A dashboard that runs."""

    page: str
    token: str
    process: "subprocess.Popen[str]"

    @property
    def server(self) -> str:
        return self.page.removesuffix("/projects/default/runs")

    def api(self, path: str) -> Any:
        with self.client() as client:
            answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def client(self, token: str | None = None) -> httpx.Client:
        """Gives a client with the token of the printed address, or with another."""
        headers = {"authorization": f"Bearer {self.token if token is None else token}"}
        return httpx.Client(base_url=f"{self.server}/api/v1/", headers=headers, timeout=30)


@pytest.fixture(scope="module")
def house(forked: ForkedCommands, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A home in which one ETL run brought in a note and left out a file that is not there."""
    home = tmp_path_factory.mktemp("home")
    (home / "note.md").write_text("# Engines\n\nThe engine weaves algebraic patterns.")
    house = House(home, forked)
    links = ("--link", home / "note.md", "--link", home / "missing.md")
    done = house.python("-m", "tools.run", "--run-etl", "--user-full-name", "Ada Lovelace", *links)
    assert done.returncode == 0, done.stderr
    return house


@pytest.fixture(scope="module")
def started() -> Iterator[list[Dashboard]]:
    """The dashboards that were started so far; they end with the last test."""
    started: list[Dashboard] = []
    yield started
    for dashboard in started:
        dashboard.process.terminate()
        dashboard.process.communicate()


@pytest.fixture
def dashboard(house: House, started: list[Dashboard]) -> Dashboard:
    """The dashboard that runs; a new one where a test has ended the last."""
    if not started or started[-1].process.poll() is not None:
        command = [sys.executable, "-m", "tools.zenml_server", "up", "--port", "0"]
        process = subprocess.Popen(command, cwd=ROOT, env=house.environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("dashboard  http://127.0.0.1:")
        page, _, token = line.split()[1].partition("?token=")
        started.append(Dashboard(page, token, process))
    return started[-1]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no chromium and chromedriver here")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path / 'browser'}", "--window-size=1280,900",
    ):  # fmt: skip
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


def shown(browser: Any, awaited: str, timeout_s: float = 20) -> str:
    """Gives the text of the page once it holds what is awaited."""
    deadline = time.monotonic() + timeout_s
    text = ""
    while awaited not in text:
        assert time.monotonic() < deadline, text
        time.sleep(0.1)
        text = browser.execute_script("return document.body.innerText")
    return text


def test_runs_are_shown_without_login_and_survey_and_pages_load_nothing_from_elsewhere(
    house: House, dashboard: Dashboard, browser: Any
) -> None:
    user = dashboard.api("current-user")
    assert user["metadata"]["user_metadata"]["finished_onboarding_survey"] is True
    (run,) = dashboard.api("runs?project=default&pipeline=digital_data_etl")["items"]
    browser.get(f"{dashboard.page}?token={dashboard.token}")
    text = shown(browser, run["name"].partition("-")[0])
    assert "digital_data_etl" in text
    assert browser.current_url == dashboard.page
    browser.get(f"{dashboard.page}/{run['id']}?tab=metadata")
    shown(browser, "ingestion / left out")
    shown(browser, "ingestion_report")
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => [e.name, e.responseStatus])"
    )
    own = dashboard.page.removesuffix("projects/default/runs")
    assert [name for name, status in loaded if status and not name.startswith((own, "data:", "blob:"))] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/login"),
        ("GET", "/api/v1/current-user"),
        ("POST", "/api/v1/components"),
        ("POST", "/api/v1/artifact_versions"),
        ("GET", "/api/v1/service_connectors?expand_secrets=true"),
        ("GET", "/api/v1/secrets"),
        ("GET", "/api/v1/info"),
        ("GET", "/projects/default/runs"),
        ("GET", "/health"),
        ("GET", "/openapi.json"),
    ],
)
def test_other_people_on_this_machine_are_told_to_open_the_printed_address(
    dashboard: Dashboard, method: str, path: str
) -> None:
    refused = httpx.request(method, f"{dashboard.server}{path}", timeout=30)
    assert refused.status_code == 401
    assert refused.text == (
        "Open the address that was printed when this server was started; ./poe dashboard shows it again."
    )


def test_a_browser_without_the_address_sees_nothing(dashboard: Dashboard, browser: Any) -> None:
    browser.get(dashboard.page)
    assert "Open the address that was printed" in shown(browser, "Open the address")
    assert browser.get_cookies() == []


def attack(client: httpx.Client, folder: Path, project: str) -> list[int]:
    """Names a folder of somebody else as a store, asks for a file in it, and gives what was answered to each step."""
    named = client.post(
        "components",
        json={"name": "evil", "type": "artifact_store", "flavor": "local", "configuration": {"path": str(folder)}},
    )
    artifact = client.post("artifacts", json={"name": "evil", "has_custom_name": True, "project": project})
    body = {
        "artifact_id": artifact.json()["id"] if artifact.status_code == 200 else project,
        "artifact_store_id": named.json()["id"] if named.status_code == 200 else None,
        "project": project,
        "version": "1",
        "has_custom_name": True,
        "save_type": "manual",
        "type": "DataArtifact",
        "uri": str(folder / "x"),
        "materializer": {"module": "a", "attribute": "b", "type": "user"},
        "data_type": {"module": "builtins", "attribute": "str", "type": "builtin"},
        "visualizations": [{"type": "html", "uri": str(folder / "secret.txt")}],
    }
    version = client.post("artifact_versions", json=body)
    version_id = version.json()["id"] if version.status_code == 200 else project
    read = client.get(f"artifact_versions/{version_id}/visualize")
    assert "hunter2" not in read.text
    return [answer.status_code for answer in (named, artifact, version, read)]


def test_files_of_the_owner_cannot_be_read_through_a_store_that_a_request_names(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("hunter2")
    project = dashboard.api("projects")["items"][0]["id"]
    with dashboard.client(token="guessed") as stranger:
        assert attack(stranger, tmp_path, project) == [401] * 4
    with dashboard.client() as owner:
        named, _, _, read = attack(owner, tmp_path, project)
    assert named == 403
    assert read >= 400


def test_a_run_says_what_it_did_in_its_metadata_and_on_a_page(dashboard: Dashboard) -> None:
    (run,) = dashboard.api("runs?project=default&pipeline=digital_data_etl")["items"]
    metadata = dashboard.api(f"runs/{run['id']}?hydrate=true")["metadata"]["run_metadata"]
    assert (metadata["ingestion / new"], metadata["ingestion / left out"]) == (1, 1)
    assert metadata["ingestion / documents by author"] == {"Ada Lovelace": 1}
    (reason,) = metadata["ingestion / left out, and why"].values()
    assert reason.startswith("there is no file or folder")
    (artifact,) = dashboard.api("artifact_versions?project=default&artifact=ingestion_report")["items"]
    page = dashboard.api(f"artifact_versions/{artifact['id']}/visualize")
    assert page["type"] == "html"
    assert "1 new, 0 changed, 0 unchanged, 0 moved, 0 gone, 1 left out" in page["value"]


def test_pipelines_run_while_it_is_up_and_show(house: House, dashboard: Dashboard, tmp_path: Path) -> None:
    before = house.config
    exported = house.export(tmp_path / "deep" / "out", "user", "ingestion", "ingestion_report")
    assert (exported.returncode, exported.stderr) == (0, "")
    files = [Path(line) for line in exported.stdout.splitlines()]
    assert [file.name for file in files] == ["user.json", "ingestion.json", "ingestion_report.json"]
    assert json.loads(files[0].read_text())["full_name"] == "Ada Lovelace"
    assert json.loads(files[1].read_text())["n_by_author"] == {"Ada Lovelace": 1}
    runs = dashboard.api("runs?project=default&sort_by=desc:created")["items"]
    assert runs[0]["name"].startswith("export_artifact_to_json")
    assert house.config == before


def test_up_says_where_it_is_and_down_ends_it(house: House, dashboard: Dashboard) -> None:
    address = f"{dashboard.page}?token={dashboard.token}"
    listed = house.python("-m", "tools.dashboard")
    assert f"pipelines  {address}   ZenML's dashboard runs\n" in listed.stdout
    again = house.python("-m", "tools.zenml_server", "up")
    assert (again.returncode, again.stdout) == (0, f"dashboard  {address}   (runs already)\n")
    down = house.python("-m", "tools.zenml_server", "down")
    assert (down.returncode, down.stdout) == (0, f"dashboard  {address} is stopped\n")
    assert dashboard.process.wait(10) == 0
    assert house.python("-m", "tools.zenml_server", "down").stdout == "dashboard  none runs\n"


def test_runs_go_on_after_it_was_killed_and_an_unknown_artifact_is_one_line(
    house: House, dashboard: Dashboard, tmp_path: Path
) -> None:
    before = house.config
    dashboard.process.kill()
    dashboard.process.wait()
    refused = house.export(tmp_path / "out", "ingestoin")
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        "error: No artifact is called ingestoin: run the pipeline that makes it first. There are: "
    )
    assert "ingestion, ingestion_report, " in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert house.python("-m", "tools.zenml_server", "down").stdout == "dashboard  none runs\n"
    assert house.config == before
