"""What the web crawler does not do: reach into private networks, or let one server take its memory or its time."""

import gzip
import shutil
import socket
import ssl
import subprocess
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

pytest.importorskip("protego", reason="needs the extra 'pipelines'")

from rag_llm_system.domain.errors import (
    AccessError,
    BackendError,
    BackendUnavailableError,
    InputError,
    NotFoundError,
    UnsupportedMediaError,
)
from rag_llm_system.domain.ports.source import FetchFailure
from tests.integration.web_site import Answer, Answers, Clock, Site, crawler, drip, names_on_loopback, raw_server

PAGE = "<p>Something that nobody outside may read.</p>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site({"/page": Answer(PAGE)}) as running:
        yield running


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "0"],
)
def test_a_private_address_is_not_contacted(site: Site, host: str) -> None:
    with pytest.raises(AccessError, match="RAG_PRIVATE_NETWORKS"):
        list(crawler(private=()).crawl(site.link("/page", host)))
    assert site.asked == []


@pytest.mark.parametrize("host", ["0177.0.0.1", "①②⑦.0.0.1", "127.0.0.1%2f.a.org", "127.0.0.1 .a.org"])
def test_an_address_that_is_written_to_mislead_is_none(site: Site, host: str) -> None:
    with pytest.raises((InputError, NotFoundError)):
        list(crawler().crawl(site.link("/page", host)))
    assert site.asked == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "[::1]", "127.1", "0x7f.1", "2130706433", "[::ffff:7f00:1]"]
)
def test_a_redirect_into_a_private_network_is_not_followed(site: Site, host: str) -> None:
    # 127.9.9.9 stands for a public address: it is allowed, and nothing else is.
    def look_up(asked: str, port: int) -> Sequence[str]:
        return [str(socket.getaddrinfo(asked.replace("public.example", "127.9.9.9"), port)[0][4][0])]

    start: Answers = {"/start": Answer(status=302, headers={"Location": site.link("/page", host)})}
    with Site(start, address="127.9.9.9") as public:
        reach = crawler(look_up, private=("127.9.9.9/32",))
        with pytest.raises(AccessError, match=r"private network: allow its network in RAG_PRIVATE_NETWORKS"):
            list(reach.crawl(public.link("/start", "public.example")))
        assert public.pages_asked == ["/start"]
    assert site.asked == []


def test_a_redirect_is_followed_where_its_network_is_allowed(site: Site) -> None:
    with Site({"/start": Answer(status=302, headers={"Location": site.link("/page")})}) as first:
        assert len(list(crawler().crawl(first.link("/start")))) == 1
    assert site.pages_asked == ["/page"]


def test_a_name_that_changes_its_address_is_not_followed_into_a_private_network(site: Site) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1"]])
    with pytest.raises(AccessError, match="private network"):
        list(crawler(lambda host, port: next(answers)).crawl(site.link("/page", "rebound.example")))
    assert site.asked == ["/robots.txt"]


def test_a_name_is_looked_up_once_for_a_connection_and_never_by_the_connection_itself(site: Site) -> None:
    asked = []

    def look_up(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    list(crawler(look_up).crawl(site.link("/page", "no-such-host.invalid")))
    assert asked == ["no-such-host.invalid"] * len(site.asked) == ["no-such-host.invalid"] * 2


def test_a_second_address_is_tried_where_the_first_takes_no_connections(site: Site) -> None:
    with socket.create_server(("127.0.0.2", 0)) as other:
        closed = other.getsockname()[0]
    found = list(crawler(lambda host, port: [closed, "127.0.0.1"]).crawl(site.link("/page", "two.example")))
    assert len(found) == 1


@pytest.mark.parametrize(
    "link", ["https://medium.com/@a/b-1", "https://blog.medium.com/x", "http://www.linkedin.com/in/x"]
)
def test_pages_for_the_browser_are_refused_before_anything_is_looked_up(link: str) -> None:
    looked_up: list[str] = []

    def look_up(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    reach = crawler(look_up)
    with pytest.raises(UnsupportedMediaError, match="needs the browser crawler, which is not there yet"):
        list(reach.crawl(link))
    assert looked_up == []


def test_pages_for_the_browser_are_refused_after_a_redirect_too(site: Site) -> None:
    site.answers["/short"] = Answer(status=302, headers={"Location": "https://medium.com/x"})
    with pytest.raises(UnsupportedMediaError, match="Medium"):
        list(crawler().crawl(site.link("/short")))


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://a.org/", "http://me:pw@127.0.0.1/", "javascript:1"])
def test_a_redirect_to_another_scheme_or_with_a_password_is_refused(site: Site, location: str) -> None:
    site.answers["/page"] = Answer(status=302, headers={"Location": location})
    with pytest.raises((InputError, BackendError)) as refused:
        list(crawler().crawl(site.link("/page")))
    assert "pw" not in refused.value.message


def test_a_name_without_a_host_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="there is no host"):
        list(crawler().crawl("http://no-such-host.invalid/"))


def test_a_host_that_takes_no_connections_is_asked_three_times() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    clock = Clock()
    with pytest.raises(BackendUnavailableError, match=r"127\.0\.0\.1 cannot be reached"):
        list(crawler(clock=clock).crawl(f"http://127.0.0.1:{port}/"))
    assert clock.slept == [1.0, 2.0]


def test_a_connection_that_breaks_is_tried_again() -> None:
    tries = []

    def speak(connection: socket.socket) -> None:
        tries.append(1)
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\nonly this")

    clock = Clock()
    with raw_server(speak) as link, pytest.raises(BackendUnavailableError, match="broke the connection off"):
        list(crawler(clock=clock).crawl(link))
    assert (len(tries), clock.slept) == (3, [1.0, 2.0])


@pytest.mark.parametrize("compressed", [False, True])
def test_a_gzip_bomb_is_stopped_at_the_limit(compressed: bool, site: Site) -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    headers = {"Content-Encoding": "gzip"} if compressed else {}
    site.answers["/page"] = Answer(
        bomb, content_type="text/html" if compressed else "application/gzip", headers=headers
    )
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="is larger than 2000000 bytes: raise RAG_MAX_PAGE_MB"):
            list(crawler(max_page_bytes=2_000_000).crawl(site.link("/page")))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_page_packed_twice_or_badly_is_refused(site: Site) -> None:
    for encoding, body in (("br", b"x"), ("gzip, gzip", b"x"), ("gzip", b"not packed at all")):
        site.answers["/page"] = Answer(body, headers={"Content-Encoding": encoding})
        with pytest.raises(InputError, match=r"packed|packs"):
            list(crawler().crawl(site.link("/page")))
    site.answers["/page"] = Answer(gzip.compress(PAGE.encode())[:-12], headers={"Content-Encoding": "gzip"})
    with pytest.raises(BackendUnavailableError, match="broke off"):
        list(crawler().crawl(site.link("/page")))


