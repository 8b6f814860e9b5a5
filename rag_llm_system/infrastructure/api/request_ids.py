"""Every request has an id: in the response's header, in problem details, in the log, in calls to the model server."""

import re
import uuid
from contextvars import ContextVar

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def current_request_id() -> str | None:
    """Gives the id of the request that is being answered; None outside of one. Worker threads see it too."""
    return _current.get()


def outgoing_headers() -> dict[str, str]:
    """Gives the header that hands the current id on to another server; empty outside of a request."""
    request_id = current_request_id()
    return {HEADER: request_id} if request_id else {}


def take_request_id(offered: str | None) -> str:
    """Gives the id for a new request and makes it the current one: the caller's if it is harmless, else a fresh one."""
    request_id = offered if offered and _SANE.fullmatch(offered) else uuid.uuid4().hex
    _current.set(request_id)
    return request_id
