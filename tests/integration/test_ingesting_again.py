"""Folders that are ingested again: what was deleted, renamed or moved meanwhile, and what only seems to be gone."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rag_llm_system.application.crawlers.dispatcher import CrawlerDispatcher, ParserDispatcher
from rag_llm_system.application.ingestion.ingest import Ingestion, IngestionReport
from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category
from rag_llm_system.domain.errors import BackendUnavailableError
from rag_llm_system.domain.ports.source import Fetched, FetchFailure, Territory
from rag_llm_system.infrastructure.crawlers.files import FileCrawler
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.parsers.code import CodeParser
from rag_llm_system.infrastructure.parsers.markdown import MarkdownParser

Ingest = Callable[..., IngestionReport]


class HalfwayCrawler:
    """Crawls files, and breaks off after the first, or gives a failure for a folder."""

    def __init__(self, *, fails_at: Path | None = None) -> None:
        self._files = FileCrawler()
        self._fails_at = fails_at

    def crawl(self, link: str) -> Iterator[Fetched | FetchFailure]:
        if self._fails_at is None:
            yield next(self._files.crawl(link))
            raise BackendUnavailableError("the disk does not answer: try again")
        yield FetchFailure(self._fails_at.as_uri(), "cannot be read (Input/output error)")

    def territory(self, link: str) -> Territory | None:
        return self._files.territory(link)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlDocumentStore]:
    store = SqlDocumentStore(f"sqlite:///{tmp_path}/documents.sqlite")
    yield store
    store.close()


@pytest.fixture
def ingest(store: SqlDocumentStore) -> Ingest:
    parsers = ParserDispatcher({"text/markdown": MarkdownParser(), "text/*": CodeParser()})

    def run(*links: object, author: str = "Ada Lovelace", crawler: object = None) -> IngestionReport:
        crawlers = CrawlerDispatcher(local=crawler or FileCrawler(max_file_bytes=1000))  # type: ignore[arg-type]
        ingestion = Ingestion(crawlers=crawlers, parsers=parsers, documents=store, users=store, n_per_batch=2)
        return ingestion.ingest([str(link) for link in links], author_full_name=author)

    return run


@pytest.fixture
def home(tmp_path: Path, ingest: Ingest) -> Path:
    """A folder of four files, ingested once."""
    home = tmp_path / "home"
    (home / "deep").mkdir(parents=True)
    for name in ("a.md", "b.md", "deep/c.md", "d.py"):
        (home / name).write_text(f"words of {name}")
    assert counts(ingest(home)) == (4, 0, 0, 0)
    return home


def counts(report: IngestionReport) -> tuple[int, int, int, int]:
    """Gives how many were new, gone, moved and kept."""
    return report.outcome.n_new, report.n_gone, report.n_moved, report.n_kept


def stored(store: SqlDocumentStore, home: Path) -> list[str]:
    links = [digest.link for category in Category for digest in store.digests(category)]
    return sorted(link.removeprefix(home.as_uri() + "/") for link in links)


def test_what_was_deleted_is_removed_and_told(home: Path, store: SqlDocumentStore, ingest: Ingest) -> None:
    (home / "a.md").unlink()
    shutil.rmtree(home / "deep")
    report = ingest(home)
    assert counts(report) == (0, 2, 0, 0)
    assert {name: report.summary()[name] for name in ("n_gone", "n_moved", "n_kept")} == {
        "n_gone": 2, "n_moved": 0, "n_kept": 0
    }  # fmt: skip
    assert stored(store, home) == ["b.md", "d.py"]
    assert counts(ingest(home)) == (0, 0, 0, 0)


def test_what_was_renamed_or_moved_is_told_apart_from_what_is_gone(
    home: Path, store: SqlDocumentStore, ingest: Ingest
) -> None:
    (home / "a.md").rename(home / "renamed.md")
    (home / "d.py").rename(home / "deep/moved.py")
    (home / "b.md").unlink()
    (home / "new.md").write_text("other words")
    assert counts(ingest(home)) == (3, 1, 2, 0)
    assert stored(store, home) == ["deep/c.md", "deep/moved.py", "new.md", "renamed.md"]


def test_what_moved_to_another_folder_of_the_run_is_moved(
    home: Path, store: SqlDocumentStore, ingest: Ingest, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (home / "a.md").rename(there / "a.md")
    assert counts(ingest(there, home)) == (1, 0, 1, 0)
    assert IngestionReport.of_all([ingest(home), ingest(there)]).n_moved == 0
    assert len(stored(store, home)) == 4


def test_a_copy_that_is_deleted_is_gone_and_the_other_stays(
    home: Path, store: SqlDocumentStore, ingest: Ingest
) -> None:
    (home / "copy.md").write_text("words of a.md")
    assert counts(ingest(home)) == (1, 0, 0, 0)
    (home / "a.md").unlink()
    assert counts(ingest(home)) == (0, 1, 0, 0)
    assert stored(store, home) == ["b.md", "copy.md", "d.py", "deep/c.md"]
    (home / "b.md").write_text("words of a.md")
    assert counts(ingest(home)) == (0, 0, 0, 0)
    (home / "b.md").rename(home / "renamed.md")
    (home / "copy.md").unlink()
    assert counts(ingest(home)) == (1, 1, 1, 0)  # two are gone, and one new document has their text


def test_what_is_there_and_left_out_stays_as_it_was(home: Path, store: SqlDocumentStore, ingest: Ingest) -> None:
    (home / "a.md").write_text("x" * 2000)  # too large
    (home / "b.md").write_text("")
    (home / "deep/pyvenv.cfg").touch()  # made by a tool, from now on
    report = ingest(home)
    assert counts(report) == (0, 0, 0, 3)
    assert [reason.partition(" ")[0] for _, reason in report.failures] == ["has", "is"]
    assert stored(store, home) == ["a.md", "b.md", "d.py", "deep/c.md"]
    texts = [d.content.text for d in store.find(Category.ARTICLES) if isinstance(d, ArticleDocument)]
    assert sorted(texts) == ["words of a.md", "words of b.md", "words of deep/c.md"]


def test_nothing_is_removed_while_the_folder_is_away(home: Path, store: SqlDocumentStore, ingest: Ingest) -> None:
    there = home.rename(home.parent / "away")
    assert counts(ingest(home)) == (0, 0, 0, 0)  # a failure
    home.mkdir()
    assert counts(ingest(home)) == (0, 0, 0, 4)  # a drive is mounted here, sometimes
    home.rmdir()
    there.rename(home)
    (home / "deep/c.md").rename(home / "deep.md")
    assert counts(ingest(home)) == (1, 0, 0, 1)
    (home / "deep").rmdir()
    assert counts(ingest(home)) == (0, 1, 0, 0)
    assert stored(store, home) == ["a.md", "b.md", "d.py", "deep.md"]


def test_nothing_is_removed_by_a_crawl_that_broke_off(home: Path, store: SqlDocumentStore, ingest: Ingest) -> None:
    (home / "b.md").unlink()
    report = ingest(home, crawler=HalfwayCrawler())
    assert counts(report) == (0, 0, 0, 0)
    assert report.failures == ((str(home), "the disk does not answer: try again"),)
    assert len(stored(store, home)) == 4


def test_nothing_is_removed_below_what_could_not_be_read(home: Path, store: SqlDocumentStore, ingest: Ingest) -> None:
    (home / "b.md").unlink()
    (home / "deep/c.md").rename(home / "deep/e.md")
    assert counts(ingest(home, crawler=HalfwayCrawler(fails_at=home / "deep"))) == (0, 1, 0, 3)
    assert stored(store, home) == ["a.md", "d.py", "deep/c.md"]
    assert counts(ingest(home, crawler=HalfwayCrawler(fails_at=home))) == (0, 0, 0, 3)


def test_other_folders_and_other_sources_are_left_alone(
    home: Path, store: SqlDocumentStore, ingest: Ingest, tmp_path: Path
) -> None:
    links = ["https://example.com/a", (tmp_path / "home2/a.md").as_uri(), f"git+{home.as_uri()}#gone.md", ""]
    elsewhere = [
        ArticleDocument(
            id=f"id-{number}",
            platform="test",
            link=link,
            author_id="ada",
            author_full_name="Ada",
            content=ArticleContent(text="words"),
        )
        for number, link in enumerate(links)
    ]
    store.save(elsewhere)
    (home / "a.md").unlink()
    assert counts(ingest(home)) == (0, 1, 0, 0)
    assert counts(ingest(home / "deep/c.md")) == (0, 0, 0, 0)
    assert store.count(Category.ARTICLES) == 2 + len(links)


def test_a_file_that_became_another_kind_of_document_is_not_kept_twice(
    home: Path, store: SqlDocumentStore, ingest: Ingest
) -> None:
    code, article = store.find(Category.REPOSITORIES), (home / "d.py").as_uri()
    author = next(code).author_id
    store.save(
        [
            ArticleDocument(
                id="before",
                platform="file",
                link=article,
                author_id=author,
                author_full_name="Ada Lovelace",
                content=ArticleContent(text="words of d.py"),
            )
        ]
    )
    assert counts(ingest(home)) == (0, 1, 0, 0)
    assert stored(store, home) == ["a.md", "b.md", "d.py", "deep/c.md"]


def test_what_becomes_another_authors_is_told(home: Path, store: SqlDocumentStore, ingest: Ingest) -> None:
    (home / "new.md").write_text("words")
    report = ingest(home, author="Bob Bit")
    assert (report.n_reowned, report.outcome.n_changed, report.outcome.n_new) == (4, 4, 1)
    assert ingest(home, author="Bob Bit").n_reowned == 0


def test_a_document_that_cannot_be_read_goes_like_the_others(
    home: Path, store: SqlDocumentStore, ingest: Ingest, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "documents.sqlite", isolation_level=None)) as there:
        there.execute("UPDATE articles SET body = '{' WHERE link LIKE '%a.md'")
    (home / "a.md").rename(home / "renamed.md")
    assert counts(ingest(home)) == (1, 1, 0, 0)
    assert len(stored(store, home)) == 4
