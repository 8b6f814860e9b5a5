"""What keeps other people and other web pages away from a server on this machine, and its own pages at home."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_NEVER_SERVED = "/api/v1/secrets"
_NEVER_WRITTEN = ("/api/v1/components", "/api/v1/stacks")
_READING = ("GET", "HEAD", "OPTIONS")
_HOSTS = ("127.0.0.1", "localhost")
_POLICY = (
    b"default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    b"style-src 'self' 'unsafe-inline'; base-uri 'self'; form-action 'self'"
)
"""For the browser: pages load nothing from other servers and send nothing there."""


class _Reply(NamedTuple):
    status: int
    text: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


class LoopbackGuard:
    """Passes on what the pages of this server ask for, and refuses the rest.

    Everybody who has a login on this machine reaches 127.0.0.1, and the servers behind read files of the one who
    started them for whoever asks. So an address with a token is the only way in: it is exchanged for a cookie.
    A web page from elsewhere can send requests to 127.0.0.1 too, and a name of its own can lead there (DNS
    rebinding): the headers `Host` and `Origin` tell. ZenML's secrets are refused to all, and so is naming it other
    folders to read from.

    Args:
        app: an ASGI application.
        port: where it is served.
        token: opens it, in an address or as `Authorization: Bearer`.
        reopening: how the address is seen again, for those who have none.
    """

    def __init__(self, app: App, port: int, token: str, *, reopening: str = "./poe dashboard") -> None:
        self._app = app
        self._hosts = {f"{host}:{port}" for host in _HOSTS}
        self._origins = {f"http://{host}" for host in self._hosts}
        self._token = token
        self._cookie = f"rag-pages-{port}"  # cookies know no ports: another server here must not overwrite it
        self._locked = f"Open the address that was printed when this server was started; {reopening}."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or has it answered."""
        reply = None if scope["type"] == "lifespan" else self._own_reply(scope)
        if reply is None:
            await self._app(scope, receive, _with_policy(send))
        elif scope["type"] == "http":
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": reply.status, "headers": [*headers, *reply.headers]})
            await send({"type": "http.response.body", "body": reply.text.encode()})
        else:
            await send({"type": "websocket.close"})

    def _own_reply(self, scope: Scope) -> _Reply | None:
        """Gives what is answered without asking the application: a refusal, or the way in."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        path, method = scope["path"].lower(), scope.get("method", "GET")
        if headers.get(b"host") not in self._hosts:
            return _Reply(403, "This server answers to 127.0.0.1 and localhost alone.")
        if headers.get(b"origin", min(self._origins)) not in self._origins:
            return _Reply(403, "This server answers to its own pages alone.")
        if method == "GET" and (entrance := self._entrance(scope)):
            return entrance
        if not self._is_let_in(headers):
            return _Reply(401, self._locked, ((b"www-authenticate", b"Bearer"),))
        if path.startswith(_NEVER_SERVED):
            return _Reply(403, "Secrets are not shown here: `zenml secret list` does.")
        if method not in _READING and path.startswith(_NEVER_WRITTEN):
            return _Reply(403, "Stacks are not changed here: `zenml stack` does.")
        return None

    def _entrance(self, scope: Scope) -> _Reply | None:
        """Gives the cookie and the way to the page itself, if its address holds the token: none stays in a history."""
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        if not any(name == "token" and self._is_token(value) for name, value in query):
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        page = "/" + quote(scope["path"].lstrip("/")) + (f"?{rest}" if rest else "")
        cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        headers = {b"location": page, b"set-cookie": cookie, b"referrer-policy": "no-referrer"}
        return _Reply(303, "", tuple((name, value.encode("ascii")) for name, value in headers.items()))

    def _is_let_in(self, headers: dict[bytes, str]) -> bool:
        kind, _, token = headers.get(b"authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._is_token(token.strip()):
            return True
        cookies = (part.strip().partition("=") for part in headers.get(b"cookie", "").split(";"))
        return any(name == self._cookie and self._is_token(value) for name, _, value in cookies)

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())


def new_token() -> str:
    """Gives a token that nobody can guess."""
    return secrets.token_urlsafe(32)


def _with_policy(send: Send) -> Send:
    async def send_with_policy(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"content-security-policy", _POLICY)]}
        await send(message)

    return send_with_policy
