"""Taking what is damaged out of an index directory."""

from collections.abc import Sequence
from pathlib import Path

from rag_llm_system.domain.errors import IntegrityError
from rag_llm_system.domain.generations import Repair
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.engine_errors import disk_error
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.erasure import DRAFT_NAME
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Catalogue, Generations
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.lock import IndexLock
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import MANIFEST_NAME, read_manifest
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import damaged_file, remove_tree
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.views import readers


def repair(path: Path) -> Repair:
    """Drops generations that are not as they were when they were completed.

    Where the live one was, the one before it is live then, or else the newest.

    A draft that cannot be read is removed. Nothing is embedded: what is missing afterwards the feature pipeline brings
    in again from the documents.

    Raises:
        IndexBusyError: another process writes to the index.
        BackendError: something cannot be removed.
    """
    lock = IndexLock(path, purpose="repairing the index")
    try:
        generations = Generations(path)
        was = _tidied(generations)
        damaged = {number: file for number in generations.numbers() if (file := _damage(generations, number))}
        intact = tuple(number for number in generations.numbers() if number not in damaged)
        was_lost = was is None or (was.live is not None and was.live not in intact)
        if was is None or was_lost:
            # The last number that was given is lost with the catalogue; what readers have open was given at any rate.
            last = max([was.last if was else 0, *generations.numbers(), *(one.generation for one in readers(path))])
            generations.rewrite(Catalogue(_successor(was, intact), None, last))
        for number in damaged:
            generations.drop(number)
        _remove_unreadable_draft(path)
        return Repair(intact, damaged, generations.catalogue().live, was_lost)
    except OSError as error:
        raise disk_error(error, f"cannot repair the index at {path}") from error
    finally:
        lock.release()


def _successor(was: Catalogue | None, intact: Sequence[int]) -> int | None:
    """Gives what was live before, as that was made by these settings; else the newest."""
    if was is not None and was.previous in intact:
        return was.previous
    return intact[-1] if intact else None


def _tidied(generations: Generations) -> Catalogue | None:
    """Gives the catalogue with what a process that died left half done completed; None where it is damaged."""
    try:
        generations.tidy()
        return generations.catalogue()
    except IntegrityError:
        return None


def _damage(generations: Generations, number: int) -> str | None:
    try:
        return damaged_file(generations.path_of(number), generations.manifest(number).checksums)
    except IntegrityError:
        return MANIFEST_NAME


def _remove_unreadable_draft(path: Path) -> None:
    draft = path / DRAFT_NAME
    if draft.exists():
        try:
            read_manifest(draft)
        except IntegrityError:
            remove_tree(draft)
