import inspect

import pytest
from loguru import logger

from rag_llm_system.domain import errors
from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError, IndexBusyError, RagError
from rag_llm_system.infrastructure.api.admission import OverloadedError
from rag_llm_system.infrastructure.api.loading import NotReadyError
from rag_llm_system.infrastructure.api.problems import PROBLEMS, Problem, problem_of
from rag_llm_system.infrastructure.local.local_deploy import PassagesMissingError

STATUSES = {
    "RagError": 500,
    "ConfigurationError": 500,
    "MissingExtraError": 500,
    "InputError": 422,
    "UnsupportedMediaError": 415,
    "ContextOverflowError": 422,
    "AccessError": 403,
    "NotFoundError": 404,
    "BackendError": 502,
    "BackendUnavailableError": 503,
    "IndexBusyError": 503,
    "DiskFullError": 503,
    "IntegrityError": 500,
    "CapabilityError": 501,
}


def _error(error_type: type[RagError], message: str) -> RagError:
    error = error_type.__new__(error_type)
    RagError.__init__(error, message)
    return error


@pytest.mark.parametrize("name", [name for name, found in inspect.getmembers(errors, inspect.isclass)])
def test_every_error_of_the_domain_has_its_status(name: str) -> None:
    assert problem_of(_error(getattr(errors, name), "what is wrong")).status_code == STATUSES[name]


def test_the_table_holds_only_errors_of_the_domain() -> None:
    assert {error_type.__module__ for error_type in PROBLEMS} == {errors.__name__}


@pytest.mark.parametrize(
    ("error_type", "slug"),
    [
        (BackendUnavailableError, "backend-unavailable"),
        (OverloadedError, "overloaded"),
        (NotReadyError, "not-ready"),
        (PassagesMissingError, "passages-missing"),
    ],
)
def test_the_type_of_a_problem_is_the_name_of_its_error(error_type: type[RagError], slug: str) -> None:
    problem = Problem.model_validate_json(bytes(problem_of(_error(error_type, "no")).body))
    assert problem.type == f"urn:problem-type:rag:{slug}"


def test_a_problem_says_what_the_error_says_and_is_declared_as_one() -> None:
    response = problem_of(IndexBusyError("Process 7 holds the index: stop it."))
    assert Problem.model_validate_json(bytes(response.body)).detail == "Process 7 holds the index: stop it."
    assert response.headers["content-type"] == "application/problem+json"


def test_what_lies_behind_a_500_stays_in_the_log() -> None:
    body = bytes(problem_of(ConfigurationError("/home/anna/models is missing")).body)
    assert b"anna" not in body
    assert b"request id" in body


def test_only_errors_that_may_pass_say_when_to_ask_again() -> None:
    assert "retry-after" in problem_of(OverloadedError("too many")).headers
    assert "retry-after" not in problem_of(_error(errors.DiskFullError, "full")).headers


def test_what_passes_by_itself_is_no_warning() -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}", level="WARNING")
    try:
        problem_of(NotReadyError("Not yet."))
        problem_of(ConfigurationError("The model is missing."))
    finally:
        logger.remove(sink)
    assert [line.partition(" why=")[2].strip() for line in lines] == ["The model is missing."]
