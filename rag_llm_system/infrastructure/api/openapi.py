"""How errors stand in `/openapi.json`."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rag_llm_system.infrastructure.api.problems import MEDIA_TYPE, Problem

_MEANINGS = {
    400: "The body is not JSON",
    404: "There is no such collection",
    413: "The body is too large",
    415: "The body is not declared as application/json",
    422: "A field is missing or cannot be used",
    500: "The server failed; its log has the reason under the request's id",
    502: "A part of the system failed",
    503: "Not ready yet, or too many requests: Retry-After says when to ask again",
}
BODY_PROBLEMS = (400, 413, 415, 422, 500, 502, 503)
"""What every route that reads a body and works on it may answer."""


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Gives a route's errors as FastAPI's `responses` takes them."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in sorted(statuses)}


def describe_problems(app: FastAPI) -> None:
    """Makes the app's OpenAPI document hold the schema that `problem_responses` refers to."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schema["components"]["schemas"].update(problem.pop("$defs"), Problem=problem)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
