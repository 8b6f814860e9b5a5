"""Every command, given what it cannot use, ends with one line that names the cause, and loses nothing."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.forked_commands import ForkedCommands
from tests.tiny_bert import make_tiny_bert

ROOT = Path(__file__).resolve().parents[2]
ASK = ("tools.rag", "Where was the cat?")
ETL = ("tools.run", "--run-etl", "--user-full-name", "Ada Lovelace")
FEATURES = ("tools.run", "--run-feature-engineering")
EXPORT = ("tools.data_warehouse", "--export-raw-data")
IMPORT = ("tools.data_warehouse", "--import-raw-data")
API = ("tools.ml_service",)
MODEL = ("tools.model_server",)
SERVE = ("tools.serve",)
QUICKSTART = ("tools.quickstart",)
MOVE = ("tools.migrate_index",)
NOBODY = "127.0.0.1:1"
SOON = {"RAG_DATABASE_TIMEOUT_S": "0.5"}
QDRANT_AWAY = {"QDRANT_DATABASE_HOST": "127.0.0.1", "QDRANT_DATABASE_PORT": "1", "RAG_QDRANT_TIMEOUT_S": "1"}


@dataclass(frozen=True)
class Bad:
    """A command, and words of the line that it must end with; `{port}` stands for one that is taken."""

    command: tuple[str, ...]
    cause: str
    environment: Mapping[str, str] = field(default_factory=dict)
    standing_in: str = "."


BAD_INPUT = {
    "unknown key": Bad(ASK, "RAG_HOEM is not a setting. Did you mean RAG_HOME?", {"RAG_HOEM": "x"}),
    "unknown key, pipeline": Bad(FEATURES, "RAG_NONSENSE is not a setting", {"RAG_NONSENSE": "x"}),
    "value out of range": Bad(ASK, "TOP_K cannot be used", {"TOP_K": "999"}),
    "port that is no number": Bad(SERVE, "RAG_API_PORT cannot be used", {"RAG_API_PORT": "http"}),
    "unknown backend": Bad(MODEL, "RAG_ANSWER_ENGINE cannot be used", {"RAG_ANSWER_ENGINE": "oracle"}),
    ".env in another encoding": Bad(ASK, ".env is not UTF-8", standing_in="badly_encoded"),
    "empty question": Bad(("tools.rag", ""), "question is blank"),
    "question of 100,000 characters": Bad(("tools.rag", "cat " * 25_000), "100000 characters and may have 4000"),
    "too many passages": Bad((*ASK, "--top-k", "99"), "top_k is 99 and must be from 1 to 20"),
    "no such model folder": Bad(ASK, "no model folder", {"TEXT_EMBEDDING_MODEL_ID": "/nowhere/at-all"}),
    "MongoDB that is away": Bad(
        EXPORT, "does not answer", {"DATABASE_HOST": f"mongodb://me:hush-hush@{NOBODY}", **SOON}
    ),
    "MongoDB address that is none": Bad(EXPORT, "DATABASE_HOST cannot be read", {"DATABASE_HOST": "me:hush-hush@db"}),
    "MongoDB password with a slash": Bad(EXPORT, "%2F", {"DATABASE_HOST": "mongodb://me:hush/hush-hush@db"}),
    "PostgreSQL that is away": Bad(
        EXPORT, "does not answer", {"DATABASE_URL": f"postgresql://me:hush-hush@{NOBODY}/twin", **SOON}
    ),
    "PostgreSQL for questions": Bad(
        ASK, "does not answer", {"DATABASE_URL": f"postgresql://me:hush-hush@{NOBODY}/twin", **SOON}
    ),
    "two document stores": Bad(
        EXPORT, "DATABASE_HOST and DATABASE_URL", {"DATABASE_HOST": "mongodb://a", "DATABASE_URL": "sqlite:////tmp/a"}
    ),
    "a database nobody has a driver for": Bad(EXPORT, "oracle", {"DATABASE_URL": "oracle://me:hush-hush@db/twin"}),
    "database URL that is none": Bad(EXPORT, "store's URL cannot be read", {"DATABASE_URL": "hush-hush"}),
    "Qdrant cloud without an address": Bad(ASK, "QDRANT_CLOUD_URL", {"USE_QDRANT_CLOUD": "true"}),
    "Qdrant server that is away": Bad(ASK, "does not answer", {**QDRANT_AWAY, "QDRANT_APIKEY": "hush-hush"}),
    "moving an index to a server that is away": Bad((*MOVE, "--to", "server"), "does not answer", QDRANT_AWAY),
    "moving an index to no server": Bad((*MOVE, "--to", "server"), "QDRANT_DATABASE_HOST"),
    "unknown profile": Bad(ASK, "laptop", {"RAG_PROFILE": "mainframe"}),
    "private network that is none": Bad(
        (*ETL, "--link", "a_file"), "RAG_PRIVATE_NETWORKS", {"RAG_PRIVATE_NETWORKS": "home"}
    ),
    "git tokens that are none": Bad((*ETL, "--link", "a_file"), "RAG_GIT_TOKENS", {"RAG_GIT_TOKENS": "hush-hush"}),
    "password in a link": Bad(
        (*ETL, "--link", "https://me:hush-hush@example.org/a"), "https://example.org/a was given with a password"
    ),
    "MLflow store that is none": Bad(
        (*ETL, "--link", "a_file"),
        "RAG_MLFLOW_URI",
        {"RAG_MLFLOW_URI": "file:///tmp/hush-hush", "RAG_TRACKING": "true"},
    ),
    "import of what is no JSON": Bad(
        (*IMPORT, "--data-dir", "wrong_json"), "ArticleDocument.json must be a JSON array"
    ),
    "import of other JSON": Bad((*IMPORT, "--data-dir", "other_json"), "UserDocument.json"),
    "import of a missing folder": Bad((*IMPORT, "--data-dir", "nowhere"), "there is no folder"),
    "export onto a file": Bad((*EXPORT, "--data-dir", "a_file"), "a_file cannot be made"),
    "no such configuration": Bad((*ETL, "--etl-config-filename", "nowhere.yaml"), "nowhere.yaml cannot be read"),
    "configuration that is none": Bad((*ETL, "--etl-config-filename", "a_file"), "a_file must be YAML"),
    "link of nobody": Bad(("tools.run", "--run-etl", "--link", "a_file"), "--link needs --user-full-name"),
    "link in nobody's home": Bad((*ETL, "--link", "~no-such-person/a"), "home folder of nobody"),
    "blank link": Bad((*ETL, "--link", " "), "link is blank"),
    "blank question, quickstart": Bad((*QUICKSTART, "a_file", "--ask", " "), "question is blank"),
    "two corpora at once": Bad((*QUICKSTART, "--all-packages", "a_file"), "exclude each other"),
    "port taken, main API": Bad((*API, "--port", "{port}"), "Port {port} is taken"),
    "port taken, model server": Bad((*MODEL, "--port", "{port}"), "Port {port} is taken"),
    "port that cannot be": Bad((*MODEL, "--port", "70000"), "Port 70000 is not between 0 and 65535"),
    "main API for everybody": Bad(API, "not on '0.0.0.0'", {"RAG_API_HOST": "0.0.0.0"}),
    "model server for everybody": Bad(MODEL, "not on '0.0.0.0'", {"RAG_MODEL_SERVER_HOST": "0.0.0.0"}),
    "RAG_HOME is a file, asked": Bad(ASK, "set RAG_HOME", {"RAG_HOME": "a_file"}),
    "RAG_HOME is a file, export": Bad(EXPORT, "a_file cannot be made", {"RAG_HOME": "a_file"}),
    "RAG_HOME is a file, pipeline": Bad(FEATURES, "set RAG_HOME to a folder", {"RAG_HOME": "a_file"}),
    "damaged manifest": Bad(ASK, "manifest of the index", {"RAG_HOME": "damaged_home"}),
    # From here on each starts ZenML, which takes seconds.
    "missing folder": Bad((*ETL, "--link", "nowhere"), "nothing could be ingested"),
    "binary file alone": Bad((*ETL, "--link", "binary.bin"), "is not text"),
    "page of a private network": Bad((*ETL, "--link", "http://127.0.0.1:{port}/a"), "RAG_PRIVATE_NETWORKS"),
    "page of a host that is none": Bad((*ETL, "--link", "https://nowhere.invalid/a"), "nowhere.invalid"),
    "page of Medium": Bad((*ETL, "--link", "https://medium.com/@ada/a"), "needs the browser crawler"),
    "repository of a private network": Bad((*ETL, "--link", "https://127.0.0.1:{port}/a.git"), "RAG_PRIVATE_NETWORKS"),
    "repository that is none": Bad((*ETL, "--link", "git+a_file"), "a_file"),
    "artifacts before any run": Bad(
        ("tools.run", "--run-export-artifact-to-json"), "There is none yet", {"RAG_HOME": "untouched_home"}
    ),
    "unknown author": Bad((*FEATURES, "--author-full-name", "Nobody Known"), "No author is called 'Nobody Known'"),
}
USAGE_ERRORS = {
    ("tools.rag",): "question",
    (*ASK, "--top-k", "many"): "--top-k",
    ("tools.run",): "--run-etl",
    MOVE: "--to",
    ("tools.doctor", "now"): "now",
    ("tools.dashboard", "nonsense"): "nonsense",
    ("tools.zenml_server",): "",
    ("tools.data_warehouse",): "--export-raw-data",
    (*API, "--port", "http"): "--port",
    (*SERVE, "now"): "now",
    (*QUICKSTART, "--aks", "Where?"): "--aks",
}


@dataclass(frozen=True)
class Place:
    """A folder in which commands are typed, and their environment."""

    folder: Path
    environment: Mapping[str, str]
    forked: ForkedCommands

    def ended(
        self, command: tuple[str, ...], environment: Mapping[str, str] | None = None, standing_in: str = "."
    ) -> "subprocess.CompletedProcess[str]":
        """Runs a command to its end, with an environment of its own beside that of all."""
        whole = {**self.environment, **(environment or {})}
        return self.forked.run(("-m", *command), environment=whole, folder=self.folder / standing_in)

    def exported(self, name: str) -> dict[str, str]:
        done = self.ended((*EXPORT, "--data-dir", name))
        assert done.returncode == 0, done.stderr
        return {path.name: path.read_text() for path in (self.folder / name).iterdir()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives a folder with things in it that the commands cannot use."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "a_file").write_text("one sentence, no settings\n")
    (folder / "binary.bin").write_bytes(bytes(range(256)) * 20)
    for name, file, content in (
        ("wrong_json", "ArticleDocument.json", "{nope"),
        ("other_json", "UserDocument.json", '[{"colour": "red"}]'),
        ("badly_encoded", ".env", "TOP_K=3 # für später"),
        ("damaged_home", "index/manifest.json", "junk{{"),
    ):
        (folder / name / file).parent.mkdir(parents=True)
        (folder / name / file).write_text(content, encoding="latin-1")
    make_tiny_bert(folder / "tiny")
    return folder


@pytest.fixture(scope="module")
def place(folder: Path, forked: ForkedCommands) -> Place:
    """Gives that folder with a RAG_HOME that a good question has been asked in already."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RAG_", "ZENML_"))}
    own = {
        "PYTHONPATH": str(ROOT),
        "RAG_HOME": str(folder / "home"),
        "RAG_TRACKING": "false",
        "TEXT_EMBEDDING_MODEL_ID": str(folder / "tiny"),
    }
    place = Place(folder, {**kept, **own}, forked)
    good = place.ended(ASK)
    assert good.returncode == 0, good.stderr
    (folder / "damaged_home" / "models").symlink_to(folder / "home" / "models")
    return place


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def stored(place: Place) -> dict[str, str]:
    """Gives the export of the two documents that are stored."""
    write_documents(place.folder / "right", n=2)
    write_documents(place.folder / "half_right", n=5)
    with (place.folder / "half_right" / "ArticleDocument.json").open("a") as file:
        file.write("and more")
    assert place.ended((*IMPORT, "--data-dir", "right")).returncode == 0
    stored = place.exported("before")
    assert len(json.loads(stored["ArticleDocument.json"])) == 2
    return stored


