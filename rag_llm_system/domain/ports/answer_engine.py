"""From a question and passages to an answer."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from rag_llm_system.domain.answers import AnswerDelta, AnswerLimits, Passage


class AnswerEngine(Protocol):
    """Answers from the passages alone. Safe to use from several threads."""

    @property
    def name(self) -> str:
        """What the engine is called in settings, responses and logs."""

    def stream(self, question: str, passages: Sequence[Passage], limits: AnswerLimits) -> Iterator[AnswerDelta]:
        """Gives the answer piece by piece; closing the iterator cancels. With no passages it refuses.

        Raises:
            InputError: the question is blank.
            BackendUnavailableError: the engine, or the server that runs it, is away.
        """
