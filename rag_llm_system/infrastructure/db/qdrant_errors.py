"""What a Qdrant server's errors, and the answers of whatever else stands at its address, mean to a person."""

import json
import ssl
from typing import TYPE_CHECKING

import httpx

from rag_llm_system.domain.errors import (
    BackendError,
    BackendUnavailableError,
    ConfigurationError,
    DiskFullError,
    NotFoundError,
    RagError,
)

if TYPE_CHECKING:
    from qdrant_client.http.exceptions import UnexpectedResponse

_NOT_NOW = {429, 502, 503, 504}
_NOT_ALLOWED = {401, 403}
_FULL_DISK = (b"no space left", b"out of disk", b"disk is full")


def translated(error: Exception, place: str) -> RagError:
    """Gives the error of ours; `place` names the server. What the server wrote is left out: it may quote content."""
    from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    if isinstance(error, RagError):
        return error
    if isinstance(error, ResponseHandlingException):
        error = error.source
    if isinstance(error, UnexpectedResponse):
        return _translated_answer(error, place)
    if isinstance(error, ResourceExhaustedResponse):
        return BackendUnavailableError(f"{place} is asked too much (HTTP 429): try again later")
    if isinstance(error, httpx.TimeoutException):
        return BackendUnavailableError(
            f"{place} did not answer in time: try again later, or raise RAG_QDRANT_TIMEOUT_S"
        )
    if isinstance(error, httpx.HTTPError):
        return _translated_connection(error, place)
    if isinstance(error, ValueError):
        # The in-process client knows no HTTP status; a body that is no JSON of Qdrant's is a ValueError too.
        if str(error).startswith("Collection ") and str(error).endswith(" not found"):
            return NotFoundError(f"{place} has no such collection")
        return _no_qdrant(place)
    return BackendError(f"{place} gave an answer that cannot be used ({type(error).__name__}): check its version")


def may_pass(error: Exception) -> bool:
    """Whether asking again at once may help: the connection broke, or the server says that it is busy.

    Where the answer did not come in time, it may not: the person has waited long enough already.
    """
    from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    if isinstance(error, ResponseHandlingException):
        error = error.source
    if isinstance(error, UnexpectedResponse):
        return error.status_code in _NOT_NOW
    if isinstance(error, httpx.TransportError):
        return not isinstance(error, httpx.TimeoutException | httpx.UnsupportedProtocol) and not _is_about_tls(error)
    return isinstance(error, ResourceExhaustedResponse)


def _translated_answer(error: "UnexpectedResponse", place: str) -> RagError:
    status, body = error.status_code or 0, error.content
    if status in _NOT_ALLOWED:
        return ConfigurationError(
            f"{place} does not accept the key (HTTP {status}): check QDRANT_APIKEY and its rights"
        )
    if status == 507 or (status >= 500 and any(sign in body.lower() for sign in _FULL_DISK)):
        return DiskFullError(f"the disk of {place} is full: make room there; what was acknowledged is kept")
    if status in _NOT_NOW:
        return BackendUnavailableError(f"{place} cannot answer now (HTTP {status}): try again later")
    if status == 408:
        return BackendUnavailableError(f"{place} did not finish in time (HTTP 408): try again later")
    if status == 413:
        return BackendError(f"{place} refuses a request of that size (HTTP 413): raise its max_request_size_mb")
    if not _is_written_by_qdrant(body):
        return _no_qdrant(place)
    if status == 404:
        return NotFoundError(f"{place} has no such collection")
    return BackendError(f"{place} refused what it was asked (HTTP {status}): see the server's own log")


def _translated_connection(error: httpx.HTTPError, place: str) -> RagError:
    if _is_about_tls(error):
        return ConfigurationError(
            f"{place} offers no encryption that can be trusted: check http or https, and its certificate"
        )
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return BackendUnavailableError(f"{place} does not answer: start it, or correct its address")
    if isinstance(error, httpx.LocalProtocolError):
        return ConfigurationError(f"{place} cannot be asked with this key or address: check them for stray characters")
    return BackendUnavailableError(
        f"{place} broke the connection: try again, or correct its address if it is no Qdrant"
    )


def _no_qdrant(place: str) -> ConfigurationError:
    return ConfigurationError(f"what answers as {place} is no Qdrant server: correct the address, the port or https")


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_written_by_qdrant(body: bytes) -> bool:
    try:
        fields = json.loads(body)
    except ValueError:
        return False
    return isinstance(fields, dict) and "status" in fields and "time" in fields
