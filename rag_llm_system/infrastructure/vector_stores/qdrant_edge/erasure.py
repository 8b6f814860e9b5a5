"""Removing an embedded index."""

import shutil
from pathlib import Path

from rag_llm_system.domain.collections import LEDGER_COLLECTION
from rag_llm_system.domain.errors import BackendError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.lock import LOCK_NAME, IndexLock


def erase_index(path: Path, *, purpose: str) -> list[str]:
    """Removes all that an index directory holds, and gives the names of it.

    The ledger goes first, so that it never says too much.

    Raises:
        IndexBusyError: another process holds the index.
        BackendError: something cannot be removed.
    """
    lock = IndexLock(path, purpose=purpose)
    try:
        held = [entry for entry in path.iterdir() if entry.name != LOCK_NAME]
        held.sort(key=lambda entry: (entry.name != LEDGER_COLLECTION, entry.name))
        for entry in held:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        return [entry.name for entry in held]
    except OSError as error:
        raise BackendError(f"cannot empty the index at {path} ({error.strerror}): check its owner") from error
    finally:
        lock.release()
