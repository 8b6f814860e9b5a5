"""Where the main API is, and how it is asked over HTTP."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from rag_llm_system.domain.answers import Answer, Citation
from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, InputError

_ADDRESS_FILE = "main-api.url"
"""Under RAG_HOME while the main API runs on that home."""


@contextmanager
def published_address(home: Path) -> Iterator[Callable[[str], None]]:
    """Gives a function that leaves the API's address in RAG_HOME; it is taken away at the end."""
    file = home / _ADDRESS_FILE
    try:
        yield lambda url: _write(file, url)
    finally:
        file.unlink(missing_ok=True)


def _write(file: Path, url: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(url, encoding="utf-8")


def running_main_api(home: Path) -> str | None:
    """Gives the address of the main API that serves this RAG_HOME, or None if none answers there."""
    try:
        url = (home / _ADDRESS_FILE).read_text(encoding="utf-8").strip()
        return url if httpx.get(f"{url}/health", timeout=2.0).status_code == 200 else None
    except (OSError, httpx.HTTPError, httpx.InvalidURL):
        return None


def ask(url: str, question: str, *, top_k: int | None = None, timeout_s: float = 120.0) -> Answer:
    """Gives the answer of `POST /rag`.

    Raises:
        InputError: the question cannot be used.
        BackendUnavailableError: the API is away, not ready, or busy.
    """
    body: dict[str, Any] = {"query": question} | ({"top_k": top_k} if top_k else {})
    try:
        response = httpx.post(f"{url}/rag", json=body, timeout=timeout_s)
    except httpx.HTTPError as error:
        raise BackendUnavailableError(
            f"The main API at {url} did not answer ({type(error).__name__}): is it up?"
        ) from None
    if response.status_code != 200:
        raise _error(url, response)
    return _answer(response.json())


def _error(url: str, response: httpx.Response) -> InputError | BackendError:
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"HTTP {response.status_code}"
    if response.status_code < 500:
        return InputError(detail)
    return BackendUnavailableError(f"The main API at {url} could not answer: {detail}")


def _answer(body: dict[str, Any]) -> Answer:
    citations = tuple(
        Citation(
            passage_number=citation["number"],
            title=citation["title"],
            link=citation["link"],
            author_full_name=citation["author"],
            quote=citation["quote"],
            document_id=citation["document_id"],
            start=citation["start"],
            end=citation["end"],
        )
        for citation in body["citations"]
    )
    return Answer(
        text=body["answer"],
        citations=citations,
        passages=(),
        refused=body["refused"],
        notes=tuple(body["notes"]),
        timings_ms=body["timings_ms"],
    )
