"""Removing an embedded index."""

from pathlib import Path
from uuid import UUID

import pytest

from rag_llm_system.domain.errors import IndexBusyError
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.draft import QdrantEdgeDraft
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.erasure import erase_index

LEDGER = "index_ledger"


def opened(path: Path, embedder: str = "e") -> QdrantEdgeDraft:
    return QdrantEdgeCatalogue(path, dimension=4, embedder=embedder, min_free_bytes=0).open_draft()


def test_an_erased_index_is_empty_and_may_be_made_by_another_recipe(tmp_path: Path) -> None:
    draft = opened(tmp_path)
    draft.upsert(LEDGER, [IndexPoint(str(UUID(int=1)), {})])
    draft.publish()
    opened(tmp_path).close()
    lock = (tmp_path / ".lock").stat().st_ino
    assert erase_index(tmp_path, purpose="a test") == ["generation 1", "draft"]

    # A lock file made anew would let two processes hold what each takes for the lock.
    files = sorted(entry.name for entry in tmp_path.rglob("*") if entry.is_file())
    assert files == [".catalogue.lock", ".lock", "catalogue.json"]
    assert (tmp_path / ".lock").stat().st_ino == lock
    again = opened(tmp_path, "another")
    assert again.count(LEDGER) == 0
    generation = again.publish()
    assert generation is not None
    assert generation.number == 2


def test_an_index_that_is_written_to_is_not_erased(tmp_path: Path) -> None:
    draft = opened(tmp_path)
    draft.upsert(LEDGER, [IndexPoint(str(UUID(int=1)), {})])
    with pytest.raises(IndexBusyError):
        erase_index(tmp_path, purpose="a test")

    assert draft.count(LEDGER) == 1
    draft.close()


def test_where_there_is_no_index_nothing_is_erased(tmp_path: Path) -> None:
    assert erase_index(tmp_path / "index", purpose="a test") == []
