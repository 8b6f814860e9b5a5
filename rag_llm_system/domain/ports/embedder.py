"""From text to numbers."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Tokenizer(Protocol):
    """Cuts text into the embedder's tokens. Safe to use from several threads."""

    def encode_with_offsets(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Gives for each text an array of shape (n_tokens, 2): the character span [start, end) of every token,
        without special tokens, never truncated."""


class Embedder(Protocol):
    """Gives vectors whose dot product is the cosine similarity of the texts. Safe to use from several threads."""

    @property
    def dimension(self) -> int:
        """The number of components of a vector."""

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that are read at once, special tokens not counted."""

    @property
    def fingerprint(self) -> str:
        """Names model and precision; vectors are comparable where fingerprints are equal."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Gives float32, shape (n_texts, dimension), rows L2-normalised, in the order of the texts.

        Shape (0, dimension) for no texts. Of a text with more than `max_tokens` nothing is cut off: it is read in
        parts, and its row is their mean.
        """
