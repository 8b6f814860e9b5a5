"""The whole flow through each of the other doors: the same sources, the same counts, the same answers.

Sources are a git repository, two web pages and a folder. MongoDB and Qdrant are stand-ins here: see
tests/document_stores.py and tests/qdrant_over_http.py.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cut_network import cut_network
from tests.document_stores import POSTGRES, STAND_IN, Database
from tests.forked_commands import ForkedCommands
from tests.integration.git_repositories import bare_repository
from tests.integration.web_site import Answer, Site
from tests.qdrant_over_http import qdrant_over_http

pytest_plugins = ["tests.document_store_fixtures"]
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

PAGE = """<html><head><title>{title}</title><meta name="author" content="Grace Hopper"></head><body>
<nav><a href="/">Home</a></nav><article><h1>{title}</h1><p>{text}</p><p>{more}</p></article></body></html>"""
MORE = "The keepers of the harbour wrote all of this down every evening, in a book that is still kept in the town hall."
CODE = '''"""Weaving."""


def weave(n_threads: int) -> str:
    """Gives a cloth with a pattern of herons, which takes 4096 threads at the least."""
    return "heron" * n_threads
'''
ASK_EACH = """
import sys
from tools.rag import main
questions = sys.argv[1:]
for question in questions:
    sys.argv[1:] = [question]
    main()
"""
QUESTIONS = {
    "How many threads does a pattern of herons take at the least?": ("4096 threads", "weaving.py"),
    "What does the lamp of the lighthouse burn?": ("whale oil", "/lighthouse.html"),
    "When does the ferry leave?": ("half past six", "/ferry.html"),
    "What colour is the granite of the quay?": ("pink", "notes.md"),
}


@dataclass(frozen=True)
class Sources:
    """Where the writing is."""

    links: tuple[str, ...]
    site: Site

    def options(self) -> list[str]:
        return [option for link in self.links for option in ("--link", link)]


@dataclass(frozen=True)
class House:
    """A RAG_HOME and what is typed there."""

    home: Path
    forked: ForkedCommands
    settings: Mapping[str, str] = field(default_factory=dict)

    def everything_said(self, sources: Sources) -> list[str]:
        """Gives what the pipeline and the answers print, seconds and milliseconds left out."""
        done = self.run_pipeline("--run-end-to-end-data", *sources.options())
        assert done.returncode == 0, done.stderr
        script = self.home / "ask_each.py"
        script.write_text(ASK_EACH)
        asked = self.run([script, *QUESTIONS])
        assert asked.returncode == 0, asked.stderr
        lines = done.stdout.splitlines() + asked.stdout.splitlines()
        return [re.sub(r"\d+\.\d m?s", "TIME", line) for line in lines if not re.match(r"\s+\w+ \d+\.\d m?s", line)]

    def run_pipeline(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.run(["-m", "tools.run", "--user-full-name", "Ada Lovelace", *options])

    def run(self, command: Sequence[object]) -> "subprocess.CompletedProcess[str]":
        own = {
            "RAG_HOME": str(self.home),
            "RAG_PRIVATE_NETWORKS": "127.0.0.0/8",
            "RAG_WEB_PAUSE_S": "0",
            "RAG_TRACKING": "false",
        }
        return self.forked.run(command, environment={**os.environ, **own, **self.settings}, timeout_s=200)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    folder = tmp_path_factory.mktemp("sources")
    repository = bare_repository(
        folder / "loom.git", {"weaving.py": CODE, "README.md": "# Loom\n\nA loom of my own.\n"}
    )
    (folder / "notes").mkdir()
    (folder / "notes" / "notes.md").write_text(
        "# Quay\n\nThe granite of the quay is pink, and comes from Ross of Mull.\n"
    )
    pages = {
        "/lighthouse.html": ("Lighthouse", "The lamp of the lighthouse burns whale oil from a copper tank."),
        "/ferry.html": ("Ferry", "The ferry leaves at half past six, weather permitting, from the north pier."),
    }
    answers = {path: Answer(PAGE.format(title=title, text=text, more=MORE)) for path, (title, text) in pages.items()}
    with Site({**answers}) as site:
        yield Sources((str(repository), *map(site.link, pages), str(folder / "notes")), site)


@pytest.fixture(scope="module")
def house(forked: ForkedCommands, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with the embedded default."""
    return House(tmp_path_factory.mktemp("sqlite"), forked)


