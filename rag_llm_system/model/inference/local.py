"""An answer engine that lives in another process: the client of the model server's `POST /infer`."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag_llm_system.domain.answers import REFUSAL, AnswerDelta, AnswerLimits, Passage, Quote
from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, ConfigurationError, InputError

_MAX_RESPONSE_BYTES = 8 * 1024 * 1024
# Below the server's 30 s, so that a connection is not used in the moment in which the server gives it up.
_KEEPALIVE_S = 10.0


class ModelServerEngine:
    """Asks the model server; see the port `AnswerEngine`. One pool of connections serves all threads.

    Args:
        base_url: such as http://127.0.0.1:8000.
        timeout_s: the longest wait for an answer, whatever the limits of a question allow.
        connect_timeout_s: the longest wait for a connection.
        headers: asked before every request, for a request id, say.

    Raises:
        ConfigurationError: `base_url` is not an http or https address.
    """

    name = "model-server"

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 60.0,
        connect_timeout_s: float = 2.0,
        headers: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._url = _checked_url(base_url)
        self._who = f"The model server at {self._url.scheme}://{self._url.netloc.decode('ascii')}"
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._headers = headers
        # A proxy from the environment has no business between two parts of one system.
        self._client = httpx.Client(limits=httpx.Limits(keepalive_expiry=_KEEPALIVE_S), trust_env=False)

    def stream(self, question: str, passages: Sequence[Passage], limits: AnswerLimits) -> Iterator[AnswerDelta]:
        """Gives the answer in one piece.

        Raises:
            InputError: the question is blank, or the server refuses question or passages.
            BackendUnavailableError: the server is away, overloaded, not ready, or failed.
            BackendError: what it answers is not an answer of a model server.
        """
        if not question.strip():
            raise InputError("The question is blank: ask something.")
        if not passages:
            yield AnswerDelta(REFUSAL, refused=True)
            return
        timeout_s = min(self._timeout_s, limits.timeout_s)
        body = {
            "question": question,
            "passages": [asdict(passage) for passage in passages],
            "max_new_tokens": limits.max_new_tokens,
            "timeout_s": timeout_s,
        }
        yield _read_answer(self._post(body, timeout_s), passages)

    def close(self) -> None:
        """Closes the connections; the engine is not used afterwards."""
        self._client.close()

    def _post(self, body: Mapping[str, Any], timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, self._connect_timeout_s))
        headers = {**self._headers(), "content-type": "application/json"}
        # ASCII, so that a lone surrogate in a text becomes the server's 422 and not an encoding error here.
        content = json.dumps(body).encode("ascii")
        try:
            with self._client.stream("POST", self._url, content=content, headers=headers, timeout=timeout) as sent:
                status, answer = sent.status_code, _read_until(sent, deadline)
        except httpx.TimeoutException:
            raise BackendUnavailableError(f"{self._who} did not answer in time (at most {timeout_s:.0f} s).") from None
        except httpx.HTTPError as error:
            what = f"cannot be asked ({type(error).__name__})"
            raise BackendUnavailableError(f"{self._who} {what}: start it with 'poe deploy-inference-local'.") from None
        _raise_for_status(self._who, status, answer)
        return answer


class _QuoteIn(BaseModel):
    passage_number: int
    start: int = Field(ge=0)
    end: int
    text: str = Field(min_length=1)


class _AnswerIn(BaseModel):
    model_config = ConfigDict(strict=True)

    answer: str
    quotes: list[_QuoteIn]
    refused: bool
    notes: list[str] = []


class _Problem(BaseModel):
    detail: str = Field(max_length=500)


def _checked_url(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.rstrip("/") + "/infer")
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationError("The model server's address must look like http://127.0.0.1:8000: set it right.")
    return url


def _read_until(response: httpx.Response, deadline: float) -> bytes:
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > _MAX_RESPONSE_BYTES:
            raise BackendError(f"The model server's answer is larger than {_MAX_RESPONSE_BYTES} bytes.")
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer came too slowly")
    return bytes(content)


def _raise_for_status(who: str, status: int, content: bytes) -> None:
    if status == 200:
        return
    reason = _detail(content) or "its log has the reason."
    if status in (413, 422):
        raise InputError(f"{who} refuses the question: {reason}")
    if status >= 500:
        raise BackendUnavailableError(f"{who} failed with status {status}: {reason}")
    raise BackendError(f"{who} answered with status {status}: is that the address of a model server?")


def _detail(content: bytes) -> str | None:
    try:
        return " ".join(_Problem.model_validate_json(content).detail.split())
    except ValidationError:
        return None


def _read_answer(content: bytes, passages: Sequence[Passage]) -> AnswerDelta:
    texts = {passage.number: passage.text for passage in passages}
    try:
        answer = _AnswerIn.model_validate_json(content)
    except ValidationError:
        # The library's error quotes the answer.
        raise BackendError("The model server's answer is malformed: do both sides have the same version?") from None
    for quote in answer.quotes:
        if texts.get(quote.passage_number, "")[quote.start : quote.end] != quote.text:
            raise BackendError("The model server quotes words that do not stand in the passages.")
    quotes = tuple(Quote(quote.passage_number, quote.start, quote.end, quote.text) for quote in answer.quotes)
    return AnswerDelta(answer.answer, quotes, answer.refused, tuple(answer.notes))
