"""A language model behind an OpenAI-compatible server: OpenAI, vLLM, llama.cpp's llama-server, Ollama and others."""

import ipaddress
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, ConfigurationError, InputError
from rag_llm_system.domain.ports.language_model import ChatMessage
from rag_llm_system.model.embeddings.tokenizer import without_lone_surrogates
from rag_llm_system.model.language_models.event_stream import event_data
from rag_llm_system.model.language_models.json_replies import checked_json, require_known_keywords
from rag_llm_system.model.language_models.server_errors import refused_parameter, server_error

_MAX_REPLY_BYTES = 8 * 1024 * 1024
_MAX_ERROR_BYTES = 64 * 1024
# Below the 5 s of llama.cpp and vLLM, so that no connection is used in the moment in which the server gives it up.
_KEEPALIVE_S = 4.0
_END = b"[DONE]"


class OpenAICompatibleModel:
    """Asks `POST {base_url}/chat/completions`; see the port `LanguageModel`. All threads share a pool of connections.

    Every reply is streamed from the server, `complete` too: llama.cpp goes on computing what nobody waits for unless
    it is streamed. A proxy of the environment is used, except to reach this machine.

    OpenAI's reasoning models want the limit under another name and take no temperature; the first such refusal is
    remembered and the request sent again.

    Args:
        model_id: what the server calls the model.
        base_url: such as https://api.openai.com/v1; without a path, /v1 is added.
        api_key: sent as a bearer token; None where the server wants none.
        connect_timeout_s: the longest wait for a connection.

    Raises:
        ConfigurationError: the address or the key cannot be used.
    """

    def __init__(
        self, *, model_id: str, base_url: str, api_key: str | None = None, connect_timeout_s: float = 5.0
    ) -> None:
        self._model_id = model_id
        self._url = _checked_url(base_url)
        self._who = f"The language model at {self._url.scheme}://{self._url.netloc.decode('ascii')}"
        self._connect_timeout_s = connect_timeout_s
        self._limit_key, self._takes_temperature = "max_tokens", True
        self._client = httpx.Client(
            headers={"accept": "text/event-stream", "accept-encoding": "identity", **_authorization(api_key)},
            limits=httpx.Limits(keepalive_expiry=_KEEPALIVE_S),
            trust_env=not _is_this_machine(self._url.host),
            verify=self._url.scheme == "https",  # plain http needs no certificates, which take 60 ms to read
        )

    @property
    def name(self) -> str:
        return self._model_id

    def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_new_tokens: int,
        timeout_s: float,
        json_schema: Mapping[str, Any] | None = None,
        temperature: float = 0.0,
    ) -> str:
        """See the port. The schema is sent as `response_format`, and the reply checked against it."""
        request = _Request(messages, max_new_tokens, timeout_s, temperature, json_schema)
        text = "".join(self._pieces(request))
        return text if json_schema is None else checked_json(text, json_schema)

    def stream(
        self, messages: Sequence[ChatMessage], *, max_new_tokens: int, timeout_s: float, temperature: float = 0.0
    ) -> Iterator[str]:
        """See the port."""
        yield from self._pieces(_Request(messages, max_new_tokens, timeout_s, temperature))

    def close(self) -> None:
        """Closes the connections; the model is not used afterwards."""
        self._client.close()

    def _pieces(self, request: "_Request") -> Iterator[str]:
        deadline = time.monotonic() + request.timeout_s
        ending = ""
        wrote = False
        for choice in self._choices(request, deadline):
            if piece := (choice.delta or choice.message or _Message()).content:
                wrote = True
                yield piece
            ending = choice.finish_reason or ending
        if ending == "content_filter":
            raise BackendError(f"{self._who} withheld the reply by its content filter: put the question differently.")
        if ending == "length" and not wrote:
            what = f"{self._who} spent all {request.max_new_tokens} tokens before it wrote a word"
            raise BackendError(f"{what}: allow it more, or take a model that does not reason first.")

    def _choices(self, request: "_Request", deadline: float) -> Iterator["_Choice"]:
        too_late = f"{self._who} did not finish in time (at most {request.timeout_s:g} s): try again later."
        try:
            response = self._send(request, deadline)
            try:
                yield from self._read(response, deadline)
            finally:
                response.close()
        except httpx.TimeoutException:
            raise BackendUnavailableError(too_late) from None
        except httpx.ConnectError:
            how = "start it, or set RAG_LANGUAGE_MODEL_URL right"
            raise BackendUnavailableError(f"{self._who} cannot be reached: {how}.") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = f"{self._who} broke off ({type(error).__name__})"
            raise BackendUnavailableError(f"{what}: try again later, or see its log.") from None

    def _send(self, request: "_Request", deadline: float) -> httpx.Response:
        """Gives the response to be read, once the server has taken the request."""
        while True:
            left_s = max(deadline - time.monotonic(), 0.001)
            timeout = httpx.Timeout(left_s, connect=min(left_s, self._connect_timeout_s))
            limit_key, takes_temperature = self._limit_key, self._takes_temperature
            body = request.body(self._model_id, limit_key, takes_temperature)
            content, headers = json.dumps(body).encode("ascii"), {"content-type": "application/json"}
            sent = self._client.build_request("POST", self._url, content=content, headers=headers, timeout=timeout)
            response = self._client.send(sent, stream=True)
            if response.status_code == 200:
                return response
            refusal = _beginning(response, deadline, _MAX_ERROR_BYTES)
            parameter = refused_parameter(refusal)
            if parameter == limit_key == "max_tokens":
                self._limit_key = "max_completion_tokens"
            elif parameter == "temperature" and takes_temperature:
                self._takes_temperature = False
            else:
                raise server_error(self._who, response.status_code, refusal)

    def _read(self, response: httpx.Response, deadline: float) -> Iterator["_Choice"]:
        """Gives what the model says of its one reply, piece by piece.

        The stream is read to its end, though nothing is to come after the last piece: else the connection could not be
        used again. What goes wrong there harms no one.
        """
        if response.headers.get("content-type", "").startswith("application/json"):
            events: Iterator[bytes] = iter([_beginning(response, deadline, _MAX_REPLY_BYTES), _END])  # not streamed
        else:
            events = event_data(_bytes_in_time(response, deadline), max_bytes=_MAX_REPLY_BYTES)
        finished = False
        try:
            for data in events:
                if data == _END:
                    finished = True
                    continue
                for choice in self._parsed(data):
                    yield choice
                    finished = finished or choice.finish_reason is not None
        except httpx.HTTPError:
            if not finished:
                raise
        if not finished:
            raise BackendUnavailableError(f"{self._who} broke off in the middle of a reply: try again later.")

    def _parsed(self, data: bytes) -> list["_Choice"]:
        try:
            chunk = _Chunk.model_validate_json(data)
        except ValidationError:
            # The library's error quotes the reply.
            what = f"{self._who} answers with something that is no chat completion"
            raise BackendError(f"{what}: is RAG_LANGUAGE_MODEL_URL that of an OpenAI-compatible server?") from None
        if chunk.error is not None:
            code = chunk.error.get("code") if isinstance(chunk.error, dict) else None
            raise server_error(self._who, code if isinstance(code, int) else 500, data)
        return chunk.choices or []


