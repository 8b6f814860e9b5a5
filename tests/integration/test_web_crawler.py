"""The web crawler against real servers on the loopback interface: pages, feeds, sitemaps, manners."""

from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

pytest.importorskip("feedparser", reason="needs the extra 'pipelines'")
pytest.importorskip("protego", reason="needs the extra 'pipelines'")

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import AccessError, BackendError, BackendUnavailableError, NotFoundError, RagError
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.parsers.html import HtmlParser
from tests.integration.web_site import Answer, Clock, Site, crawler, names_on_loopback

WORDS = "This page says something about embeddings, and so it is long enough to be prose. " * 6
PAGE = f"<html lang=en><head><title>T</title></head><body><article><h1>T</h1><p>{WORDS}</p></article></body></html>"
ROBOTS = "text/plain"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site({"/page": Answer(PAGE)}) as running:
        yield running


def crawl(link: str, **options: Any) -> tuple[list[Fetched], list[FetchFailure]]:
    found = list(crawler(**options).crawl(link))
    fetched = [item for item in found if isinstance(item, Fetched)]
    return fetched, [item for item in found if isinstance(item, FetchFailure)]


def sitemap(*links: str) -> str:
    return "<urlset>" + "".join(f"<url><loc>{link}</loc></url>" for link in links) + "</urlset>"


def test_a_page_comes_as_it_is_with_what_is_known_of_it(site: Site) -> None:
    site.answers["/page?utm_source=x"] = Answer(PAGE)
    (page,), failures = crawl(site.link("/page?utm_source=x"))
    assert (page.body, failures) == (PAGE.encode(), [])
    assert (page.link, page.media_type, page.platform) == (site.link("/page"), "text/html; charset=utf-8", "127.0.0.1")
    assert page.metadata == {"language": "en", "asked_link": site.link("/page?utm_source=x")}


def test_the_server_learns_who_asks_and_no_more(site: Site) -> None:
    site.answers["/page"] = Answer(PAGE, headers={"Set-Cookie": "a=b"})
    crawl(site.link("/page", "www.blog.example"), look_up=names_on_loopback)
    crawl(site.link("/page", "www.blog.example"), look_up=names_on_loopback)
    headers = site.headers[-1]
    assert headers["host"] == f"www.blog.example:{site.port}"
    assert headers["user-agent"].startswith("rag_llm_system/")
    assert sorted(headers) == ["accept", "accept-encoding", "connection", "host", "user-agent"]


def test_a_redirect_gives_the_final_link(site: Site) -> None:
    site.answers["/old"] = Answer(status=301, headers={"Location": "/page?utm_medium=y#part"})
    site.answers["/page?utm_medium=y"] = Answer(PAGE)
    (page,), _ = crawl(site.link("/old"))
    assert (page.link, page.metadata["asked_link"]) == (site.link("/page"), site.link("/old"))


def test_circles_and_long_chains_of_redirects_end(site: Site) -> None:
    site.answers["/circle"] = Answer(status=302, headers={"Location": "/circle"})
    with pytest.raises(BackendError, match="redirects more than 5 times"):
        crawl(site.link("/circle"))
    assert site.pages_asked == ["/circle"] * 6
    for location in ("", "http://a.org:port/"):
        site.answers["/nowhere"] = Answer(status=302, headers={"Location": location})
        with pytest.raises(BackendError, match="redirects to"):
            crawl(site.link("/nowhere"))


@pytest.mark.parametrize(
    ("status", "error", "line"),
    [
        (404, NotFoundError, "there is no such page"),
        (410, NotFoundError, "there is no such page"),
        (401, AccessError, "does not show this page to everybody"),
        (403, AccessError, "does not show this page to everybody"),
        (500, BackendUnavailableError, "cannot answer now"),
        (304, BackendError, "instead of the page"),
    ],
)
def test_a_status_becomes_an_error_of_ours(site: Site, status: int, error: type[Exception], line: str) -> None:
    site.answers["/page"] = Answer("secret words", status)
    with pytest.raises(error, match=f"{line}.* \\(?HTTP {status}|HTTP {status} {line}") as raised:
        crawl(site.link("/page"))
    assert "secret" not in str(raised.value)
    assert len(site.pages_asked) == 1


