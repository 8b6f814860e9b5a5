"""What keeps other web pages away from a server on this machine that asks for no password, and its own at home."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_NEVER_SERVED = "/api/v1/secrets"
_HOSTS = ("127.0.0.1", "localhost")
_POLICY = (
    b"default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    b"style-src 'self' 'unsafe-inline'; base-uri 'self'; form-action 'self'"
)
"""For the browser: pages load nothing from other servers and send nothing there."""


class LoopbackGuard:
    """Passes on what the pages of this server ask for, and refuses the rest.

    A web page from elsewhere can send requests to 127.0.0.1, and a name of its own can lead there (DNS rebinding):
    the headers `Host` and `Origin` tell. Secrets are refused to all: other people may have a login on this machine.

    Args:
        app: an ASGI application.
        port: where it is served.
    """

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        self._hosts = {f"{host}:{port}" for host in _HOSTS}
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or has it answered."""
        refusal = None if scope["type"] == "lifespan" else self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_policy(send))
        elif scope["type"] == "http":
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": refusal.encode()})
        else:
            await send({"type": "websocket.close"})

    def _refusal(self, scope: Scope) -> str | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get(b"host") not in self._hosts:
            return "This server answers to 127.0.0.1 and localhost alone."
        if headers.get(b"origin", min(self._origins)) not in self._origins:
            return "This server answers to its own pages alone."
        if scope["path"].lower().startswith(_NEVER_SERVED):
            return "Secrets are not shown here: `zenml secret list` does."
        return None


def _with_policy(send: Send) -> Send:
    async def send_with_policy(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"content-security-policy", _POLICY)]}
        await send(message)

    return send_with_policy