@pytest.fixture(scope="module")
def on_sqlite(sources: Sources, house: House) -> list[str]:
    """What the flow prints there."""
    return house.everything_said(sources)


@pytest.fixture(params=["PostgreSQL", "the stand-in for MongoDB", "a Qdrant server"])
def other_door(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings that lead through it."""
    with ExitStack() as stack:
        if request.param == "a Qdrant server":
            url = urlsplit(stack.enter_context(qdrant_over_http()).url)
            yield {"QDRANT_DATABASE_HOST": str(url.hostname), "QDRANT_DATABASE_PORT": str(url.port)}
            return
        name = "postgres_database" if request.param == "PostgreSQL" else "stand_in_database"
        yield settings_of(request.getfixturevalue(name))


def settings_of(database: Database) -> dict[str, str]:
    if database.kind != STAND_IN:
        return {"DATABASE_URL": database.url}
    url = urlsplit(database.url)
    return {"DATABASE_HOST": f"mongodb://{url.netloc}", "DATABASE_NAME": url.path[1:]}


def test_every_source_is_indexed_and_cited(on_sqlite: list[str]) -> None:
    said = "\n".join(on_sqlite)
    assert "documents   5 new, 0 changed, 0 unchanged, 0 moved, 0 gone, 0 left out" in said
    assert "5 documents loaded" in said
    answers = said.split("Q  ")[1:]
    for answer, (fact, source) in zip(answers, QUESTIONS.values(), strict=True):
        assert fact in " ".join(answer.split())
        assert source in answer


def test_through_another_door_everything_is_the_same(
    other_door: dict[str, str], sources: Sources, house: House, on_sqlite: list[str], tmp_path: Path
) -> None:
    (tmp_path / "models").symlink_to(house.home / "models")  # made once
    assert replace(house, home=tmp_path, settings=other_door).everything_said(sources) == on_sqlite
    assert not (tmp_path / ("index" if "QDRANT_DATABASE_HOST" in other_door else "documents.sqlite")).exists()


@pytest.mark.parametrize("kind", [POSTGRES, STAND_IN])
def test_when_the_network_breaks_the_run_says_so_and_the_next_one_completes_it(
    kind: str, request: pytest.FixtureRequest, forked: ForkedCommands, tmp_path: Path
) -> None:
    database: Database = request.getfixturevalue("postgres_database" if kind == POSTGRES else "stand_in_database")
    notes = tmp_path / "notes"
    notes.mkdir()
    for number in range(100):  # three batches, and the rest
        (notes / f"{number:03}.md").write_text(f"# Note {number}\n\n" + f"The tide of day {number} was high. " * 100)
    link = ("--link", str(notes))
    with cut_network(server_of(database), n_bytes=200_000) as network:
        settings = {**settings_of(behind(database, network.port)), "RAG_DATABASE_TIMEOUT_S": "2"}
        house = House(tmp_path, forked, settings)
        failed = house.run_pipeline("--run-etl", *link)
        assert network.is_cut
        assert failed.returncode == 1, failed.stdout
        assert re.fullmatch(r"error: [^\n]+\n", failed.stderr)
        network.mend()
        completed = house.run_pipeline("--run-etl", *link)
        assert completed.returncode == 0, completed.stderr
    counts = re.search(r"(\d+) new, (\d+) changed, (\d+) unchanged, 0 moved, 0 gone, 0 left out", completed.stdout)
    assert counts
    n_new, n_changed, n_unchanged = map(int, counts.groups())
    assert (n_new + n_unchanged, n_changed) == (100, 0)
    assert n_unchanged >= 32, "the batch that was acknowledged before is kept"


def server_of(database: Database) -> int | str:
    url = urlsplit(database.url)
    return url.port or f"{parse_qs(url.query)['host'][0]}/.s.PGSQL.5432"


def behind(database: Database, port: int) -> Database:
    """Gives the same database as it is reached through that port."""
    url = urlsplit(database.url)
    user = f"{url.username}@" if url.username else ""
    return Database(database.kind, url._replace(netloc=f"{user}127.0.0.1:{port}", query="").geturl())