def test_an_empty_page_is_a_failure(site: Site) -> None:
    site.answers["/page"] = Answer(" \n")
    assert crawl(site.link("/page")) == ([], [FetchFailure(site.link("/page"), "is empty")])


def test_other_texts_and_other_files_come_with_their_own_type(site: Site) -> None:
    site.answers |= {
        "/a.md": Answer("# A", content_type="text/plain; charset=utf-8"),
        "/a.py": Answer("x = 1", content_type="text/plain"),
        "/a.pdf": Answer("%PDF", content_type="application/pdf"),
        "/b": Answer("\x00\x01", content_type=None),
    }
    found = [crawl(site.link(path))[0][0] for path in ("/a.md", "/a.py", "/a.pdf", "/b")]
    assert [(page.media_type, page.path, page.category) for page in found] == [
        ("text/markdown; charset=utf-8", "a.md", None),
        ("text/x-python", "a.py", Category.REPOSITORIES),
        ("application/pdf", "a.pdf", None),
        ("application/octet-stream", "b", None),
    ]


def test_the_servers_character_set_reaches_the_parser(site: Site) -> None:
    text = "今日は良い天気です。" * 40
    site.answers["/page"] = Answer(
        f"<p>{text}</p>".encode("iso-2022-jp"), content_type="text/html; charset=iso-2022-jp"
    )
    assert HtmlParser().parse(crawl(site.link("/page"))[0][0]).text == text


def test_a_busy_server_is_asked_again_after_the_time_that_it_names(site: Site) -> None:
    answers = iter([Answer(status=429, headers={"Retry-After": "7"}), Answer(status=503), Answer(PAGE)])
    site.answers["/page"] = lambda: next(answers)
    clock = Clock()
    assert len(crawl(site.link("/page"), clock=clock)[0]) == 1
    assert clock.slept == [7.0, 2.0]


def test_a_server_that_stays_busy_is_left_alone_after_two_more_tries(site: Site) -> None:
    site.answers["/page"] = Answer(status=503)
    with pytest.raises(BackendUnavailableError, match="HTTP 503"):
        crawl(site.link("/page"))
    assert len(site.pages_asked) == 3


@pytest.mark.parametrize("wait", ["3600", formatdate(4_000_000_000, usegmt=True)])
def test_a_server_that_wants_to_be_left_alone_for_long_is(site: Site, wait: str) -> None:
    site.answers["/page"] = Answer(status=429, headers={"Retry-After": wait})
    clock = Clock()
    with pytest.raises(BackendUnavailableError, match="HTTP 429"):
        crawl(site.link("/page"), clock=clock)
    assert clock.slept == []


