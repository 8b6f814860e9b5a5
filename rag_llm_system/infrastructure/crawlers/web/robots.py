"""What robots.txt allows on each host (RFC 9309)."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from rag_llm_system.domain.errors import AccessError, BackendUnavailableError, MissingExtraError, RagError
from rag_llm_system.infrastructure.crawlers.web.requests import PRODUCT, WebAnswer

_MAX_BYTES = 500 * 1024
_KEPT_S = 3600.0
_FAILURE_KEPT_S = 60.0
_MAX_DELAY_S = 10.0

Get = Callable[[httpx.URL, int], WebAnswer]
"""Fetches an address, following redirects, and gives at most so many bytes of it."""


class RobotsRules:
    """Asks each host once an hour what it allows.

    A host that answers "there is no such file" allows everything; one that fails to answer allows nothing.

    Args:
        get: fetches robots.txt.
        clock: gives seconds.
    """

    def __init__(self, get: Get, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._get = get
        self._clock = clock
        self._known: dict[str, tuple[float, Any]] = {}

    def check(self, url: httpx.URL) -> None:
        """Passes where the page may be fetched.

        Raises:
            AccessError: robots.txt forbids it.
            BackendUnavailableError: robots.txt cannot be read, which forbids everything for now.
            RagError: the host itself is refused, unknown or away.
            MissingExtraError: the extra "pipelines" is not installed.
        """
        rules = self._rules(url)
        if rules is not None and not rules.can_fetch(str(url), PRODUCT):
            raise AccessError(f"the robots.txt of {url.host} forbids this page to crawlers: save the page instead")

    def delay_s(self, url: httpx.URL) -> float:
        """Gives the pause that the host asks for between two requests, 10 s at most."""
        rules = self._rules(url)
        return min(float((rules and rules.crawl_delay(PRODUCT)) or 0.0), _MAX_DELAY_S)

    def _rules(self, url: httpx.URL) -> Any:
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        until, outcome = self._known.get(origin, (float("-inf"), None))
        if self._clock() >= until:
            try:
                outcome, kept_s = self._fetched_rules(url), _KEPT_S
            except RagError as error:
                outcome, kept_s = error, _FAILURE_KEPT_S
            self._known[origin] = (self._clock() + kept_s, outcome)
        if isinstance(outcome, RagError):
            raise outcome.with_traceback(None)
        return outcome

    def _fetched_rules(self, url: httpx.URL) -> Any:
        """Gives the parsed rules, None where there are none."""
        answer = self._get(url.copy_with(raw_path=b"/robots.txt"), _MAX_BYTES)
        if answer.status >= 500:
            raise BackendUnavailableError(
                f"the robots.txt of {url.host} cannot be read (HTTP {answer.status}), and until then it forbids "
                "everything: try again later"
            )
        if answer.status != 200:
            return None
        try:
            from protego import Protego
        except ImportError:
            raise MissingExtraError("reading web pages", "pipelines") from None
        return Protego.parse(answer.body.decode("utf-8", "replace"))
