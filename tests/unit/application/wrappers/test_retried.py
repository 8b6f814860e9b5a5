"""A language model is asked again when that may help, and only then."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from rag_llm_system.application.wrappers.retried import RetriedLanguageModel
from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, ConfigurationError, RagError
from rag_llm_system.domain.ports.language_model import ChatMessage, LanguageModel

MESSAGES = [ChatMessage("user", "hello")]
AWAY = BackendUnavailableError("away: start it")


class ScriptedModel:
    """Does what the script says, one entry an attempt; errors are raised, also in the middle."""

    name = "scripted"

    def __init__(self, *script: Sequence[str | RagError]) -> None:
        self.script = list(script)
        self.timeouts_s: list[float] = []
        self.n_closed = 0

    def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_new_tokens: int,
        timeout_s: float,
        json_schema: Mapping[str, Any] | None = None,
        temperature: float = 0.0,
    ) -> str:
        return "".join(self.stream(messages, max_new_tokens=max_new_tokens, timeout_s=timeout_s))

    def stream(
        self, messages: Sequence[ChatMessage], *, max_new_tokens: int, timeout_s: float, temperature: float = 0.0
    ) -> Iterator[str]:
        self.timeouts_s.append(timeout_s)
        try:
            for entry in self.script.pop(0):
                if isinstance(entry, RagError):
                    raise entry
                yield entry
        finally:
            self.n_closed += 1


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def retried(model: ScriptedModel) -> LanguageModel:
    clock = Clock()
    return RetriedLanguageModel(model, n_attempts=3, pause_s=0.5, clock=clock, sleep=clock.sleep)


def complete(model: ScriptedModel, timeout_s: float = 10.0) -> str:
    return retried(model).complete(MESSAGES, max_new_tokens=9, timeout_s=timeout_s)


def test_a_failure_that_passes_is_not_seen() -> None:
    model = ScriptedModel([AWAY], ["half", AWAY], ["whole"])
    assert complete(model) == "whole"
    assert model.timeouts_s == [10.0, 9.5, 8.5]


def test_a_failure_that_stays_is_raised_after_the_last_attempt() -> None:
    model = ScriptedModel([AWAY], [AWAY], [AWAY], ["never asked for"])
    with pytest.raises(BackendUnavailableError, match="away"):
        complete(model)
    assert len(model.timeouts_s) == 3


@pytest.mark.parametrize("error", [BackendError("garbage: look"), ConfigurationError("wrong key: set it")])
def test_a_failure_that_will_not_pass_is_raised_at_once(error: RagError) -> None:
    model = ScriptedModel([error], ["never asked for"])
    with pytest.raises(type(error)):
        complete(model)
    assert len(model.timeouts_s) == 1


def test_there_is_no_further_attempt_without_time_for_it() -> None:
    model = ScriptedModel([AWAY], ["never asked for"])
    with pytest.raises(BackendUnavailableError):
        complete(model, timeout_s=0.5)
    assert len(model.timeouts_s) == 1


def test_a_pause_that_lasts_longer_than_asked_for_ends_in_the_error_that_led_to_it() -> None:
    model, clock = ScriptedModel([AWAY], ["never asked for"]), Clock()
    again = RetriedLanguageModel(model, pause_s=0.5, clock=clock, sleep=lambda seconds: clock.sleep(2 * seconds))
    with pytest.raises(BackendUnavailableError, match="away"):
        again.complete(MESSAGES, max_new_tokens=9, timeout_s=0.9)
    assert len(model.timeouts_s) == 1


def test_a_stream_begins_anew_only_before_its_first_piece() -> None:
    model = ScriptedModel([AWAY], ["first", "second", AWAY], ["never asked for"])
    pieces = retried(model).stream(MESSAGES, max_new_tokens=9, timeout_s=10)
    assert [next(pieces), next(pieces)] == ["first", "second"]
    with pytest.raises(BackendUnavailableError):
        next(pieces)
    assert len(model.timeouts_s) == 2


def test_an_empty_stream_is_given_as_it_is() -> None:
    assert list(retried(ScriptedModel([])).stream(MESSAGES, max_new_tokens=9, timeout_s=10)) == []


def test_closing_the_stream_closes_that_of_the_model() -> None:
    model = ScriptedModel(["first", "second"])
    pieces = retried(model).stream(MESSAGES, max_new_tokens=9, timeout_s=10)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert model.n_closed == 1
