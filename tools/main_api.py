"""Where the main API is, and how it is asked over HTTP."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loguru import logger

from rag_llm_system.domain.answers import Answer, Citation
from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, InputError
from tools.http_request import Reply, request

if TYPE_CHECKING:
    import httpx

_ADDRESS_FILE = "main-api.address"
"""Under RAG_HOME while the main API serves that home: its address and its process id."""


@contextmanager
def published_address(home: Path) -> Iterator[Callable[[str], None]]:
    """Gives a function that leaves this process's address in RAG_HOME; what it left is taken away at the end."""
    file = home / _ADDRESS_FILE
    mine: list[str] = []

    def publish(url: str) -> None:
        mine.append(f"{url} {os.getpid()}")
        new = file.with_suffix(".new")
        try:
            new.write_text(mine[-1], encoding="utf-8")
            new.replace(file)
        except OSError:
            logger.warning("address_not_published folder={}", home)

    try:
        yield publish
    finally:
        if mine and _read(file) == mine[-1]:
            file.unlink(missing_ok=True)


def running_main_api(home: Path) -> str | None:
    """Gives the address of the main API that serves this RAG_HOME, or None if none answers there."""
    url, _, pid = _read(home / _ADDRESS_FILE).partition(" ")
    try:
        if not pid.isdecimal() or not _is_running(int(pid)):
            return None
        return url if request(f"{url}/health").status_code == 200 else None
    except (BackendUnavailableError, ValueError, OverflowError):
        return None


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def get(url: str, *, timeout_s: float = 2.0) -> "httpx.Response":
    """Asks a server of this system; a proxy from the environment has no business between its parts."""
    import httpx

    return httpx.get(url, timeout=timeout_s, trust_env=False)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def ask(url: str, question: str, *, top_k: int | None = None, timeout_s: float = 120.0) -> Answer:
    """Gives the answer of `POST /rag`.

    Raises:
        InputError: the question cannot be used.
        BackendUnavailableError: the API is away, not ready, or busy, or something else answers at its address.
    """
    body: dict[str, Any] = {"query": question} | ({} if top_k is None else {"top_k": top_k})
    try:
        response = request(f"{url}/rag", json_body=body, timeout_s=timeout_s)
    except BackendUnavailableError as error:
        raise BackendUnavailableError(f"The main API at {error.message}") from None
    if response.status_code != 200:
        raise _error(url, response)
    try:
        return _answer(response.json())
    except (ValueError, KeyError, TypeError):
        raise BackendUnavailableError(f"What answers at {url} is not this main API: stop it, then ask again.") from None


def _error(url: str, response: Reply) -> InputError | BackendError:
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
