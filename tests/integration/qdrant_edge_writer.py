"""A program that writes batches to an index until it is stopped, and says after each how far it was acknowledged.

python -m tests.integration.qdrant_edge_writer PATH FIRST_BATCH N_BATCHES
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import numpy as np

from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex

COLLECTION = "article_chunks_embedded"
DIMENSION = 16
BATCH_POINTS = 40


def open_index(path: Path, mode: str = "write", **options: object) -> QdrantEdgeIndex:
    """Gives the index that all these tests use; small numbers, so that a small disk is enough."""
    asked = {"dimension": DIMENSION, "embedder": "e", "mode": mode, "min_free_bytes": 0, "shard_copies": 0.0, **options}
    return QdrantEdgeIndex(path, **asked)  # type: ignore[arg-type]


def batch(number: int) -> list[IndexPoint]:
    """Gives the points of a batch; their words and payloads name the batch."""
    rng = np.random.default_rng(number)
    return [
        IndexPoint(
            str(UUID(int=number * BATCH_POINTS + i)),
            {"author_id": "ada", "document_id": f"batch{number}", "text": "filler " * 100},
            rng.standard_normal(DIMENSION).astype(np.float32),
            f"common batch{number} point{i}",
        )
        for i in range(BATCH_POINTS)
    ]


def main(arguments: Sequence[str]) -> None:
    """Writes and reports; a Ctrl-C ends it as it ends any pipeline: by closing the index."""
    path, first, n_batches = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    index = open_index(path, purpose="the test's writer")
    print("open", flush=True)
    try:
        for number in range(first, first + n_batches):
            index.upsert(COLLECTION, batch(number))
            print(number, flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    finally:
        index.close()


if __name__ == "__main__":
    main(sys.argv[1:])