@pytest.mark.parametrize(
    "wait",
    [
        "\N{SUPERSCRIPT TWO}",
        "9" * 5000,
        "-1",
        "soon",
        "Wed, 01 May 2024 12:00:00 +999999999",
        "Wed, 01 May 2024 12:00:00 +" + "9" * 5000,
        "Wed, 01 May 99999999999999999999 12:00:00 GMT",
        f"{'9' * 20} May 2024 12:00:00 GMT",
        "Sat, 01 Jan 0001 00:00:00 +2359",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_a_busy_server_that_names_no_time_is_busy_and_the_others_come(site: Site, wait: str) -> None:
    site.answers["/busy"] = Answer(status=503, headers={"Retry-After": wait})
    site.answers["/s.xml"] = Answer(sitemap("/busy", "/page"), content_type="application/xml")
    fetched, (failure,) = crawl(site.link("/s.xml"))
    assert [page.link for page in fetched] == [site.link("/page")]
    assert (failure.link, "cannot answer now (HTTP 503)" in failure.reason) == (site.link("/busy"), True)


def test_pages_of_one_host_are_asked_for_with_pauses(site: Site) -> None:
    site.answers["/s.xml"] = Answer(sitemap("/page", "/page?2"), content_type="application/xml")
    site.answers["/page?2"] = Answer(PAGE)
    clock = Clock()
    crawl(site.link("/s.xml"), clock=clock, pause_s=1.5)
    assert clock.slept == [1.5, 1.5]


@pytest.mark.parametrize(("asked", "slept"), [("4", 4.0), ("4000", 10.0), ("0.1", 1.0)])
def test_robots_may_ask_for_longer_pauses_up_to_a_limit(site: Site, asked: str, slept: float) -> None:
    site.answers["/robots.txt"] = Answer(f"User-agent: *\nCrawl-delay: {asked}", content_type=ROBOTS)
    site.answers["/old"] = Answer(status=301, headers={"Location": "/page"})
    clock = Clock()
    crawl(site.link("/old"), clock=clock, pause_s=1.0)
    assert clock.slept == [slept]


def test_what_robots_forbid_is_not_asked_for_after_a_redirect_either(site: Site) -> None:
    rules = "User-agent: other\nDisallow: /\n\nUser-agent: rag_llm_system\nDisallow: /private"
    site.answers |= {
        "/robots.txt": Answer(rules, content_type=ROBOTS),
        "/private/x": Answer(PAGE),
        "/hop": Answer(status=302, headers={"Location": "/private/x"}),
    }
    assert len(crawl(site.link("/page"))[0]) == 1
    for path in ("/private/x", "/hop"):
        with pytest.raises(AccessError, match=r"robots\.txt of 127\.0\.0\.1 forbids"):
            crawl(site.link(path))
    assert site.pages_asked == ["/page", "/hop"]


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_a_host_without_robots_allows_everything(site: Site, status: int) -> None:
    site.answers["/robots.txt"] = Answer("User-agent: *\nDisallow: /", status)
    assert len(crawl(site.link("/page"))[0]) == 1


def test_a_host_whose_robots_fail_allows_nothing_for_now(site: Site) -> None:
    site.answers["/robots.txt"] = Answer(status=500)
    with pytest.raises(BackendUnavailableError, match=r"robots\.txt of 127\.0\.0\.1 cannot be read \(HTTP 500\)"):
        crawl(site.link("/page"))
    assert site.pages_asked == []


def test_robots_are_asked_for_once_an_hour_cut_at_their_limit_and_followed_when_they_move(site: Site) -> None:
    forbidden_late = "User-agent: *\n" + "# nothing\n" * 60_000 + "Disallow: /"
    site.answers["/robots.txt"] = Answer(status=301, headers={"Location": "/moved.txt"})
    site.answers["/moved.txt"] = Answer(forbidden_late, content_type=ROBOTS)
    clock = Clock()
    shared = crawler(clock=clock)
    for _ in range(2):
        assert len(list(shared.crawl(site.link("/page")))) == 1
    assert site.asked.count("/robots.txt") == 1
    site.answers["/robots.txt"] = Answer("User-agent: *\nDisallow: /", content_type=ROBOTS)
    clock.now += 3601
    with pytest.raises(AccessError):
        list(shared.crawl(site.link("/page")))


def test_a_feed_brings_its_pages_and_what_it_knows_of_them(site: Site) -> None:
    site.answers["/feed"] = Answer(
        f"""<rss xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/">
        <channel><item><title>One</title><link>/page</link><dc:creator>Ada Lovelace</dc:creator>
        <pubDate>Wed, 01 May 2024 12:00:00 GMT</pubDate></item>
        <item><title>Gone</title><link>/gone</link><description>{WORDS}</description></item>
        <item><title>Gone, but &lt;full&gt;</title><link>/gone-too</link><content:encoded>&lt;p&gt;{WORDS}&lt;/p&gt;
        </content:encoded></item><item><title>On Medium</title><link>https://medium.com/x</link></item>
        <item><title>Nowhere</title></item></channel></rss>""",
        content_type="application/rss+xml",
    )
    (one, full), failures = crawl(site.link("/feed"))
    assert (one.link, one.title, one.authors) == (site.link("/page"), "One", ("Ada Lovelace",))
    assert one.metadata == {"feed": site.link("/feed"), "published": "2024-05-01T12:00:00Z", "language": "en"}
    assert (full.link, full.metadata) == (site.link("/gone-too"), {"feed": site.link("/feed"), "taken_from": "feed"})
    assert HtmlParser().parse(full).text == f"# Gone, but\n\n{WORDS.strip()}"
    assert [(failure.link, failure.reason.partition(":")[0]) for failure in failures] == [
        (site.link("/gone"), "there is no such page (HTTP 404)"),
        ("https://medium.com/x", "Medium needs the browser crawler, which is not there yet"),
        (site.link("/feed"), "holds an entry that names no page"),
    ]


@pytest.mark.parametrize("address", ["http://xn--a/", "http://xn--/", "http://xn--ls8h.la/", "http://[/", "//xn--a/x"])
def test_an_entry_whose_host_cannot_be_read_is_a_failure_and_the_others_come(site: Site, address: str) -> None:
    items = f"<item><link>{address}</link></item><item><link>/page</link></item>"
    site.answers["/feed"] = Answer(f"<rss><channel>{items}</channel></rss>", content_type="application/rss+xml")
    fetched, failures = crawl(site.link("/feed"))
    assert ([page.link for page in fetched], len(failures)) == ([site.link("/page")], 1)


def test_a_redirect_to_a_host_that_cannot_be_read_is_an_error(site: Site) -> None:
    site.answers["/page"] = Answer(status=302, headers={"Location": "http://xn--a/"})
    with pytest.raises(RagError, match="not an address"):
        crawl(site.link("/page"))


def test_a_feed_leads_to_no_more_pages_than_the_limit(site: Site) -> None:
    items = "".join(f"<item><title>{number}</title><link>/page?{number}</link></item>" for number in range(5))
    site.answers |= {"/feed": Answer(f"<rss><channel>{items}</channel></rss>", content_type="text/xml")}
    site.answers |= {f"/page?{number}": Answer(PAGE) for number in range(5)}
    fetched, failures = crawl(site.link("/feed"), max_pages=2)
    assert [page.title for page in fetched] == ["0", "1"]
    assert [failure.reason for failure in failures] == ["3 of its pages were left out: RAG_MAX_PAGES is 2"]


def test_a_sitemap_index_brings_the_pages_of_its_sitemaps_up_to_the_limit(site: Site) -> None:
    def index(*paths: str) -> Answer:
        body = "".join(f"<sitemap><loc>{path}</loc></sitemap>" for path in paths)
        return Answer(f"<sitemapindex>{body}</sitemapindex>", content_type="text/xml")

    site.answers |= {
        "/index.xml": index("/gone.xml", "/1.xml", "/2.xml"),
        "/1.xml": Answer(sitemap("/page?1", "https://elsewhere.example/", "/missing"), content_type="text/xml"),
        "/2.xml": Answer(sitemap("/page?2", "/page?3", "/page?4"), content_type="text/xml"),
        **{f"/page?{number}": Answer(PAGE) for number in range(1, 5)},
    }
    fetched, failures = crawl(site.link("/index.xml"), max_pages=4)
    assert [page.link for page in fetched] == [site.link(f"/page?{number}") for number in (1, 2, 3)]
    assert [(failure.link.rpartition("/")[2], failure.reason) for failure in failures] == [
        ("gone.xml", "there is no such page (HTTP 404): check the address"),
        ("missing", "there is no such page (HTTP 404): check the address"),
        ("index.xml", "1 of its pages were left out: RAG_MAX_PAGES is 4"),
        ("index.xml", "1 of its addresses are on other sites: give them yourself"),
    ]
    _, failures = crawl(site.link("/index.xml"), max_pages=2)
    assert failures[-2].reason == "0 of its pages and 1 of its sitemaps were left out: RAG_MAX_PAGES is 2"


def test_pages_that_several_addresses_lead_to_come_once(site: Site) -> None:
    site.answers["/again"] = Answer(status=302, headers={"Location": "/page"})
    site.answers["/s.xml"] = Answer(sitemap("/page", "/again", "/s.xml", "/page?utm_source=x"), content_type="text/xml")
    site.answers["/page?utm_source=x"] = Answer(PAGE)
    fetched, failures = crawl(site.link("/s.xml"))
    assert [page.link for page in fetched] == [site.link("/page")]
    assert [failure.reason for failure in failures] == ["is a feed or a sitemap within another one: give it by itself"]
