"""An answer engine that has a second one to fall back to."""

import threading
from collections.abc import Iterator, Sequence

from loguru import logger

from rag_llm_system.domain.answers import AnswerDelta, AnswerLimits, Passage
from rag_llm_system.domain.errors import BackendUnavailableError
from rag_llm_system.domain.ports.answer_engine import AnswerEngine


class FallbackEngine:
    """Asks the first engine, and the second where the first is away before it has said anything; see `AnswerEngine`.

    An engine that fails in the middle of an answer fails the answer: two halves by two engines would be none. The
    answers of the second engine say so in a note. An outage is logged when it begins and when it ends.

    Args:
        primary: asked first, at every question.
        secondary: asked while the first one is away.
    """

    def __init__(self, primary: AnswerEngine, secondary: AnswerEngine) -> None:
        self._primary = primary
        self._secondary = secondary
        self._is_away = False
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Both names, the first engine's first."""
        return f"{self._primary.name}+{self._secondary.name}"

    def stream(self, question: str, passages: Sequence[Passage], limits: AnswerLimits) -> Iterator[AnswerDelta]:
        """Gives the answer of the first engine that is there.

        Raises:
            InputError: the question is blank.
            BackendUnavailableError: the first engine broke off, or both are away.
        """
        deltas = iter(self._primary.stream(question, passages, limits))
        try:
            first = next(deltas, None)
        except BackendUnavailableError as error:
            self._note_outage()
            yield AnswerDelta("", notes=(f"{error.message} The answer is by '{self._secondary.name}' instead.",))
            yield from self._secondary.stream(question, passages, limits)
            return
        self._note_recovery()
        if first is not None:
            yield first
        yield from deltas

    def _note_outage(self) -> None:
        with self._lock:
            is_new, self._is_away = not self._is_away, True
        if is_new:
            logger.warning("engine_away engine={} fallback={}", self._primary.name, self._secondary.name)

    def _note_recovery(self) -> None:
        with self._lock:
            was_away, self._is_away = self._is_away, False
        if was_away:
            logger.info("engine_back engine={}", self._primary.name)
