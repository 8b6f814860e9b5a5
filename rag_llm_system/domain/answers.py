"""Questions, passages, answers, citations."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was found for a question, as it is shown to an answer engine. `number` counts from 1."""

    number: int
    id: str
    text: str
    title: str
    link: str
    author_full_name: str = ""
    score: float = 0.0
    document_id: str = ""
    path: str = ""
    start: int = 0
    """Where `text` starts in the cleaned document, in characters."""
    similarity: float | None = None
    """Cosine similarity of the question and the passage's best window; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a passage, to the character: `passage.text[start:end] == text`."""

    passage_number: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """What an engine must keep to: at most `max_new_tokens` tokens, done `timeout_s` seconds after the start."""

    max_new_tokens: int = 150
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """A piece of an answer as an engine streams it. `refused` marks an answer that says the sources hold none.

    `notes` tell the reader what should be known of how the answer came about, one line each.
    """

    text: str
    quotes: tuple[Quote, ...] = ()
    refused: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote that was found, character by character, in the passage it is said to be from."""

    passage_number: int
    title: str
    link: str
    author_full_name: str
    quote: str
    document_id: str
    start: int
    end: int
    """Span of the quote in the cleaned document's text, in characters."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its proof. `timings_ms` maps each stage to milliseconds and holds `total`."""

    text: str
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    refused: bool
    notes: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)


REFUSAL = "The sources hold no answer to this question."
