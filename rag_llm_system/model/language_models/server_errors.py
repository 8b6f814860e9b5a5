"""What the errors of an OpenAI-compatible server mean to a person.

What the server wrote is never quoted: some repeat the messages that they refuse, and OpenAI repeats part of a key.
"""

import json
import re
from typing import Any

from rag_llm_system.domain.errors import (
    BackendError,
    BackendUnavailableError,
    ConfigurationError,
    ContextOverflowError,
    RagError,
)

_WINDOW = re.compile(r"context (?:length|size|window)\D{0,40}(\d{1,9})\b", re.IGNORECASE)
_ASKED = re.compile(r"\b(\d{1,9})\s{1,9}(?:input |prompt )?tokens", re.IGNORECASE)
_IDENTIFIER = re.compile(r"[\w.\-]{1,60}")
_NOT_SUPPORTED = {"unsupported_parameter", "unsupported_value"}
_MOVED, _NO_SUCH = range(300, 400), (404, 405, 410)


def server_error(who: str, status: int, content: bytes) -> RagError:
    """Gives the error of ours; `who` names the server at the start of a sentence."""
    problem = _problem(content)
    if (overflow := _overflow(who, problem)) is not None:
        return overflow
    if status in (401, 403):
        return ConfigurationError(f"{who} does not accept the key (HTTP {status}): set OPENAI_API_KEY right.")
    if status in _NO_SUCH or status in _MOVED:
        what = f"{who} has no such model, or no chat at this address (HTTP {status})"
        return ConfigurationError(f"{what}: check OPENAI_MODEL_ID and RAG_LANGUAGE_MODEL_URL.")
    if "insufficient_quota" in (problem.get("code"), problem.get("type")):
        return BackendError(f"{who} says that the key's quota is used up (HTTP {status}): see to the account.")
    if status == 429:
        return BackendUnavailableError(f"{who} is asked too much (HTTP 429): try again later.")
    reason = _identifiers(problem)
    if status >= 500 or status == 408:
        return BackendUnavailableError(f"{who} failed (HTTP {status}{reason}): try again later, or see its log.")
    return BackendError(f"{who} refuses the request (HTTP {status}{reason}): its log has the reason.")


def refused_parameter(content: bytes) -> str | None:
    """Gives the name of the parameter that the model behind the server does not take, if that is what it says."""
    problem = _problem(content)
    parameter = problem.get("param")
    return parameter if isinstance(parameter, str) and problem.get("code") in _NOT_SUPPORTED else None


def _problem(content: bytes) -> dict[str, Any]:
    """Gives what servers send as `{"error": {...}}`, some without the braces around it; empty where it is neither."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    inner = body.get("error", body) if isinstance(body, dict) else {}
    return inner if isinstance(inner, dict) else {"message": inner}


def _overflow(who: str, problem: dict[str, Any]) -> ContextOverflowError | None:
    """Recognises llama.cpp by its numbers, OpenAI by its code, vLLM by its words alone."""
    message = str(problem.get("message") or "")
    window, asked = problem.get("n_ctx"), problem.get("n_prompt_tokens")
    if not (isinstance(window, int) and isinstance(asked, int)):
        found = _WINDOW.search(message)
        if found is None:
            return None
        window = int(found[1])
        asked = next((n for n in map(int, _ASKED.findall(message)) if n != window), None)
    much = f"{asked} tokens are" if asked else "more is"
    what = f"{who} reads at most {window} tokens and {much} asked of it"
    return ContextOverflowError(f"{what}: shorten the question, lower RAG_CONTEXT_TOKENS, or raise the model's window.")


def _identifiers(problem: dict[str, Any]) -> str:
    """Gives the kind of problem where the server names it in one word, since a sentence may quote a message."""
    for key in ("code", "type"):
        value = problem.get(key)
        if isinstance(value, str) and _IDENTIFIER.fullmatch(value):
            return f", {value}"
    return ""
