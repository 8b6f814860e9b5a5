"""The client of OpenAI-compatible servers, over real HTTP against a stand-in that does what servers do."""

import json
import re
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rag_llm_system.domain.errors import (
    BackendError,
    BackendUnavailableError,
    ConfigurationError,
    ContextOverflowError,
    InputError,
    RagError,
)
from rag_llm_system.domain.ports.language_model import ChatMessage, LanguageModel
from rag_llm_system.model.language_models.openai_compatible import OpenAICompatibleModel
from tests.chat_server import Received, Reply, chat_server, event, message, problem

KEY = "sk-never-to-be-seen"
SECRET = "the text of a document"
MESSAGES = [ChatMessage("system", "Answer in one word."), ChatMessage("user", SECRET)]
SCHEMA = {
    "type": "object",
    "properties": {"names": {"type": "array", "items": {"type": "string"}}},
    "required": ["names"],
    "additionalProperties": False,
}


def ask(url: str, **changes: Any) -> str:
    model = OpenAICompatibleModel(model_id="tiny", base_url=url, api_key=KEY)
    try:
        return model.complete(**{"messages": MESSAGES, "max_new_tokens": 9, "timeout_s": 5.0, **changes})
    finally:
        model.close()


def answer_to(*replies: Reply, **changes: Any) -> tuple[str, Received]:
    with chat_server(*replies) as (url, received):
        return ask(url, **changes), received


def error_of(*replies: Reply, **changes: Any) -> RagError:
    with chat_server(*replies) as (url, _), pytest.raises(RagError) as caught:
        ask(url, **changes)
    assert "\n" not in caught.value.message
    assert KEY not in caught.value.message
    assert SECRET not in caught.value.message
    return caught.value