@dataclass(frozen=True, slots=True)
class _Request:
    messages: Sequence[ChatMessage]
    max_new_tokens: int
    timeout_s: float
    temperature: float
    json_schema: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not self.messages:
            raise InputError("There is no message for the language model: give it one.")
        if self.max_new_tokens < 1 or self.timeout_s <= 0 or self.temperature < 0:
            raise InputError("A language model needs max_new_tokens >= 1, timeout_s > 0 and temperature >= 0.")
        if self.json_schema is not None:
            require_known_keywords(self.json_schema)

    def body(self, model_id: str, limit_key: str, takes_temperature: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": model_id,
            "messages": [
                {"role": message.role, "content": without_lone_surrogates(message.content)} for message in self.messages
            ],
            "stream": True,
            limit_key: self.max_new_tokens,
        }
        if takes_temperature:
            body["temperature"] = self.temperature
        if self.json_schema is not None:
            described = {"name": "reply", "strict": True, "schema": dict(self.json_schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        return body


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None


class _Chunk(BaseModel):
    model_config = ConfigDict(strict=True)

    choices: list[_Choice] | None = None
    error: Any = None


def _checked_url(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.strip().rstrip("/"))
        url.host.encode("idna")  # as a connection does it, which refuses more than URL does
    except (httpx.InvalidURL, UnicodeError):
        url = httpx.URL()
    if url.port is not None and not 0 < url.port < 65_536:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        how = "such as http://127.0.0.1:8080/v1, without a name, a password or a question mark"
        raise ConfigurationError(f"RAG_LANGUAGE_MODEL_URL must be the address of a server, {how}: set it right.")
    path = url.path.removesuffix("/chat/completions").rstrip("/") or "/v1"
    return url.copy_with(path=f"{path}/chat/completions")


def _authorization(api_key: str | None) -> dict[str, str]:
    if api_key is None:
        return {}
    if not api_key.isascii() or not api_key.isprintable() or not api_key or api_key != api_key.strip():
        raise ConfigurationError("OPENAI_API_KEY holds characters that no key has: copy it anew.")
    return {"authorization": f"Bearer {api_key}"}


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bytes_in_time(response: httpx.Response, deadline: float) -> Iterator[bytes]:
    """Gives what comes; signs of life, which some servers send while the model thinks, do not put off the deadline."""
    try:
        with _hung_up_at(deadline, response):
            for part in response.iter_bytes():
                if time.monotonic() >= deadline:
                    break
                yield part
    except httpx.HTTPError:
        if time.monotonic() < deadline:
            raise
    if time.monotonic() >= deadline:
        raise httpx.ReadTimeout("the reply came too slowly")


@contextmanager
def _hung_up_at(deadline: float, response: httpx.Response) -> Iterator[None]:
    """Ends the connection then, also in the middle of a silence: httpx has a limit for each silence alone."""
    connection = response.extensions["network_stream"].get_extra_info("socket")
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _shut_down, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):  # it may be closed by now
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # TLS has a method of its own, which is not for threads


def _beginning(response: httpx.Response, deadline: float, max_bytes: int) -> bytes:
    """Gives what the server sent, if it is not more than that, and hangs up."""
    content = bytearray()
    try:
        for part in _bytes_in_time(response, deadline):
            content += part
            if len(content) > max_bytes:
                break
    finally:
        response.close()
    return bytes(content[:max_bytes])
