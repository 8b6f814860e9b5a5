"""Web addresses: what is taken, what becomes a document's link, and what only a browser could read."""

import pytest

from rag_llm_system.domain.errors import InputError
from rag_llm_system.infrastructure.crawlers.web.links import (
    document_link,
    refusal_of,
    site_of,
    web_url,
)


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://a.org/x?utm_source=n&utm_medium=m#top", "https://a.org/x"),
        ("https://a.org/x?b=2&UTM_Campaign=y&a=%20z&fbclid=1&gclid=2", "https://a.org/x?b=2&a=%20z"),
        ("https://a.org/x?q=utm_source&fbclidx=1", "https://a.org/x?q=utm_source&fbclidx=1"),
        ("HTTP://A.org:80/", "http://a.org/"),
        (" https://a.org ", "https://a.org"),
    ],
)
def test_fragments_and_what_counts_visitors_are_no_part_of_a_documents_link(link: str, kept: str) -> None:
    assert document_link(web_url(link)) == kept


@pytest.mark.parametrize(
    "link",
    ["ftp://a.org/", "file:///etc/passwd", "a.org", "http://", "http://a\0b/", "http://[::1", "", "http://xn--a/"],
)
def test_what_is_no_web_address_is_refused(link: str) -> None:
    with pytest.raises(InputError):
        web_url(link)


def test_a_password_in_a_link_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError) as refused:
        web_url("https://me:hunter2@a.org/")
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize(
    "link",
    [
        "https://medium.com/@a/b",
        "http://MEDIUM.com./x",
        "https://towards.medium.com/",
        "https://www.linkedin.com/in/x",
        "https://de.linkedin.com/",
        "https://lnkd.in/abc",
    ],
)
def test_pages_for_the_browser_are_refused_with_a_line(link: str) -> None:
    assert "needs the browser crawler, which is not there yet" in (refusal_of(link) or "")


@pytest.mark.parametrize(
    "link", ["https://notmedium.com/", "https://medium.com.evil.org/", "https://a.org/medium.com", "x:"]
)
def test_other_pages_are_not_refused(link: str) -> None:
    assert refusal_of(link) is None


def test_a_site_is_its_host_without_www() -> None:
    assert site_of(web_url("https://WWW.a.org:8443/x")) == "a.org"
