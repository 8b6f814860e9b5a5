"""What was asked and answered before."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and the answer that it got; a refusal is an answer too."""

    question: str
    answer: str = ""
