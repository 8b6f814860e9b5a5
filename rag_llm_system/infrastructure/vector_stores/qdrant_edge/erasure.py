"""Removing an embedded index."""

from pathlib import Path

from rag_llm_system.domain.errors import BackendError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.lock import IndexLock
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import remove_tree

DRAFT_NAME = "draft"


def erase_index(path: Path, *, purpose: str) -> list[str]:
    """Removes all generations of an index directory and its draft, and gives their names.

    Readers find an empty index from then on.

    Raises:
        IndexBusyError: another process writes to the index.
        BackendError: something cannot be removed.
    """
    lock = IndexLock(path, purpose=purpose)
    try:
        draft = [DRAFT_NAME] if (path / DRAFT_NAME).exists() else []
        remove_tree(path / DRAFT_NAME)
        return [*Generations(path).forget_all(), *draft]
    except OSError as error:
        raise BackendError(f"cannot empty the index at {path} ({error.strerror}): check its owner") from error
    finally:
        lock.release()