def test_a_message_is_put_together_from_its_pieces() -> None:
    text, received = answer_to(message("Water", " boils", "."), temperature=0.5)
    assert text == "Water boils."
    assert received.paths == ["/v1/chat/completions"]
    assert received.keys == [f"Bearer {KEY}"]
    assert received.requests == [
        {
            "model": "tiny",
            "messages": [{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": SECRET}],
            "stream": True,
            "max_tokens": 9,
            "temperature": 0.5,
        }
    ]


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_the_address_may_be_written_in_several_ways(path: str) -> None:
    with chat_server(message("a")) as (url, received):
        ask(url + path)
    assert received.paths == ["/v1/chat/completions"]


def test_without_a_key_none_is_sent() -> None:
    with chat_server(message("a")) as (url, received):
        model = OpenAICompatibleModel(model_id="tiny", base_url=url)
        assert model.complete(MESSAGES, max_new_tokens=9, timeout_s=5) == "a"
        model.close()
    assert received.keys == [None]


def test_a_stream_gives_each_piece_when_it_comes() -> None:
    reply = Reply([event(None), event("first"), event("second")], pause_s=0.3)
    with chat_server(reply) as (url, _):
        model: LanguageModel = OpenAICompatibleModel(model_id="tiny", base_url=url)
        started = time.monotonic()
        assert next(iter(model.stream(MESSAGES, max_new_tokens=9, timeout_s=5))) == "first"
        assert time.monotonic() - started < 0.6


def test_closing_a_stream_hangs_up() -> None:
    with chat_server(Reply([event("on")] * 1000, pause_s=0.01)) as (url, received):
        model = OpenAICompatibleModel(model_id="tiny", base_url=url)
        pieces = model.stream(MESSAGES, max_new_tokens=9, timeout_s=30)
        assert next(pieces) == "on"
        pieces.close()  # type: ignore[attr-defined]
        assert received.client_left.wait(5)


def test_events_may_be_cut_anywhere_and_hold_any_character() -> None:
    pieces = ["a\u2028b\x85c", "\r\n\n", "🙂"]
    whole = b": a comment\n\n" + b"".join([*map(event, pieces), b"data: [DONE]\r\n\r\n"])
    text, _ = answer_to(Reply([whole[at : at + 1] for at in range(len(whole))]))
    assert text == "".join(pieces)


def test_a_server_that_does_not_stream_is_read_all_the_same() -> None:
    whole = {"choices": [{"message": {"role": "assistant", "content": "all"}, "finish_reason": "stop"}]}
    text, _ = answer_to(Reply([json.dumps(whole).encode()], content_type="application/json; charset=utf-8"))
    assert text == "all"


def test_text_that_utf_8_cannot_hold_and_control_characters_are_sent_somehow() -> None:
    _, received = answer_to(message("a"), messages=[ChatMessage("user", "\ud800 \x00 🙂")])
    assert received.requests[0]["messages"][0]["content"] == "\ufffd \x00 🙂"


def test_a_schema_is_asked_for_and_its_reply_checked() -> None:
    text, received = answer_to(message('{"names": ', '["Ada"]}'), json_schema=SCHEMA)
    assert json.loads(text) == {"names": ["Ada"]}
    described = {"name": "reply", "strict": True, "schema": SCHEMA}
    assert received.requests[0]["response_format"] == {"type": "json_schema", "json_schema": described}


@pytest.mark.parametrize("pieces", [[f"Sure! {SECRET}"], ['{"names": ["Ada"'], [f'{{"names": "{SECRET}"}}'], ["NaN"]])
def test_a_reply_that_does_not_keep_to_the_schema_is_refused(pieces: Sequence[str]) -> None:
    error = error_of(message(*pieces), json_schema=SCHEMA)
    assert type(error) is BackendError
    assert "JSON" in error.message


def test_a_model_that_knows_other_parameters_is_asked_again_in_its_way() -> None:
    refusals = [
        problem(400, code="unsupported_parameter", param="max_tokens", message="use max_completion_tokens"),
        problem(400, code="unsupported_value", param="temperature", message="only the default"),
    ]
    with chat_server(*refusals, message("a")) as (url, received):
        model = OpenAICompatibleModel(model_id="o", base_url=url)
        for _ in range(2):
            assert model.complete(MESSAGES, max_new_tokens=9, timeout_s=5) == "a"
        model.close()
    assert len(received.requests) == 4
    for request in received.requests[2:]:
        assert request["max_completion_tokens"] == 9
        assert not {"max_tokens", "temperature"} & set(request)


def test_a_server_that_refuses_every_parameter_is_not_asked_for_ever() -> None:
    error = error_of(problem(400, code="unsupported_parameter", param="max_tokens", message="no"))
    assert type(error) is BackendError


WINDOW = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (problem(401, message=f"Incorrect API key: {KEY}"), ConfigurationError, "OPENAI_API_KEY"),
        (problem(403, message="no"), ConfigurationError, "OPENAI_API_KEY"),
        (problem(404, message="no such model"), ConfigurationError, "OPENAI_MODEL_ID and RAG_LANGUAGE_MODEL_URL"),
        (Reply([b"<html>"], 405, "text/html"), ConfigurationError, "RAG_LANGUAGE_MODEL_URL"),
        (Reply([], 307, headers={"location": "http://127.0.0.1:1"}), ConfigurationError, "RAG_LANGUAGE_MODEL_URL"),
        (problem(429, message="slow down"), BackendUnavailableError, "429.*later"),
        (problem(429, code="insufficient_quota", message="pay"), BackendError, "quota"),
        (problem(503, message="Loading model"), BackendUnavailableError, "503.*later"),
        (Reply([b"\xff<html>"], 502, "text/html"), BackendUnavailableError, "502"),
        (problem(500, type="server_error", message=SECRET), BackendUnavailableError, "500, server_error"),
        (problem(422, message=SECRET, code=SECRET), BackendError, r"422\): its log"),
        (
            problem(400, type="exceed_context_size_error", n_prompt_tokens=5000, n_ctx=4096),
            ContextOverflowError,
            "5000",
        ),
        (problem(400, code="context_length_exceeded", message=WINDOW), ContextOverflowError, "4096.*5000"),
        (problem(400, code=400, message=WINDOW), ContextOverflowError, "4096.*5000 tokens are asked"),
        (Reply([b'{"error": "model is bad"}'], 400, "application/json"), BackendError, "400"),
        (Reply([b"[" * 100_000], 400, "application/json"), BackendError, "400"),
        (problem(400, message=f"context length {'9' * 5000}"), BackendError, "400"),
        (problem(400, message=f"{WINDOW}, {'9' * 5000} tokens"), ContextOverflowError, "4096.*5000"),
    ],
)
def test_every_refusal_becomes_a_line_that_says_what_to_do(reply: Reply, kind: type[RagError], says: str) -> None:
    error = error_of(reply)
    assert type(error) is kind
    assert re.search(says, error.message), error.message


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ([event("half")], BackendUnavailableError),
        ([event("half"), b"data: {"], BackendUnavailableError),
        ([], BackendUnavailableError),
        ([b"<html>a web page</html>\n"], BackendUnavailableError),
        ([b"data: <html>\n\n"], BackendError),
        ([b'data: {"choices": 7}\n\n'], BackendError),
        ([b'data: {"choices": [{"delta": {"content": 7}}]}\n\n'], BackendError),
        ([event("half"), b'data: {"error": {"code": 500, "message": "grammar"}}\n\n'], BackendUnavailableError),
        ([b'data: {"error": {"type": "exceed", "n_prompt_tokens": 9, "n_ctx": 8}}\n\n'], ContextOverflowError),
        ([event("half"), b'data: {"error": "out of memory"}\n\n'], BackendUnavailableError),
        ([event(None, "length")], BackendError),
        ([event("half"), event(None, "content_filter")], BackendError),
    ],
)
def test_a_reply_that_is_cut_or_garbage_is_an_error_and_no_answer(parts: list[bytes], kind: type[RagError]) -> None:
    assert type(error_of(Reply(parts))) is kind


