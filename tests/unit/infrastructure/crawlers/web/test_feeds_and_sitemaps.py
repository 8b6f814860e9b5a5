"""Feeds and sitemaps as bytes: what they name, and that reading them opens nothing and ends."""

import time
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import InputError
from rag_llm_system.infrastructure.crawlers.web.fetching import WebPage
from rag_llm_system.infrastructure.crawlers.web.links import web_url

pytest.importorskip("feedparser", reason="needs the extra 'pipelines'")
pytest.importorskip("lxml", reason="needs the extra 'pipelines'")

from rag_llm_system.infrastructure.crawlers.web.feeds import read_feed
from rag_llm_system.infrastructure.crawlers.web.sitemaps import pages_of, read_sitemap

WORDS = "All of the entry is in the feed, so that nobody has to fetch it. " * 5
BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {after} '{f'&{before};' * 10}'>" for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


def page(body: str, link: str = "https://a.org/feed", content_type: str = "application/xml") -> WebPage:
    return WebPage(web_url(link), content_type, "", body.encode())


def test_an_rss_feed_gives_its_entries_with_what_it_knows() -> None:
    feed = f"""<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
      xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>F</title>
      <item><title>One &amp;amp; two</title><link>/one</link><dc:creator>Ada Lovelace</dc:creator>
      <pubDate>Wed, 01 May 2024 12:00:00 +0200</pubDate><description>short</description>
      <content:encoded><![CDATA[<p>{WORDS}</p><pre>  x  =  1\n\n\ny</pre>]]></content:encoded></item>
      <item><title>Two</title><link>https://b.org/two</link><dc:creator>admin</dc:creator></item></channel></rss>"""
    one, two = read_feed(page(feed))
    assert (one.link, one.title, one.authors) == ("https://a.org/one", "One & two", ("Ada Lovelace",))
    assert one.published == "2024-05-01T10:00:00Z"
    assert "<pre>  x  =  1\n\n\ny</pre>" in one.content
    assert (two.link, two.authors, two.published, two.content) == ("https://b.org/two", (), "", "")


def test_an_atom_feed_gives_its_entries_too() -> None:
    feed = f"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><title type="html">A &lt;b&gt;B&lt;/b&gt;</title>
      <link href="https://a.org/1"/><author><name>Ada Lovelace</name></author><author><name>Bob Ross</name></author>
      <updated>2024-05-01T00:00:00Z</updated><content type="html">&lt;p&gt;{WORDS}&lt;/p&gt;</content></entry></feed>"""
    (entry,) = read_feed(page(feed, content_type="application/atom+xml"))
    assert (entry.title, entry.authors) == ("A B", ("Ada Lovelace", "Bob Ross"))
    assert entry.content.startswith("<p>All of the entry")


def test_a_feed_without_entries_is_refused() -> None:
    with pytest.raises(InputError, match="holds no entries"):
        read_feed(page("<rss><channel/></rss>"))


def test_a_sitemap_gives_its_pages_in_order_each_once_from_the_same_site() -> None:
    sitemap = """<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
      <url><loc> https://a.org/1 </loc><lastmod>2024-01-01</lastmod></url><url><loc>/2</loc></url>
      <url><loc>https://a.org/1</loc></url><url><loc>https://www.a.org/3</loc></url><url><loc>https://b.org/</loc></url>
      <url><loc>http://[</loc></url><url/></urlset>"""
    found = pages_of(page(sitemap), page, max_pages=10)
    assert [(entry.link, entry.modified) for entry in found.pages] == [
        ("https://a.org/1", "2024-01-01"),
        ("https://a.org/2", ""),
        ("https://www.a.org/3", ""),
    ]
    assert found.n_foreign == 2


def test_indexes_are_followed_two_levels_deep_and_never_in_a_circle() -> None:
    def index(*links: str) -> str:
        return "<sitemapindex>" + "".join(f"<sitemap><loc>{link}</loc></sitemap>" for link in links) + "</sitemapindex>"

    files = {
        "https://a.org/1": index("https://a.org/0", "https://a.org/2", "https://a.org/page"),
        "https://a.org/2": index("https://a.org/3", "https://a.org/1"),
        "https://a.org/page": "<html>",
    }
    read: list[str] = []

    def fetch(link: str) -> WebPage:
        read.append(link)
        return page(files[link], link)

    found = pages_of(page(index("https://a.org/1"), "https://a.org/0"), fetch, max_pages=10)
    assert read == ["https://a.org/1", "https://a.org/2", "https://a.org/page"]
    assert [(f.link, f.reason) for f in found.failures] == [
        ("https://a.org/page", "is named as a sitemap, but is none")
    ]
    assert (found.pages, found.n_sitemaps_left_out) == ((), 1)


@pytest.mark.parametrize("link", ["&i;", "&remote;"])
def test_entities_are_neither_expanded_nor_fetched(tmp_path: Path, link: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("https://a.org/secret")
    document = f"{BOMB}<!ENTITY remote SYSTEM '{secret.as_uri()}'>]>"
    started = time.process_time()
    sitemap = read_sitemap(
        f"{document}<urlset><url><loc>{link}</loc></url></urlset>".encode(), web_url("https://a.org/")
    )
    feed = f"{document}<rss><channel><item><title>t</title><link>{link}</link><description>{link}</description></item>"
    entries = read_feed(page(f"{feed}</channel></rss>"))
    found = f"{sitemap}{entries}"
    assert "secret" not in found
    assert "aaaaaaaaaaa" not in found
    assert time.process_time() - started < 3


@pytest.mark.parametrize("sign", ["&#x110000;", "&#xD800;", "&#99999999999999999999;"])
def test_a_feed_with_signs_that_do_not_exist_is_refused(sign: str) -> None:
    with pytest.raises(InputError, match="the feed cannot be read"):
        read_feed(page(f"<rss><channel><item><title>{sign}</title></item></channel></rss>"))


def test_a_sitemap_that_is_no_xml_is_refused() -> None:
    with pytest.raises(InputError, match="no XML"):
        read_sitemap(b"", web_url("https://a.org/"))
