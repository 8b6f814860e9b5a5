"""A program that writes batches to a draft until it is stopped, and says after each how far it was acknowledged.

python -m tests.integration.qdrant_edge_writer PATH FIRST_BATCH N_BATCHES
"""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psutil

from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.draft import QdrantEdgeDraft

COLLECTION = "article_chunks_embedded"
DIMENSION = 16
BATCH_POINTS = 40
_RECIPE: dict[str, Any] = {"dimension": DIMENSION, "embedder": "e"}


def catalogue_of(path: Path, **options: Any) -> QdrantEdgeCatalogue:
    """Gives the generations that all these tests use; small numbers, so that a small disk is enough."""
    return QdrantEdgeCatalogue(path, **{**_RECIPE, "min_free_bytes": 0, "shard_copies": 0.0, **options})


def open_draft(path: Path, *, fresh: bool = False, **options: Any) -> QdrantEdgeDraft:
    """Gives the draft of the index."""
    return catalogue_of(path, **options).open_draft(fresh=fresh)


def open_index(path: Path, **options: Any) -> QdrantEdgeIndex:
    """Gives the index to be read."""
    return QdrantEdgeIndex(path, **{**_RECIPE, "poll_s": 0.02, "min_free_bytes": 0, **options})


def publish_batches(path: Path, *numbers: int, **options: Any) -> int:
    """Makes a generation that holds the live one and these batches, and gives its number."""
    draft = open_draft(path, **options)
    for number in numbers:
        draft.upsert(COLLECTION, batch(number))
    generation = draft.publish()
    assert generation is not None
    return generation.number


def workers_of(path: Path, pid: int | None = None) -> list[psutil.Process]:
    """Gives the children of a process (None: this one) that have that index open; other tests may leave others."""
    found = []
    for child in psutil.Process(pid).children():
        with suppress(psutil.Error):
            if any(file.path.startswith(str(path)) for file in child.open_files()):
                found.append(child)
    return found


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
    """Writes and reports; a Ctrl-C ends it as it ends any pipeline: by closing the draft, which is kept."""
    path, first, n_batches = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    draft = open_draft(path, purpose="the test's writer")
    print("open", flush=True)
    try:
        for number in range(first, first + n_batches):
            draft.upsert(COLLECTION, batch(number))
            print(number, flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    finally:
        draft.close()


if __name__ == "__main__":
    main(sys.argv[1:])
