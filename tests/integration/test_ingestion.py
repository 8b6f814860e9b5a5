"""From links to the document store: real crawlers, real parsers, a real SQLite file."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag_llm_system.application.crawlers.dispatcher import CrawlerDispatcher, ParserDispatcher
from rag_llm_system.application.ingestion.ingest import Ingestion, IngestionReport
from rag_llm_system.domain.documents import ArticleDocument, Category, RepositoryDocument, document_id
from rag_llm_system.domain.errors import BackendUnavailableError, InputError
from rag_llm_system.domain.ports.document_store import SaveOutcome
from rag_llm_system.domain.ports.source import Fetched, FetchFailure, Parsed, Parser
from rag_llm_system.domain.users import user_id
from rag_llm_system.infrastructure.crawlers.files import FileCrawler
from rag_llm_system.infrastructure.crawlers.installed_packages import InstalledPackagesCrawler
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.parsers.code import CodeParser
from rag_llm_system.infrastructure.parsers.html import HtmlParser
from rag_llm_system.infrastructure.parsers.markdown import MarkdownParser
from rag_llm_system.infrastructure.parsers.text import PlainTextParser

FILES = Path(os.environ["RAG_TEST_DATA_DIR"], "ingest_files")
markdown = MarkdownParser()
PARSERS: dict[str, Parser] = {
    "text/markdown": markdown,
    "text/x-rst": markdown,
    "text/html": HtmlParser(),
    "text/plain": PlainTextParser(),
    "text/*": CodeParser(),
}


class Broken:
    """A parser with a mistake in it, and a crawler and a store that fail on the way."""

    def parse(self, fetched: Fetched) -> Parsed:
        raise ZeroDivisionError

    def crawl(self, link: str) -> Iterator[Fetched | FetchFailure]:
        yield Fetched(link, b"first", "text/plain", "broken", path="first.txt")
        if link == "broken://by/a/bug":
            raise ZeroDivisionError
        raise BackendUnavailableError("the source went away: try again later")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlDocumentStore]:
    store = SqlDocumentStore(f"sqlite:///{tmp_path}/documents.sqlite")
    yield store
    store.close()


@pytest.fixture
def ingest(store: SqlDocumentStore) -> Callable[..., IngestionReport]:
    crawlers = CrawlerDispatcher(
        local=FileCrawler(), by_scheme={"packages": InstalledPackagesCrawler(), "broken": Broken()}
    )
    parsers = ParserDispatcher({**PARSERS, "text/x-ruby": Broken()})
    ticks = iter(range(100))
    ingestion = Ingestion(
        crawlers=crawlers, parsers=parsers, documents=store, users=store, n_per_batch=2, clock=lambda: next(ticks)
    )

    def run(
        *links: object, author: str | None = "Ada Lovelace", **options: Callable[[int, int], None]
    ) -> IngestionReport:
        return ingestion.ingest([str(link) for link in links], author_full_name=author, **options)

    return run


def only_article(store: SqlDocumentStore) -> ArticleDocument:
    (article,) = store.find(Category.ARTICLES)
    assert isinstance(article, ArticleDocument)
    return article


def test_a_folder_becomes_articles_and_code_of_its_author(
    tmp_path: Path, store: SqlDocumentStore, ingest: Callable[..., IngestionReport]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "a.md").write_text("# Engines\n\nThey turn.\n")
    (home / "b.py").write_text("x = 1\n")
    (home / "c.txt").write_text(" \n")
    seen: list[tuple[int, int]] = []
    report = ingest(home, on_progress=lambda *counts: seen.append(counts))
    assert report.saved == {
        Category.ARTICLES: SaveOutcome(1),
        Category.POSTS: SaveOutcome(),
        Category.REPOSITORIES: SaveOutcome(1),
    }
    assert report.failures == (((home / "c.txt").as_uri(), "holds no text"),)
    assert (report.seconds, report.ok, seen) == (1, True, [(1, 0), (2, 0), (3, 0)])
    article = only_article(store)
    assert article.id == document_id(Category.ARTICLES, (home / "a.md").as_uri())
    assert (article.author_id, article.author_full_name) == (user_id("Ada Lovelace"), "Ada Lovelace")
    assert (article.content.title, article.content.text) == ("Engines", "# Engines\n\nThey turn.\n")
    (code,) = store.find(Category.REPOSITORIES)
    assert isinstance(code, RepositoryDocument)
    assert (code.name, code.content) == ("home", {"b.py": "x = 1\n"})


def test_ingesting_again_changes_nothing_and_an_edit_changes_one(
    tmp_path: Path, ingest: Callable[..., IngestionReport]
) -> None:
    paths = [tmp_path / f"{name}.md" for name in "abc"]
    for path in paths:
        path.write_text("words")
    assert ingest(*paths).outcome == SaveOutcome(n_new=3)
    assert ingest(*paths).outcome == SaveOutcome(n_unchanged=3)
    paths[0].write_text("other words")
    assert ingest(*paths).outcome == SaveOutcome(n_changed=1, n_unchanged=2)


def test_the_named_author_wins_over_the_text_whose_authors_contribute(
    tmp_path: Path, store: SqlDocumentStore, ingest: Callable[..., IngestionReport]
) -> None:
    path = tmp_path / "a.md"
    path.write_text("---\nauthor: Bob, ada lovelace, Carl Gauss\n---\nText\n")
    ingest(path)
    assert only_article(store).author_full_name == "Ada Lovelace"
    assert only_article(store).contributors == ("Bob", "Carl Gauss")
    assert {user.full_name for user in store.users()} == {"Ada Lovelace", "Bob", "Carl Gauss"}


def test_without_a_named_author_the_text_is_asked_and_nobody_is_a_failure(
    tmp_path: Path, store: SqlDocumentStore, ingest: Callable[..., IngestionReport]
) -> None:
    (tmp_path / "a.md").write_text("---\nauthor: Bob\n---\nText\n")
    (tmp_path / "b.md").write_text("Text\n")
    report = ingest(tmp_path / "a.md", tmp_path / "b.md", author=None)
    assert only_article(store).author_full_name == "Bob"
    assert [reason for _, reason in report.failures] == ["names no author: say whose writing it is (user_full_name)"]


def test_packages_belong_to_their_own_authors(store: SqlDocumentStore, ingest: Callable[..., IngestionReport]) -> None:
    report = ingest("packages://pydantic", "packages://fastapi")
    assert report.failures == ()
    by_name = {document.name: document for document in store.find(Category.REPOSITORIES)}  # type: ignore[union-attr]
    assert by_name["fastapi"].author_full_name == "Sebastián Ramírez"
    assert by_name["pydantic"].author_full_name == "Samuel Colvin"
    assert len(by_name["pydantic"].contributors) >= 11
    assert "Ada Lovelace" not in {user.full_name for user in store.users()}


def test_one_bad_link_or_document_never_stops_the_rest(
    tmp_path: Path, store: SqlDocumentStore, ingest: Callable[..., IngestionReport]
) -> None:
    (tmp_path / "good.md").write_text("words")
    (tmp_path / "bad.rb").write_text("words")
    report = ingest(
        "/no/such/file",
        "https://example.com/x",
        "broken://x",
        "broken://by/a/bug",
        tmp_path / "bad.rb",
        "packages://nothing",
        tmp_path / "good.md",
    )
    assert report.outcome == SaveOutcome(n_new=3)
    assert report.n_by_author == {"Ada Lovelace": 3}
    assert [reason.partition(":")[0] for _, reason in report.failures] == [
        "there is no file or folder '/no/such/file' that can be read",
        "there is no crawler for https",
        "the source went away",
        "the crawler failed (ZeroDivisionError)",
        "the parser for text/x-ruby failed (ZeroDivisionError)",
        "no package 'nothing' is installed here",
    ]
    assert report.summary() == {
        "n_new": 3, "n_changed": 0, "n_unchanged": 0, "n_failed": 6,
        "n_gone": 0, "n_moved": 0, "n_kept": 0, "n_reowned": 0,
        "n_articles": 3, "n_posts": 0, "n_repositories": 0, "seconds": 1,
    }  # fmt: skip
    report.raise_if_nothing_came()


def test_a_run_in_which_everything_failed_can_be_told(ingest: Callable[..., IngestionReport]) -> None:
    report = ingest("/no/such/file", "https://example.com")
    assert not report.ok
    with pytest.raises(
        InputError,
        match=r"^nothing could be ingested: /no/such/file: there is no file .*\(and 1 more: .* shows them\)$",
    ):
        report.raise_if_nothing_came()
    assert ingest().ok


def test_a_report_survives_json(ingest: Callable[..., IngestionReport]) -> None:
    report = ingest("packages://fastapi", "/no/such/file")
    assert IngestionReport.model_validate_json(report.model_dump_json()) == report


def test_a_store_that_fails_ends_the_run(tmp_path: Path, store: SqlDocumentStore) -> None:
    class Away(SqlDocumentStore):
        def save(self, documents: object) -> SaveOutcome:
            raise BackendUnavailableError("away")

    away = Away(f"sqlite:///{tmp_path}/away.sqlite")
    (tmp_path / "a.md").write_text("words")
    ingestion = Ingestion(
        crawlers=CrawlerDispatcher(local=FileCrawler()), parsers=ParserDispatcher(PARSERS), documents=away, users=store
    )
    with pytest.raises(BackendUnavailableError):
        ingestion.ingest([str(tmp_path / "a.md")], author_full_name="Ada")
    away.close()


@pytest.mark.real_data
def test_real_files_of_all_kinds_come_or_say_why_not(
    store: SqlDocumentStore, ingest: Callable[..., IngestionReport]
) -> None:
    report = ingest(FILES / "html", FILES / "md", FILES / "text", FILES / "pdf", FILES / "docx")
    n_files = sum(1 for name in ("html", "md", "text", "pdf", "docx") for _ in (FILES / name).iterdir())
    assert report.n_documents == 7 + 3 + 4
    assert report.n_documents + len(report.failures) == n_files
    assert {reason.partition(",")[0] for _, reason in report.failures} == {"is not text", "is empty"}
    assert all(article.content.text.strip() for article in store.find(Category.ARTICLES))  # type: ignore[union-attr]
