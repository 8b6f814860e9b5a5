"""What holds for every request of both servers, as pure ASGI: an id, a line in the log, an answer whatever happens;
only this machine is answered; no body is larger than the limit."""

import time
import traceback
from pathlib import Path
from urllib.parse import urlsplit

from loguru import logger
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_llm_system.domain.errors import AccessError
from rag_llm_system.infrastructure.api.problems import problem_of, problem_of_the_unexpected
from rag_llm_system.infrastructure.api.request_ids import HEADER, take_request_id

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
_MAX_LOGGED_PATH = 200


class RequestBoundary:
    """The outermost layer: gives the request its id, logs one line for it, turns what nobody foresaw into a bare 500.

    The line never holds the query string or the body, and an unforeseen error's message stays out of it too, since it
    may quote what was asked: its type and where it happened are logged.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = take_request_id(Headers(scope=scope).get(HEADER))
        started = time.perf_counter()
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            logger.error(
                "http_unexpected error={} at={} request_id={}", type(error).__name__, _where(error), request_id
            )
            if status is not None:
                raise
            await problem_of_the_unexpected()(scope, receive, send_with_id)
        finally:
            ms = 1000 * (time.perf_counter() - started)
            logger.info(
                "http_request method={} path={} status={} ms={:.1f} request_id={}",
                scope["method"], _path(scope), status, ms, request_id,
            )  # fmt: skip


class LoopbackHostsOnly:
    """Refuses requests that were addressed to another name than this machine's own.

    Without API keys the loopback address is the only lock, and a web page can turn its own name into that address
    (DNS rebinding) to read answers with its visitor's browser; such requests carry the page's name in `Host`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _host(scope) not in LOOPBACK_HOSTS:
            refusal = AccessError("This server answers this machine only: use http://127.0.0.1 or http://localhost.")
            await problem_of(refusal)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class BodyLimit:
    """Answers 413 to a body of more than `max_bytes`, whether its length was declared or only shows on the way."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        too_large = HTTPException(413, f"The body is larger than {self._max_bytes} bytes: send less.")
        n_left = self._max_bytes

        async def limited_receive() -> Message:
            nonlocal n_left
            if _declared_bytes(scope) > self._max_bytes:
                raise too_large
            message = await receive()
            n_left -= len(message.get("body", b""))
            if n_left < 0:
                raise too_large
            return message

        await self._app(scope, limited_receive, send)


def _declared_bytes(scope: Scope) -> int:
    declared = Headers(scope=scope).get("content-length", "")
    return int(declared) if declared.isdecimal() else 0


def _host(scope: Scope) -> str | None:
    try:
        return urlsplit("//" + Headers(scope=scope).get("host", "")).hostname
    except ValueError:
        return None


def _path(scope: Scope) -> str:
    # Still percent-encoded, so that no line break of a caller's gets into the log.
    return bytes(scope["raw_path"]).decode("ascii", "backslashreplace")[:_MAX_LOGGED_PATH]


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
