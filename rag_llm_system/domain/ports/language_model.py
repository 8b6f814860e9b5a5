"""From messages to the text that a language model writes next."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a conversation. `system` says how to behave; `user` and `assistant` take turns after it."""

    role: Literal["system", "user", "assistant"]
    content: str


class LanguageModel(Protocol):
    """Writes the next message. Safe to use from several threads.

    Both methods raise the same errors; who can do without the model catches `RagError`:

    - InputError: there are no messages, or a limit or the schema cannot be used.
    - ContextOverflowError: the messages and what may be written are longer than the model's window.
    - ConfigurationError: the address, the key or the model's name is wrong.
    - BackendUnavailableError: the model is away or overloaded, did not answer in time, or was cut off.
    - BackendError: what it sent cannot be used.
    """

    @property
    def name(self) -> str:
        """What the model is called in logs and reports."""

    def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_new_tokens: int,
        timeout_s: float,
        json_schema: Mapping[str, Any] | None = None,
        temperature: float = 0.0,
    ) -> str:
        """Gives the whole message.

        Args:
            messages: at least one, the last one is answered.
            max_new_tokens: the message ends here at the latest, be it in the middle of a sentence.
            timeout_s: how long it may take.
            json_schema: the message is JSON that this schema describes, and has been checked against it. Keywords:
                type, properties, required, additionalProperties (false), items, minItems, maxItems, enum, and
                title, description and default, which are not checked. Some servers want all properties required
                and additionalProperties false.
            temperature: 0 takes the likeliest token each time; the higher, the more varied.
        """

    def stream(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_new_tokens: int,
        timeout_s: float,
        temperature: float = 0.0,
    ) -> Iterator[str]:
        """Gives the message piece by piece, none of them empty; closing the iterator cancels.

        Args:
            messages: see `complete`.
            max_new_tokens: see `complete`.
            timeout_s: how long all of it may take.
            temperature: see `complete`.
        """
