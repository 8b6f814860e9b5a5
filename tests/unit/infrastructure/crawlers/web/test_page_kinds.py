"""What a page is, by what its server calls it and by its bytes."""

import gzip
import time

import pytest

from rag_llm_system.domain.errors import InputError
from rag_llm_system.infrastructure.crawlers.web.fetching import WebPage
from rag_llm_system.infrastructure.crawlers.web.links import web_url
from rag_llm_system.infrastructure.crawlers.web.page_kinds import (
    PageKind,
    kind_of,
    language_of,
    media_type_of_page,
    published_of,
    unfolded,
)


def page(
    body: bytes | str, content_type: str = "text/html", link: str = "https://a.org/x", language: str = ""
) -> WebPage:
    return WebPage(web_url(link), content_type, language, body.encode() if isinstance(body, str) else body)


@pytest.mark.parametrize(
    "content_type", ["application/rss+xml", "text/xml; charset=utf-8", "text/html", "text/plain", ""]
)
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('<?xml version="1.0"?>\n<!-- <urlset> -->\n<!DOCTYPE rss>\n<?xsl x?><rss version="2.0">', PageKind.FEED),
        ('\ufeff  <feed xmlns="http://www.w3.org/2005/Atom">', PageKind.FEED),
        ("<rdf:RDF>", PageKind.FEED),
        ("<urlset/>", PageKind.SITEMAP),
        ("<s:sitemapindex>", PageKind.SITEMAP),
        ("<!doctype html><html><feed>", PageKind.WRITING),
        ("", PageKind.WRITING),
        ("<!-- never closed <rss>", PageKind.WRITING),
    ],
)
def test_feeds_and_sitemaps_are_known_by_their_root(content_type: str, body: str, kind: PageKind) -> None:
    assert kind_of(page(body, content_type)) is kind


def test_a_feed_in_utf_16_is_known_too() -> None:
    assert kind_of(page('<?xml version="1.0"?><rss/>'.encode("utf-16"))) is PageKind.FEED


def test_markdown_that_shows_a_feed_is_no_feed() -> None:
    assert kind_of(page("<rss>", "text/markdown")) is PageKind.WRITING


def test_looking_for_the_root_takes_no_time_however_the_page_begins() -> None:
    started = time.process_time()
    for body in ("<? ?>" * 100_000, "<!" * 200_000, "<!---->" * 50_000, "<meta " * 50_000, "<html " * 50_000):
        assert kind_of(page(body)) is PageKind.WRITING
        assert published_of(page(body)) == language_of(page(body)) == ""
    assert time.process_time() - started < 3


def test_a_packed_sitemap_is_unpacked_and_other_archives_are_not() -> None:
    packed = page(gzip.compress(b"<urlset/>"), "application/x-gzip")
    assert unfolded(packed, max_bytes=100).body == b"<urlset/>"
    other = page(gzip.compress(b"tar"), "application/gzip")
    assert unfolded(other, max_bytes=100) is other
    with pytest.raises(InputError, match="is larger than 100 bytes"):
        unfolded(page(gzip.compress(b"<urlset>" + b" " * 100)), max_bytes=100)


@pytest.mark.parametrize(
    ("link", "content_type", "body", "media_type"),
    [
        ("https://a.org/x.md", "text/plain; charset=latin-1", "", "text/markdown; charset=latin-1"),
        ("https://a.org/x.py", "text/plain", "", "text/x-python"),
        ("https://a.org/x.py", "Text/HTML", "", "text/html"),
        ("https://a.org/x", "text/plain", "<html>", "text/plain"),
        ("https://a.org/x", "", " <!DOCTYPE HTML><p>", "text/html"),
        ("https://a.org/x", "", "\x00\x01", "application/octet-stream"),
        ("https://a.org/x", "application/pdf", "%PDF", "application/pdf"),
        ("https://a.org/x", "text/xml; charset=utf-8", "<html xmlns='x'>", "application/xhtml+xml; charset=utf-8"),
    ],
)
def test_the_servers_word_counts_unless_it_says_little(
    link: str, content_type: str, body: str, media_type: str
) -> None:
    assert media_type_of_page(page(body, content_type, link)) == media_type


def test_language_and_date_are_read_from_the_head() -> None:
    head = (
        "<html class='x' lang=\"de-AT\"><meta content='x'><meta property='article:published_time' content='2024-05-01'>"
    )
    assert (language_of(page(head, language="en")), published_of(page(head))) == ("de-AT", "2024-05-01")
    assert published_of(page('<script>{"datePublished": "2023-01-02T03:04:05+01:00"}')) == "2023-01-02T03:04:05+01:00"
    assert language_of(page("<p>", language="en")) == "en"
