"""The page with bars: what stands in it, and that nothing foreign gets into it."""

import re
from html.parser import HTMLParser

import pytest

from rag_llm_system.application.indexing.selection import CleaningReport, IndexingReport, IndexPlan, LoadedCounts
from rag_llm_system.application.ingestion.ingest import IngestionReport
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.ports.document_store import SaveOutcome
from steps.run_report import indexing_html, ingestion_html

HOSTILE = "<script>alert('&\"')</script>"
VOID = {"meta", "rect"}


class Page(HTMLParser):
    """Collects what a browser would see, and notices a tag that is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.widths: list[float] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "rect":
            self.widths.append(float(dict(attrs)["width"] or 0))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.texts.append(data)


def ingestion(*failures: tuple[str, str], n: int = 4, by_author: dict[str, int] | None = None) -> IngestionReport:
    saved = {Category.ARTICLES: SaveOutcome(n_new=n), Category.REPOSITORIES: SaveOutcome(n_unchanged=n // 2)}
    return IngestionReport(saved=saved, failures=failures, seconds=1.25, n_by_author=by_author or {})


def reports(failure: dict[str, str] | None = None) -> tuple[CleaningReport, IndexingReport]:
    plan = IndexPlan(n_new=2, n_changed=1, n_unchanged=7, n_gone=1)
    cleaning = CleaningReport(plan=plan, n_cleaned=3, n_chars=30, failures={}, seconds=0.5)
    return cleaning, IndexingReport(
        n_documents=3,
        n_unchanged=7,
        n_gone=1,
        n_chunks=6,
        n_windows=1200,
        n_embedded=900,
        n_reused=300,
        failures=failure or {},
        seconds={"embed": 2.0, "load": 1.0},
        totals={},
        by_category={Category.POSTS: LoadedCounts(n_documents=3, n_chunks=6, n_windows=1200)},
        n_windows_by_author={f"Author {n}": n for n in range(12)},
    )


def test_an_ingestion_shows_its_counts_and_a_bar_for_each_category() -> None:
    page = Page(ingestion_html(ingestion()))
    assert "4 new, 0 changed, 2 unchanged, 0 moved, 0 gone, 0 left out, 1.2 s" in page.texts
    assert page.widths[1] == page.widths[0] / 2 > 0
    assert "table" not in page.tags


def test_what_was_left_out_stands_in_a_table_the_first_twenty_with_reasons() -> None:
    page = Page(ingestion_html(ingestion(*((f"link {n}", f"reason {n}") for n in range(23)))))
    assert "link 19" in page.texts
    assert "reason 19" in page.texts
    assert "link 20" not in page.texts
    assert "… and 3 more" in page.texts


def test_an_indexing_shows_what_was_loaded_and_where_the_time_went() -> None:
    page = Page(indexing_html(*reports({"posts/1": "the text cannot be cut"})))
    assert "2 new, 1 changed, 7 unchanged, 1 gone, 1 left out, 3.5 s" in page.texts
    stages = ("Seconds by stage", "clean", "0.5 s", "embed", "2.0 s")
    for text in ("1,200", "embedded", "900", "vectors known", "300", *stages, "posts/1", "the text cannot be cut"):
        assert text in page.texts


def test_the_ten_authors_with_most_windows_have_bars_and_the_others_one_together() -> None:
    texts = Page(indexing_html(*reports())).texts
    authors = [text for text in texts if re.fullmatch(r"Author \d+|\(.*\)", text)]
    assert authors == [*(f"Author {n}" for n in range(11, 1, -1)), "(2 others)"]


def test_no_name_or_reason_becomes_markup() -> None:
    page = Page(ingestion_html(ingestion((HOSTILE, HOSTILE), by_author={HOSTILE: 1})))
    assert "script" not in page.tags
    assert page.texts.count(HOSTILE) == 2


def test_nothing_is_loaded_from_anywhere() -> None:
    html = ingestion_html(ingestion(("l", "r"))) + indexing_html(*reports())
    assert re.findall(r"https?:|src=|href=|url\(|@import", html) == []


@pytest.mark.parametrize("n", [0, 1])
def test_a_run_that_did_nothing_has_a_page_too(n: int) -> None:
    page = Page(ingestion_html(ingestion(n=n)))
    assert "none" in page.texts
    assert len(page.widths) == 2 * n
