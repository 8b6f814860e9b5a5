"""Removing an embedded index."""

from pathlib import Path
from uuid import UUID

import pytest

from rag_llm_system.domain.errors import IndexBusyError
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.erasure import erase_index

LEDGER = "index_ledger"


def opened(path: Path, embedder: str = "e") -> QdrantEdgeIndex:
    return QdrantEdgeIndex(path, dimension=4, embedder=embedder, mode="write", min_free_bytes=0)


def test_an_erased_index_is_empty_and_may_be_made_by_another_recipe(tmp_path: Path) -> None:
    index = opened(tmp_path)
    index.upsert(LEDGER, [IndexPoint(str(UUID(int=1)), {})])
    index.close()
    lock = (tmp_path / ".lock").stat().st_ino
    assert erase_index(tmp_path, purpose="a test") == [LEDGER, "manifest.json"]

    # A lock file made anew would let two processes hold what each takes for the lock.
    assert [entry.name for entry in tmp_path.iterdir()] == [".lock"]
    assert (tmp_path / ".lock").stat().st_ino == lock
    again = opened(tmp_path, "another")
    assert again.count(LEDGER) == 0
    again.close()


def test_an_index_in_use_is_not_erased(tmp_path: Path) -> None:
    index = opened(tmp_path)
    index.upsert(LEDGER, [IndexPoint(str(UUID(int=1)), {})])
    with pytest.raises(IndexBusyError):
        erase_index(tmp_path, purpose="a test")

    assert index.count(LEDGER) == 1
    index.close()


def test_where_there_is_no_index_nothing_is_erased(tmp_path: Path) -> None:
    assert erase_index(tmp_path / "index", purpose="a test") == []

    assert [entry.name for entry in (tmp_path / "index").iterdir()] == [".lock"]
