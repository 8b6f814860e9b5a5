"""`poe doctor` in processes of its own: on nothing, on a system that works, on broken ones."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.bootstrap.embedding import open_embedder
from rag_llm_system.bootstrap.ingestion import open_ingestion
from rag_llm_system.bootstrap.vector_index import open_catalogue, open_index
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.settings import Settings, load_settings
from tests.tiny_bert import make_tiny_bert

ROOT = Path(__file__).resolve().parents[2]
CHECKS = "python packages extras settings home documents embedder index pipelines".split()
CHECKS += ["main API", "model server", "tracking", "git", "chromium", "cpu", "memory"]
SECRET = "hush-hush"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def ports() -> dict[str, str]:
    """Gives two ports that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        found = [listener.getsockname()[1] for listener in (one, other)]
    return {"RAG_API_PORT": str(found[0]), "RAG_MODEL_SERVER_PORT": str(found[1])}


@pytest.fixture
def environment(tiny: Path, ports: dict[str, str], tmp_path: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RAG_", "ZENML_", "COLUMNS"))}
    own = {"PYTHONPATH": str(ROOT), "RAG_HOME": str(tmp_path / "home"), "TEXT_EMBEDDING_MODEL_ID": str(tiny)}
    return {**kept, **own, **ports}


@pytest.fixture
def filled_home(tmp_path: Path, tiny: Path) -> Settings:
    """Gives the settings of a home with two documents, a prepared embedder, and one window in the index."""
    (tmp_path / "notes").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "notes" / f"{name}.md").write_text(f"# {name}\n\nthe {name} sat on a mat and saw the sea\n")
    settings = load_settings(rag_home=tmp_path / "home", text_embedding_model_id=str(tiny))
    with open_ingestion(settings) as ingestion:
        ingestion.ingestion.ingest([str(tmp_path / "notes")], author_full_name="Ada Lovelace")
    embedder, _ = open_embedder(settings, print)
    text = "the cat sat on a mat"
    vector = embedder.embed([text])[0]
    draft = open_catalogue(settings, embedder, purpose="a test").open_draft()
    point = IndexPoint(id=str(uuid.uuid4()), payload={"text": text}, vector=vector, text=text)
    draft.upsert(CHUNK_COLLECTIONS[Category.ARTICLES], [point])
    draft.publish()
    return settings


