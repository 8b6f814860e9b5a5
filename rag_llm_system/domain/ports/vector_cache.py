"""Vectors that were made before, so that no text is embedded twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CacheSize:
    """How many vectors a cache holds, and the room that its files take."""

    n_vectors: int
    size_bytes: int


class VectorCache(Protocol):
    """Vectors by key: 32 bytes that stand for all that a vector depends on (`application/wrappers/cached.py`).

    Whatever happens to a cache stops nobody: what cannot be read is not there, what cannot be kept is not kept, and a
    line in the log says so. It gives a vector as it was put, or not at all. Erasing alone is a promise, and raises
    where it cannot be kept. Safe to use from several threads and processes.
    """

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Gives the vectors that are there, float32, shape (dimension,), read-only; no keys find nothing."""

    def put(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keeps the vectors, in place of others of the same keys; what was used least lately makes room for them."""

    def erase(self, keys: Sequence[bytes]) -> int:
        """Removes the vectors of these keys, says how many there were, and leaves no byte of them in the files.

        Raises:
            BackendError: it cannot be done now, for want of free space for instance; asking again is allowed.
        """

    def clear(self) -> int:
        """Removes all vectors, says how many there were, and leaves no byte of them in the files.

        Raises:
            BackendError: it cannot be done now; asking again is allowed.
        """

    def size(self) -> CacheSize:
        """Says how much there is; a cache that cannot be read has no vectors."""

    def close(self) -> None:
        """Lets go of the files; closing twice is allowed, and the cache finds and keeps nothing afterwards."""
