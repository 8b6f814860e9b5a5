"""From a draft that is no longer written to, to a complete directory."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import (
    read_manifest,
    write_manifest,
)
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.shards import LINKED
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import checksums, fsync_tree, remove_tree


def seal(path: Path) -> None:
    """Puts what was linked beside what was written, makes all durable, and writes the checksums down.

    From its first step on the directory must not be written to as a draft: what was linked would change in the
    generation that it comes from. `Manifest.completing` says so. Done twice, it changes nothing.

    Raises:
        OSError: it cannot be written.
    """
    manifest = read_manifest(path)
    for linked in sorted((path / LINKED).glob("*")):
        if not (path / linked.name).exists():
            linked.rename(path / linked.name)
    remove_tree(path / LINKED)
    for leftover in (*path.glob(".*.new"), *path.glob(".*.removed")):
        remove_tree(leftover)
    fsync_tree(path)
    sums = {name: checksum for name, checksum in checksums(path).items() if "/" in name}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    write_manifest(path, replace(manifest, fresh=False, base=None, created_at=now, checksums=sums))
