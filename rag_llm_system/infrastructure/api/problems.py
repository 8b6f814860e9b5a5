"""Problem details (RFC 9457) for everything that goes wrong: one table says which error is which answer."""

import re
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from loguru import logger
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from rag_llm_system.domain.errors import (
    AccessError,
    BackendError,
    BackendUnavailableError,
    CapabilityError,
    ConfigurationError,
    DiskFullError,
    IndexBusyError,
    InputError,
    IntegrityError,
    NotFoundError,
    RagError,
    UnsupportedMediaError,
)
from rag_llm_system.infrastructure.api.request_ids import current_request_id

PROBLEMS: dict[type[RagError], tuple[int, str]] = {
    UnsupportedMediaError: (415, "This media type is not taken"),
    InputError: (422, "The request cannot be used as it is"),
    AccessError: (403, "This is not allowed"),
    NotFoundError: (404, "There is no such thing"),
    BackendUnavailableError: (503, "Not available at the moment"),
    IndexBusyError: (503, "Not available at the moment"),
    DiskFullError: (503, "Out of disk space"),
    BackendError: (502, "A part of the system failed"),
    CapabilityError: (501, "This set-up cannot do that"),
    IntegrityError: (500, "Stored data is damaged"),
    ConfigurationError: (500, "The server is not set up correctly"),
    RagError: (500, "The server failed"),
}
"""What each error becomes; a class that does not stand here is treated as its nearest base class."""

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = 1
_MAX_FIELD_PROBLEMS = 20


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str = Field(examples=["query"])
    message: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """Problem details as RFC 9457 has them, with the request's id and, for unusable fields, one entry each."""

    type: str = Field(default="about:blank", examples=["urn:problem-type:rag:not-found"])
    title: str = Field(examples=["There is no such thing"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no collection 'books': use articles, posts or repositories."])
    request_id: str = Field(examples=["5f0c7f2b9d114a8f8e2a3c5b0b5a577f"])
    errors: list[FieldProblem] | None = None


def answer_errors_with_problems(app: FastAPI) -> None:
    """Makes the app answer every error that its routes raise with problem details."""
    app.exception_handler(RagError)(_of_our_error)
    app.exception_handler(HTTPException)(_of_http_error)
    app.exception_handler(RequestValidationError)(_of_validation_error)


def problem_of(error: RagError) -> Response:
    """Gives the response for one of our errors; what lies behind a 500 is for the log alone."""
    status, title = next(PROBLEMS[base] for base in type(error).__mro__ if base in PROBLEMS)
    if status >= 500:
        # What passes by itself is no warning: a server that is being waited for is asked for /ready all the time.
        level = "INFO" if error.retryable else "WARNING"
        logger.log(level, "request_failed error={} request_id={} why={}", type(error).__name__, _id(), error.message)
    detail = _see_log() if status == 500 else error.message
    problem = Problem(type=_type_of(error), title=title, status=status, detail=detail, request_id=_id())
    return _response(problem, {"retry-after": str(_RETRY_AFTER_S)} if error.retryable else {})


def problem_of_the_unexpected() -> Response:
    """Gives the response for a failure that nobody foresaw: it says nothing of the cause."""
    return _response(Problem(title=HTTPStatus(500).phrase, status=500, detail=_see_log(), request_id=_id()))


async def _of_our_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RagError)
    return problem_of(error)


async def _of_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {
        400: "The body cannot be read as JSON.",
        404: "There is no such route: /openapi.json lists them.",
        405: f"{request.method} is not what this route takes: /openapi.json lists what each takes.",
    }
    phrase = HTTPStatus(error.status_code).phrase
    detail = details.get(error.status_code, error.detail)
    problem = Problem(title=phrase, status=error.status_code, detail=detail, request_id=_id())
    return _response(problem, dict(error.headers or {}))


async def _of_validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        what = found[0]["ctx"]["error"].removesuffix(" at")
        detail = f"The body is not JSON: {what} at character {found[0]['loc'][-1]}."
        return _response(Problem(title=HTTPStatus(400).phrase, status=400, detail=detail, request_id=_id()))
    fields = [FieldProblem(field=_field(one["loc"]), message=one["msg"]) for one in found[:_MAX_FIELD_PROBLEMS]]
    more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
    detail = f"{fields[0].field}: {fields[0].message}{more}."
    status, title = PROBLEMS[InputError]
    kind = _type_of(InputError(detail))
    return _response(Problem(type=kind, title=title, status=status, detail=detail, request_id=_id(), errors=fields))


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location[1:])[:100] or "body"


def _type_of(error: RagError) -> str:
    words = re.findall(r"[A-Z][a-z]*", type(error).__name__.removesuffix("Error"))
    return "urn:problem-type:rag:" + "-".join(words).lower()


def _see_log() -> str:
    return f"The server failed: its log has the reason under request id {_id()}."


def _id() -> str:
    return current_request_id() or "none"


def _response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, headers=headers, media_type=MEDIA_TYPE)