@pytest.mark.parametrize("bad", BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_ends_with_one_line_that_names_the_cause(bad: Bad, place: Place, taken_port: int) -> None:
    port = str(taken_port)
    own = {key: value.replace("{port}", port) for key, value in bad.environment.items()}
    if "RAG_HOME" in own:
        own["RAG_HOME"] = str(place.folder / own["RAG_HOME"])
    done = place.ended(tuple(part.replace("{port}", port) for part in bad.command), own, bad.standing_in)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert bad.cause.replace("{port}", port) in done.stderr
    assert "hush-hush" not in done.stderr


@pytest.mark.parametrize("name", ["unknown key", "missing folder"])
def test_a_command_that_is_started_afresh_ends_with_the_same_line(name: str, place: Place) -> None:
    bad = BAD_INPUT[name]
    command = [sys.executable, "-m", *bad.command]
    environment = {**place.environment, **bad.environment}
    afresh = subprocess.run(
        command, env=environment, cwd=place.folder, capture_output=True, text=True, timeout=100, check=False
    )
    done = place.ended(bad.command, bad.environment)
    assert (afresh.returncode, afresh.stdout, afresh.stderr) == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(("command", "cause"), USAGE_ERRORS.items())
def test_what_cannot_be_read_as_a_command_is_explained(command: tuple[str, ...], cause: str, place: Place) -> None:
    untouched = place.folder / "untouched"
    done = place.ended(command, {"RAG_HOME": str(untouched)})
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("usage: ")
    assert "Traceback" not in done.stderr
    reason = done.stderr.splitlines()[-1]
    assert "error: " in reason
    assert cause in reason
    assert not untouched.exists()


@pytest.mark.parametrize("source", ["wrong_json", "other_json", "half_right"])
def test_a_refused_import_leaves_the_store_as_it_was(source: str, stored: dict[str, str], place: Place) -> None:
    assert place.ended((*IMPORT, "--data-dir", source)).returncode == 1
    assert place.exported(f"after-{source}") == stored


def write_documents(folder: Path, *, n: int) -> None:
    """Writes a user and `n` articles in the form of the LLM Engineer's Handbook."""
    folder.mkdir(exist_ok=True)
    user = "11111111-1111-4111-8111-111111111111"
    names = {"first_name": "Ada", "last_name": "Lovelace"}
    (folder / "UserDocument.json").write_text(json.dumps([{"id": user, **names}]))
    articles = [
        {
            "id": f"22222222-2222-4222-8222-22222222222{number}",
            "content": {"Title": f"Engine {number}", "Content": "It weaves patterns."},
            "platform": "page",
            "author_id": user,
            "author_full_name": "Ada Lovelace",
            "link": f"https://example.org/{number}",
        }
        for number in range(n)
    ]
    (folder / "ArticleDocument.json").write_text(json.dumps(articles))