def doctor(environment: Mapping[str, str], folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tools.doctor", *options]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done


def findings(done: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}


def digests(folder: Path) -> dict[str, str]:
    """Gives what every file holds."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_on_a_fresh_clone_nothing_fails_and_nothing_is_made(environment: dict[str, str], tmp_path: Path) -> None:
    done = doctor(environment, tmp_path)
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    assert done.stdout.endswith("\nNothing is broken.\n")
    assert "do: run ./poe quickstart" in done.stdout
    assert list(tmp_path.iterdir()) == []
    paths_are_whole = [line for line in done.stdout.splitlines() if len(line) > 80 and "/" not in line]
    assert paths_are_whole == []


def test_a_system_that_works_is_counted_and_stays_as_it_is(
    filled_home: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    before = digests(filled_home.home)
    started = time.monotonic()
    done = doctor(environment, tmp_path, "--json")
    assert time.monotonic() - started < 20
    found = findings(done)
    assert (done.returncode, json.loads(done.stdout)["works"], list(found)) == (0, True, CHECKS)
    assert found["documents"]["found"] == "2 articles, 0 posts, 0 repositories by 1 author (SQLite)"
    assert found["embedder"]["level"] == "ok"
    assert "32 dimensions, loaded in" in found["embedder"]["found"]
    assert found["index"]["level"] == "ok"
    counts = "1 windows: 1 articles, 0 posts, 0 repositories"
    assert found["index"]["found"] == f"{counts}; fits the settings (embedded)"
    assert digests(filled_home.home) == before


def test_an_index_that_is_read_and_written_to_meanwhile_is_looked_at_all_the_same(
    filled_home: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    embedder, _ = open_embedder(filled_home, print)
    draft = open_catalogue(filled_home, embedder, purpose="a long run").open_draft()
    with open_index(filled_home, embedder):
        done = doctor(environment, tmp_path, "--json")
    draft.close()
    index = findings(done)["index"]
    assert (done.returncode, index["level"]) == (0, "ok")
    assert index["found"].startswith("1 windows: 1 articles")


def test_a_broken_system_is_named_part_by_part(
    filled_home: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    (filled_home.home / "index" / "generations" / "1" / "manifest.json").write_text("junk{{")
    (filled_home.home / "documents.sqlite").write_bytes(b"junk" * 1000)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        broken = {"RAG_API_PORT": str(port), "RAG_MIN_FREE_MB": "1000000000"}
        done = doctor({**environment, **broken}, tmp_path, "--json")
    found = findings(done)
    assert (done.returncode, json.loads(done.stdout)["works"]) == (1, False)
    assert {name for name, finding in found.items() if finding["level"] == "fail"} == {"home", "documents", "index"}
    assert "manifest" in found["index"]["found"]
    assert found["main API"]["level"] == "warn"
    assert f"port {port} is taken by process {os.getpid()} (" in found["main API"]["found"]
    assert all(finding["advice"] for finding in found.values() if finding["level"] in ("warn", "fail"))


def test_an_index_of_other_settings_is_a_failure(
    filled_home: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    other = make_tiny_bert(tmp_path / "other", seed=1)
    done = doctor({**environment, "TEXT_EMBEDDING_MODEL_ID": str(other)}, tmp_path, "--json")
    index = findings(done)["index"]
    assert (done.returncode, index["level"]) == (1, "fail")
    assert "was made with embedder" in index["found"]
    assert "./poe index build" in index["advice"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "scheme", "has_qdrant"), [("DATABASE_HOST", "mongodb", True), ("DATABASE_URL", "postgresql", False)]
)
def test_servers_that_are_away_cost_seconds_and_their_passwords_stay_hidden(
    key: str, scheme: str, has_qdrant: bool, environment: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = f"127.0.0.1:{listener.getsockname()[1]}"
    away = {
        key: f"{scheme}://ada:{SECRET}@{dead}/twin",
        "COMET_API_KEY": SECRET,
        "RAG_DATABASE_TIMEOUT_S": "1",
        "RAG_MODEL_SERVER_URL": f"http://ada:{SECRET}@{dead}",
        "QDRANT_DATABASE_HOST": dead if has_qdrant else "",
        "QDRANT_APIKEY": SECRET,
        "RAG_QDRANT_TIMEOUT_S": "1",
        "REDIS_URL": f"redis://:{SECRET}@{dead}",
        "RAG_TRACKING": "false",
    }
    done = doctor({**environment, **away}, tmp_path, "--json")
    found = findings(done)
    assert done.returncode == 1
    assert (found["documents"]["level"], found["model server"]["level"]) == ("fail", "warn")
    assert found["index"]["level"] == ("fail" if has_qdrant else "info")
    assert "without the extra" not in done.stdout
    assert key in found["settings"]["found"]


def test_settings_that_cannot_be_read_are_a_finding_among_others(environment: dict[str, str], tmp_path: Path) -> None:
    done = doctor({**environment, "RAG_HOEM": "x"}, tmp_path, "--json")
    found = findings(done)
    assert done.returncode == 1
    assert found["settings"]["level"] == "fail"
    assert "Did you mean RAG_HOME?" in found["settings"]["found"]
    assert {"python", "packages", "git", "memory"} <= set(found)


def test_the_active_profile_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RAG_PROFILE=small.env\n")
    (tmp_path / "small.env").write_text("TOP_K=2\n")
    found = findings(doctor(environment, tmp_path, "--json"))["settings"]["found"]
    assert found.startswith(f"profile small.env, {tmp_path}/.env; other than default: RAG_HOME, ")
    assert "TOP_K" in found
