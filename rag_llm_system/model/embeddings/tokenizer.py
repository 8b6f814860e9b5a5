"""The embedder's tokens, from the tokenizer.json of its folder."""

import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.errors import IntegrityError
from rag_llm_system.model.embeddings.weights import TOKENIZER_FILE

if TYPE_CHECKING:
    from tokenizers import Encoding

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class HuggingFaceTokenizer:
    """A `Tokenizer` port over the library tokenizers. Texts are taken one after the other, on the caller's thread.

    The truncation and padding that the file asks for are switched off once, here; nothing changes the tokenizer
    afterwards, so threads may share it.

    Args:
        weights_dir: the folder that holds tokenizer.json.

    Raises:
        IntegrityError: the file is missing or damaged.
    """

    def __init__(self, weights_dir: Path) -> None:
        from tokenizers import Tokenizer

        path = weights_dir / TOKENIZER_FILE
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise IntegrityError(f"{path} is missing or damaged; get the model folder anew") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.n_special_tokens: int = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        """How many special tokens the model wants around a text."""
        self.n_special_tokens_of_pair: int = self._tokenizer.num_special_tokens_to_add(is_pair=True)
        """How many it wants around and between two texts."""

    def encode_with_offsets(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """See the port; offsets count Python characters of the text as it was given."""
        return [_spans(self._encode(text, special_tokens=False)) for text in texts]

    def token_ids(self, text: str) -> list[int]:
        """Gives what the model reads: the ids of all tokens, the special ones included."""
        ids: list[int] = self._encode(text, special_tokens=True).ids
        return ids

    def pair_ids(self, first: str, second: str) -> tuple[list[int], list[int]]:
        """Gives what the model reads of two texts: the ids of all tokens, and 0 or 1 for the text each belongs to."""
        first, second = without_lone_surrogates(first), without_lone_surrogates(second)
        encoding = self._tokenizer.encode(first, second)
        return encoding.ids, encoding.type_ids

    def count(self, text: str) -> int:
        """Counts the tokens without the special ones."""
        return len(self._encode(text, special_tokens=False))

    def _encode(self, text: str, *, special_tokens: bool) -> "Encoding":
        try:
            return self._tokenizer.encode(text, add_special_tokens=special_tokens)
        except (TypeError, UnicodeEncodeError):  # which of the two depends on the release
            return self._tokenizer.encode(without_lone_surrogates(text), add_special_tokens=special_tokens)


def without_lone_surrogates(text: str) -> str:
    """Gives the text with U+FFFD for each half of a surrogate pair, which UTF-8 cannot hold; no position changes."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def _spans(encoding: "Encoding") -> NDArray[np.int32]:
    numbers = chain.from_iterable(encoding.offsets)
    return np.fromiter(numbers, np.int32, count=2 * len(encoding)).reshape(-1, 2)
