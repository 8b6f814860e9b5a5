"""Pages over HTTP, fetched politely: robots.txt obeyed, with pauses, and every redirect checked like a new link."""

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial

import httpx

from rag_llm_system.domain.errors import (
    AccessError,
    BackendError,
    BackendUnavailableError,
    NotFoundError,
    UnsupportedMediaError,
)
from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard
from rag_llm_system.infrastructure.crawlers.web.links import refusal_of, web_url
from rag_llm_system.infrastructure.crawlers.web.requests import WebAnswer, WebRequests
from rag_llm_system.infrastructure.crawlers.web.robots import RobotsRules

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5
_BUSY = (429, 503)
_MAX_RETRIES = 2
_MAX_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page as it came.

    Args:
        url: where it was in the end, after redirects.
        content_type: what the server calls it, such as "text/html; charset=utf-8"; "" where it does not say.
        language: what the server says of it; "" where it says nothing.
        body: its bytes, unpacked.
    """

    url: httpx.URL
    content_type: str
    language: str
    body: bytes


class PageFetcher:
    """Fetches pages; safe to share among threads.

    Args:
        guard: what may be contacted.
        max_page_bytes: larger pages are refused.
        timeout_s: how long one request may take in all; a redirect and a retry are requests of their own.
        pause_s: time between the starts of two requests for pages of a host; robots.txt may ask for more, and is
            itself asked for without a pause, once an hour.
        tls: checks certificates; None for those that everybody trusts.
        clock: gives seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        max_page_bytes: int,
        timeout_s: float,
        pause_s: float,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._requests = WebRequests(guard, timeout_s=timeout_s, tls=tls)
        self._robots = RobotsRules(self._robots_answer, clock=clock)
        self._paces = _Paces(pause_s, clock=clock, sleep=sleep)
        self._max_page_bytes = max_page_bytes
        self._sleep = sleep

    def fetch(self, link: str) -> WebPage:
        """Gives the page that a link leads to.

        Raises:
            InputError: the link is no web address, or the page is too large.
            UnsupportedMediaError: the page is one of those that only a browser can read.
            AccessError: the host is private, or the page forbidden by its server or by robots.txt.
            NotFoundError: there is no such host or page.
            BackendError: the server failed, took too long, cannot be trusted, or redirects without an end.
            MissingExtraError: the extra "pipelines" is not installed.
        """
        url = web_url(link)
        for _ in range(_MAX_REDIRECTS + 1):
            if refusal := refusal_of(str(url)):
                raise UnsupportedMediaError(refusal)
            self._robots.check(url)
            answer = self._answer(url)
            if answer.status not in _REDIRECTS:
                return _page(url, answer)
            url = _next_hop(url, answer)
        raise BackendError(f"{url.host} redirects more than {_MAX_REDIRECTS} times: give the page's own address")

    def _answer(self, url: httpx.URL) -> WebAnswer:
        """Gives the answer to a request, whose turn it is first."""
        delay_s = self._robots.delay_s(url)

        def ask() -> WebAnswer:
            self._paces.await_turn(url, at_least_s=delay_s)
            return self._requests.get(url, max_bytes=self._max_page_bytes)

        return self._answer_of(ask)

    def _answer_of(self, ask: Callable[[], WebAnswer]) -> WebAnswer:
        """Gives the answer, asking again where the server is busy or the connection fails."""
        for n_left in range(_MAX_RETRIES, -1, -1):
            wait_s = 2.0 ** (_MAX_RETRIES - n_left)
            try:
                answer = ask()
            except BackendUnavailableError:
                if not n_left:
                    raise
            else:
                wait_s = max(wait_s, _retry_after_s(answer))
                if answer.status not in _BUSY or not n_left or wait_s > _MAX_WAIT_S:
                    break
            self._sleep(wait_s)
        return answer

    def _robots_answer(self, url: httpx.URL, max_bytes: int) -> WebAnswer:
        """Gives a robots.txt; one that redirects too often is given as the redirect that it is."""
        for n_left in range(_MAX_REDIRECTS, -1, -1):
            answer = self._answer_of(partial(self._requests.get, url, max_bytes=max_bytes, cut=True))
            if answer.status not in _REDIRECTS or not n_left:
                break
            url = _next_hop(url, answer)
        return answer


class _Paces:
    """Gives each host its requests for pages one after another, with pauses between their starts."""

    def __init__(self, pause_s: float, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._pause_s = pause_s
        self._clock = clock
        self._sleep = sleep
        self._next_turn: dict[str, float] = {}
        self._lock = threading.Lock()

    def await_turn(self, url: httpx.URL, *, at_least_s: float) -> None:
        with self._lock:
            now = self._clock()
            turn = max(now, self._next_turn.get(url.host, now))
            self._next_turn[url.host] = turn + max(self._pause_s, at_least_s)
        if turn > now:
            self._sleep(turn - now)


def _next_hop(url: httpx.URL, answer: WebAnswer) -> httpx.URL:
    location = answer.headers.get("location", "").strip()
    if not location:
        raise BackendError(f"{url.host} redirects to nowhere: give the address of the page itself")
    try:
        target = web_url(str(url.join(location)))
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise BackendError(f"{url.host} redirects to what is no address: give the address of the page itself") from None
    if url.scheme == "https" and target.scheme == "http":
        raise AccessError(f"{url.host} redirects from https to http, which anybody can read: give the http address")
    return target


def _page(url: httpx.URL, answer: WebAnswer) -> WebPage:
    status = answer.status
    if status in (404, 410):
        raise NotFoundError(f"there is no such page (HTTP {status}): check the address")
    if status in (401, 402, 403, 407, 451):
        raise AccessError(f"{url.host} does not show this page to everybody (HTTP {status}): save it from a browser")
    if status >= 500 or status == 429:
        raise BackendUnavailableError(f"{url.host} cannot answer now (HTTP {status}): try again later")
    if status != 200:
        raise BackendError(f"{url.host} answers HTTP {status} instead of the page: check the address")
    language = answer.headers.get("content-language", "").partition(",")[0].strip()
    return WebPage(url, answer.headers.get("content-type", "").strip(), language, answer.body)


def _retry_after_s(answer: WebAnswer) -> float:
    """Gives the seconds after which a busy server wants to be asked again; 0 where it does not say."""
    written = answer.headers.get("retry-after", "").strip()
    if written.isdecimal():  # isdigit takes "²" too, which is no number
        return float(written[:9])
    try:
        moment = parsedate_to_datetime(written)
    except (ValueError, OverflowError):
        return 0.0
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
