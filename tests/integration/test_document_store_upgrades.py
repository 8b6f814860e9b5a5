"""A document store that the first release made: brought up to date whole or not at all, and erased on a full disk."""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category
from rag_llm_system.domain.errors import DiskFullError
from rag_llm_system.domain.ports.document_store import SaveOutcome
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from tests.integration.small_disk import make_room, may_mount, mounted_disk

FIRST_RELEASE = """
    CREATE TABLE {0} (id VARCHAR NOT NULL, link TEXT NOT NULL, author_id TEXT NOT NULL, content_hash TEXT NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (id));
    CREATE UNIQUE INDEX ix_{0}_link ON {0} (link) WHERE link != '';
    CREATE INDEX ix_{0}_author_id ON {0} (author_id);
"""
USERS_OF_THE_FIRST_RELEASE = """
    CREATE TABLE users (id VARCHAR NOT NULL, folded_name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id));
    CREATE INDEX ix_users_folded_name ON users (folded_name);
"""
OPEN = "import sys; from rag_llm_system.infrastructure.db.sql import SqlDocumentStore; SqlDocumentStore(sys.argv[1])"


def article(number: int, text: str = "words") -> ArticleDocument:
    return ArticleDocument(
        id=f"id-{number:05}",
        platform="test",
        link=f"https://example.com/{number}",
        author_id="ada",
        author_full_name="Ada Lovelace",
        content=ArticleContent(text=text),
    )


def first_release(path: Path, articles: list[ArticleDocument]) -> str:
    """Makes a file as the first release left it, and gives its URL."""
    ada = {"id": "ada", "first_name": "Ada", "last_name": "Lovelace", "full_name": "Ada Lovelace"}
    with closing(sqlite3.connect(path)) as there:
        there.execute("PRAGMA journal_mode=WAL")
        there.executescript("".join(FIRST_RELEASE.format(category) for category in Category))
        there.executescript(USERS_OF_THE_FIRST_RELEASE)
        insert_as_the_first_release(there, articles)
        there.execute("INSERT INTO users VALUES ('ada', 'ada lovelace', ?)", [json.dumps(ada)])
        there.commit()
    return f"sqlite:///{path}"


def insert_as_the_first_release(there: sqlite3.Connection, articles: list[ArticleDocument]) -> None:
    rows = [(a.id, a.link, a.author_id, a.content_hash(), a.model_dump_json()) for a in articles]
    there.executemany("INSERT INTO articles (id, link, author_id, content_hash, body) VALUES (?, ?, ?, ?, ?)", rows)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted_disk(tmp_path, size_mb=24):
        yield tmp_path


def times(store: SqlDocumentStore) -> set[str]:
    return {digest.saved_at for digest in store.digests(Category.ARTICLES)}


def test_a_store_of_the_first_release_keeps_all_it_holds(tmp_path: Path) -> None:
    articles = [article(number) for number in range(20)]
    url = first_release(tmp_path / "documents.sqlite", articles)
    store = SqlDocumentStore(url)
    assert list(store.find(Category.ARTICLES)) == articles
    assert store.get_or_create("Ada  LOVELACE").id == "ada"
    assert store.save(articles) == SaveOutcome(n_unchanged=20)
    assert len(times(store) - {""}) == 1
    store.close()


def test_the_first_release_may_go_on_writing_beside_this_one(tmp_path: Path) -> None:
    url = first_release(tmp_path / "documents.sqlite", [article(1)])
    store = SqlDocumentStore(url)
    with closing(sqlite3.connect(tmp_path / "documents.sqlite")) as there:
        insert_as_the_first_release(there, [article(2)])
        there.commit()
    assert [digest.saved_at == "" for digest in store.digests(Category.ARTICLES)] == [False, True]
    assert store.save([article(2, "changed")]) == SaveOutcome(n_changed=1)
    assert "" not in times(store)
    store.close()


@pytest.mark.slow
def test_an_upgrade_that_is_killed_at_any_moment_is_whole_or_was_not(tmp_path: Path) -> None:
    articles = [article(number, "x" * 4_000) for number in range(3_000)]
    url = first_release(tmp_path / "documents.sqlite", articles)
    for _ in range(4):
        upgrade = subprocess.Popen([sys.executable, "-c", OPEN, url])
        wal = tmp_path / "documents.sqlite-wal"
        deadline = time.monotonic() + 20
        while upgrade.poll() is None and not (wal.exists() and wal.stat().st_size > 0):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.03))
        upgrade.kill()
        upgrade.wait()
        looking = SqlDocumentStore(url, create=False)
        assert (looking.count(Category.ARTICLES), len(times(looking))) == (3_000, 1)
        looking.close()
    store = SqlDocumentStore(url)
    assert "" not in times(store)
    assert store.save(articles[:50]) == SaveOutcome(n_unchanged=50)
    store.close()


@pytest.mark.slow
def test_of_processes_that_upgrade_at_once_all_go_on(tmp_path: Path) -> None:
    url = first_release(tmp_path / "documents.sqlite", [article(number) for number in range(500)])
    upgrades = [subprocess.Popen([sys.executable, "-c", OPEN, url], stderr=subprocess.PIPE) for _ in range(3)]
    assert [(upgrade.communicate()[1], upgrade.returncode) for upgrade in upgrades] == [(b"", 0)] * 3


@pytest.mark.skipif(not may_mount(), reason="making a small disk needs root on Linux")
def test_on_a_full_disk_an_upgrade_and_an_erasure_say_so_and_are_done_once_there_is_room(
    small_disk: Path,
) -> None:
    articles = [article(number, f"secret-{number:05} " + "x" * 13_000) for number in range(1_000)]
    url = first_release(small_disk / "documents.sqlite", articles)
    with pytest.raises(DiskFullError, match="make room there; what was saved before is kept"):
        SqlDocumentStore(url)
    looking = SqlDocumentStore(url, create=False)
    assert (looking.count(Category.ARTICLES), times(looking)) == (1_000, {""})
    looking.close()
    make_room(small_disk, size_mb=256)
    store = SqlDocumentStore(url)
    assert "" not in times(store)
    store.close()
    (small_disk / "filling").write_bytes(bytes(shutil.disk_usage(small_disk).free - 3_000_000))
    store = SqlDocumentStore(url)
    with pytest.raises(DiskFullError, match=r"is removed, but its bytes stay until this is done again: the disk"):
        store.erase(Category.ARTICLES, ["id-00001"])
    assert store.count(Category.ARTICLES) == 999
    (small_disk / "filling").unlink()
    assert store.erase(Category.ARTICLES, ["id-00001"]) == 0
    assert store.count(Category.ARTICLES) == 999
    store.close()
    assert b"secret-00001" not in b"".join(path.read_bytes() for path in small_disk.iterdir())