def test_a_reply_without_end_is_stopped() -> None:
    error = error_of(Reply([b"data: {" + b" " * 1_000_000] * 9))
    assert type(error) is BackendError
    assert "larger" in error.message


def test_a_connection_that_breaks_after_the_last_word_harms_no_one() -> None:
    whole = [event("all"), event(None, "stop")]
    text, _ = answer_to(Reply(whole, headers={"content-length": "9999"}))
    assert text == "all"


@pytest.mark.parametrize("parts", [[event("on")] * 1000, [event("on"), b"", event("on")], [b": alive\n\n"] * 1000])
def test_a_slow_or_silent_server_is_given_up_in_time(parts: list[bytes]) -> None:
    started = time.monotonic()
    pause_s = 0.01 if len(parts) > 3 else 3.0
    error = error_of(Reply(parts, pause_s=pause_s), timeout_s=0.3)
    assert type(error) is BackendUnavailableError
    assert "in time" in error.message
    assert time.monotonic() - started < 1.5


def test_a_server_that_falls_silent_late_is_given_up_at_the_same_moment() -> None:
    started = time.monotonic()
    error = error_of(Reply([event("on"), event("on"), event("on")], pause_s=0.7), timeout_s=1.0)
    assert "in time" in error.message
    assert time.monotonic() - started < 1.35


def test_a_server_that_is_away_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(BackendUnavailableError, match=rf"127\.0\.0\.1:{port} cannot be reached: start it"):
        ask(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "url",
    [
        "", "localhost:8080", "ftp://a/b", "http://", "http://me:sesame@host/v1", "http://a/?b=c", "http://..",
        "http://xn--zzz---.com", "http://127.0.0.1:99999", "http://127.0.0.1:0", "http://" + "a" * 70,
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="RAG_LANGUAGE_MODEL_URL") as caught:
        OpenAICompatibleModel(model_id="m", base_url=url)
    assert "sesame" not in caught.value.message


@pytest.mark.parametrize("key", ["", "sk \n", "sk-é", "a\nb", "\x00"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY holds") as caught:
        OpenAICompatibleModel(model_id="m", base_url="http://127.0.0.1:1", api_key=key)
    assert not key.strip() or key not in caught.value.message


@pytest.mark.parametrize(
    "changes",
    [{"messages": []}, {"max_new_tokens": 0}, {"timeout_s": 0}, {"temperature": -1}, {"json_schema": {"$ref": "#"}}],
)
def test_a_request_that_makes_no_sense_is_not_sent(changes: dict[str, Any]) -> None:
    with chat_server(message("a")) as (url, received), pytest.raises(InputError):
        ask(url, **changes)
    assert received.requests == []


def test_threads_share_one_model() -> None:
    with chat_server(message("a", "b")) as (url, received):
        model = OpenAICompatibleModel(model_id="m", base_url=url)

        def complete(_: int) -> str:
            return model.complete(MESSAGES, max_new_tokens=9, timeout_s=5)

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(complete, range(32))) == {"ab"}
        model.close()
    assert len(received.requests) == 32
