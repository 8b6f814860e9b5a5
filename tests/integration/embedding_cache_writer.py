"""A program that puts vectors into a cache until it is stopped, and says after each call how many there were.

python -m tests.integration.embedding_cache_writer PATH FIRST N_CALLS
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.infrastructure.caches.sqlite_vectors import SqliteVectorCache

PER_CALL = 20


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def vectors(first: int) -> dict[bytes, NDArray[np.float32]]:
    """Gives the vectors of a call; each is made of its number."""
    return {key(n): np.full(384, n, np.float32) for n in range(first, first + PER_CALL)}


def main(arguments: Sequence[str]) -> None:
    path, first, n_calls = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    cache = SqliteVectorCache(path, min_free_bytes=0)
    for call in range(n_calls):
        cache.put(vectors(first + call * PER_CALL))
        print((call + 1) * PER_CALL, flush=True)
    cache.close()


if __name__ == "__main__":
    main(sys.argv[1:])
