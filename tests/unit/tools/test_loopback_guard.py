"""Whom a server on this machine answers."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from tools.loopback_guard import LoopbackGuard, new_token

TOKEN = "a-token"
COOKIE = f"rag-pages-8237={TOKEN}"


def answer(
    path: str = "/", *, host: str = "127.0.0.1:8237", method: str = "GET", query: str = "", **headers: str
) -> tuple[int, dict[bytes, bytes]]:
    """Gives the status and the headers with which a guarded application answers; it says 200 to all."""
    sent: list[MutableMapping[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    all_headers = [(b"host", host.encode()), *((name.encode(), value.encode()) for name, value in headers.items())]
    scope = {"type": "http", "path": path, "method": method, "query_string": query.encode(), "headers": all_headers}
    asyncio.run(LoopbackGuard(app, 8237, TOKEN)(scope, receive, send))
    assert sent[0]["status"] == 200 or sent[1]["body"].count(b"\n") == 0
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.mark.parametrize("host", ["127.0.0.1:8237", "localhost:8237"])
def test_its_own_pages_are_answered_and_may_load_nothing_from_elsewhere(host: str) -> None:
    status, headers = answer(host=host, origin=f"http://{host}", cookie=COOKIE)
    assert status == 200
    assert headers[b"content-security-policy"].startswith(b"default-src 'self' data: blob:;")
    assert b"http" not in headers[b"content-security-policy"]


def test_a_name_that_was_made_to_lead_here_is_refused() -> None:
    assert answer(host="rebound.example:8237", cookie=COOKIE)[0] == 403
    assert answer(host="rebound.example:8237", query=f"token={TOKEN}")[0] == 403


@pytest.mark.parametrize("origin", ["http://example.org", "null", "http://127.0.0.1:9999"])
def test_a_page_from_elsewhere_is_refused(origin: str) -> None:
    assert answer(origin=origin, cookie=COOKIE)[0] == 403


@pytest.mark.parametrize("path", ["/api/v1/secrets", "/api/v1/secrets/1", "/API/v1/Secrets"])
def test_secrets_are_refused(path: str) -> None:
    assert answer(path, cookie=COOKIE)[0] == 403


@pytest.mark.parametrize("path", ["/api/v1/components", "/api/v1/components/1", "/api/v1/stacks"])
def test_other_folders_to_read_from_are_not_taken(path: str) -> None:
    assert answer(path, cookie=COOKIE)[0] == 200
    assert [answer(path, method=method, cookie=COOKIE)[0] for method in ("POST", "PUT", "PATCH")] == [403] * 3


@pytest.mark.parametrize("path", ["/", "/api/v1/login", "/assets/index.js"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
def test_who_has_no_token_is_let_in_nowhere(path: str, method: str) -> None:
    assert answer(path, method=method)[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": "rag-pages-8237="},
        {"cookie": "rag-pages-8237=another"},
        {"cookie": f"rag-pages-9999={TOKEN}"},
        {"cookie": "rag-pages-8237=\xe9"},
        {"cookie": ";=;"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer another"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
    ],
)
def test_a_token_of_another_server_or_in_another_shape_opens_nothing(headers: dict[str, str]) -> None:
    assert answer("/", **headers)[0] == 401


@pytest.mark.parametrize("query", ["token=", "token=another", "token", "tokens=a-token", "token=%ff"])
def test_an_address_without_the_token_opens_nothing(query: str) -> None:
    status, headers = answer(query=query)
    assert status == 401
    assert b"set-cookie" not in headers


def test_the_address_with_the_token_gives_a_cookie_and_leads_to_the_page_without_it() -> None:
    status, headers = answer("/projects/a b/runs", query=f"tab=x&token={TOKEN}")
    assert (status, headers[b"location"]) == (303, b"/projects/a%20b/runs?tab=x")
    assert headers[b"set-cookie"] == f"{COOKIE}; Path=/; HttpOnly; SameSite=Strict".encode()
    assert (headers[b"cache-control"], headers[b"referrer-policy"]) == (b"no-store", b"no-referrer")


def test_the_address_with_the_token_leads_to_no_other_server() -> None:
    assert answer("//example.org/", query=f"token={TOKEN}")[1][b"location"] == b"/example.org/"
    assert answer("/\r\nx: y", query=f"token={TOKEN}")[1][b"location"] == b"/%0D%0Ax%3A%20y"


def test_a_token_in_the_address_is_for_pages_alone() -> None:
    assert answer("/api/v1/login", method="POST", query=f"token={TOKEN}")[0] == 401


def test_a_script_is_let_in_with_the_token_in_its_header_and_a_browser_among_other_cookies() -> None:
    assert answer(authorization=f"Bearer {TOKEN}")[0] == 200
    assert answer(cookie=f"other=1; {COOKIE}; last=2")[0] == 200


def test_each_token_is_new_and_long() -> None:
    assert new_token() != new_token()
    assert len(new_token()) >= 43
