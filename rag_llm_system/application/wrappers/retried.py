"""A language model that is asked again when asking again may help."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, TypeVar

from loguru import logger

from rag_llm_system.domain.errors import BackendError
from rag_llm_system.domain.ports.language_model import ChatMessage, LanguageModel

_T = TypeVar("_T")


class RetriedLanguageModel:
    """Asks again after a failure that may pass, within the time of the one request; see `LanguageModel`.

    Asking twice changes nothing but the time and, at servers that charge, the price. A stream is begun anew only as
    long as none of it has been given: two halves of two replies would be none.

    Args:
        model: the model to ask.
        n_attempts: how often it is asked at most.
        pause_s: before the second attempt; doubled before each further one.
        clock: gives seconds.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        n_attempts: int = 3,
        pause_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._model = model
        self._n_attempts = n_attempts
        self._pause_s = pause_s
        self._clock = clock
        self._sleep = sleep

    @property
    def name(self) -> str:
        return self._model.name

    def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_new_tokens: int,
        timeout_s: float,
        json_schema: Mapping[str, Any] | None = None,
        temperature: float = 0.0,
    ) -> str:
        """See the port."""

        def ask(left_s: float) -> str:
            return self._model.complete(
                messages,
                max_new_tokens=max_new_tokens,
                timeout_s=left_s,
                json_schema=json_schema,
                temperature=temperature,
            )

        return self._first_success(ask, timeout_s)

    def stream(
        self, messages: Sequence[ChatMessage], *, max_new_tokens: int, timeout_s: float, temperature: float = 0.0
    ) -> Iterator[str]:
        """See the port."""

        def begin(left_s: float) -> tuple[str | None, Iterator[str]]:
            pieces = self._model.stream(
                messages, max_new_tokens=max_new_tokens, timeout_s=left_s, temperature=temperature
            )
            return next(pieces, None), pieces

        first, rest = self._first_success(begin, timeout_s)
        if first is not None:
            yield first
        yield from rest

    def _first_success(self, ask: Callable[[float], _T], timeout_s: float) -> _T:
        """Gives what `ask` gives for the seconds that are left, asked again while that may help."""
        deadline = self._clock() + timeout_s
        left_s = timeout_s
        for attempt in count(1):
            try:
                return ask(left_s)
            except BackendError as error:
                pause_s = self._pause_s * 2 ** (attempt - 1)
                if not error.retryable or attempt >= self._n_attempts or self._clock() + pause_s >= deadline:
                    raise
                self._sleep(pause_s)
                left_s = deadline - self._clock()
                if left_s <= 0:  # a pause may last longer than was asked for
                    raise
                logger.info("language_model_asked_again model={} attempt={}", self.name, attempt + 1)
        raise AssertionError  # count never ends