def test_a_page_that_never_ends_is_stopped_at_the_limit() -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with raw_server(speak) as link, pytest.raises(InputError, match="is larger than 300000 bytes"):
        list(crawler(max_page_bytes=300_000).crawl(link))


def test_a_page_that_says_it_is_too_large_is_not_read() -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 99999999999\r\n\r\n")
        connection.recv(1)  # nothing comes: a crawler that waited for the body would wait for ever

    with raw_server(speak) as link, pytest.raises(InputError, match="is larger than"):
        list(crawler().crawl(link))


@pytest.mark.parametrize("start", [b"", HEAD, HEAD + b"\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n"])
def test_a_page_that_drips_is_stopped_in_time(start: bytes) -> None:
    with raw_server(lambda connection: drip(connection, start, seconds=20)) as link:
        started = time.monotonic()
        with pytest.raises(BackendError, match=r"took longer than 0\.4 s: try later, or raise RAG_WEB_TIMEOUT_S"):
            list(crawler(timeout_s=0.4).crawl(link))
        assert time.monotonic() - started < 15


def test_a_server_that_says_nothing_is_left_in_time() -> None:
    def wait(connection: socket.socket) -> None:
        connection.recv(1)

    with raw_server(wait) as link:
        started = time.monotonic()
        with pytest.raises(BackendError, match="took longer than"):
            list(crawler(timeout_s=0.3).crawl(link))
        assert time.monotonic() - started < 15


def test_a_server_that_does_not_speak_http_is_a_broken_connection() -> None:
    with (
        raw_server(lambda connection: connection.sendall(b"SSH-2.0-x\r\n\r\n")) as link,
        pytest.raises(BackendUnavailableError),
    ):
        list(crawler().crawl(link))


def test_one_bad_page_of_a_sitemap_ends_nothing(site: Site) -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"\r\n" + b"x" * 5000)

    with raw_server(speak) as endless:
        links = (endless, site.link("/page"), "http://me:hunter2@127.0.0.1/", "mailto:a@127.0.0.1")
        body = "".join(f"<url><loc>{link}</loc></url>" for link in links)
        site.answers["/s.xml"] = Answer(f"<urlset>{body}</urlset>", content_type="text/xml")
        found = list(crawler(max_page_bytes=4000).crawl(site.link("/s.xml")))
    failures = [item for item in found if isinstance(item, FetchFailure)]
    assert [item.link for item in found if item not in failures] == [site.link("/page")]
    assert "is larger than 4000 bytes" in failures[0].reason
    assert "hunter2" not in str(failures)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for blog.example with its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl program to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        (
            f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=blog.example "
            "-addext subjectAltName=DNS:blog.example -keyout key.pem -out certificate.pem"
        ).split(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return both


def secure_site(certificate: Path) -> Site:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    return Site({"/page": Answer(PAGE), "/down": Answer(status=302, headers={"Location": "http://blog.example/"})}, tls)


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    with secure_site(certificate) as site:
        with pytest.raises(
            BackendError, match=r"the certificate of blog\.example cannot be trusted \(self.signed"
        ) as refused:
            list(crawler(names_on_loopback).crawl(site.link("/page", "blog.example")))
        assert not refused.value.retryable
        assert site.asked == []


def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=certificate)
    with secure_site(certificate) as site:
        reach = crawler(names_on_loopback, tls=trusting)
        assert len(list(reach.crawl(site.link("/page", "blog.example")))) == 1
        with pytest.raises(BackendError, match=r"certificate of other\.example cannot be trusted \(Hostname mismatch"):
            list(reach.crawl(site.link("/page", "other.example")))
        with pytest.raises(AccessError, match="from https to http"):
            list(reach.crawl(site.link("/down", "blog.example")))


def test_a_server_without_tls_is_not_asked_over_https(site: Site) -> None:
    with pytest.raises((BackendError), match="does not speak HTTPS"):
        list(crawler().crawl(site.link("/page").replace("http:", "https:")))
