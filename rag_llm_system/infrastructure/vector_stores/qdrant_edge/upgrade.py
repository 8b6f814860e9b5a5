"""From the directory of the first format, in which the one index lay open, to generations."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import qdrant_edge as edge
from loguru import logger

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import IntegrityError
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.vector_stores.qdrant_edge import requests
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.draft import QdrantEdgeDraft
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.engine_errors import disk_error, engine_errors
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.lock import IndexLock
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import MANIFEST_NAME, REBUILD
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe

_PAGE_POINTS = 500
_ADVICE = f"remove its {MANIFEST_NAME} and {REBUILD}"


def adopt_format_1(path: Path) -> int | None:
    """Makes an index of the first format a generation, the live one, without embedding anything; gives its number.

    None where there is no index of that format. One that was killed half way is completed when it is run again; the old
    files go last.

    Raises:
        IndexBusyError: another process has the index open.
        IntegrityError: the old index is damaged.
        DiskFullError: there is no room for the new files beside the old ones.
    """
    try:
        recipe = asdict(Recipe(**json.loads((path / MANIFEST_NAME).read_bytes())["recipe"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"the manifest of the index at {path} is damaged: {_ADVICE}") from error
    if Generations(path).catalogue().live is None:
        catalogue = QdrantEdgeCatalogue(path, **recipe, purpose="upgrading the index")
        draft = catalogue.open_draft(fresh=True)
        try:
            for name in COLLECTIONS:
                _copy(path / name, name, draft)
            draft.publish()
        finally:
            draft.close()
    _remove_old(path)
    logger.info("index_upgraded format=2")
    return Generations(path).catalogue().live


def _copy(old: Path, name: str, draft: QdrantEdgeDraft) -> None:
    if not old.is_dir():
        return
    with engine_errors(f"{name} of the index at {old.parent} cannot be read", IntegrityError, _ADVICE):
        shard = edge.EdgeShard.load(str(old))
        points = _points(shard, name)
        while page := list(islice(points, _PAGE_POINTS)):
            draft.upsert(name, page)
        n_points = shard.info().points_count
        shard.close()
    if draft.count(name) != n_points:
        raise IntegrityError(f"{name} has {n_points} points, {draft.count(name)} were read of them: {_ADVICE}")


def _points(shard: edge.EdgeShard, name: str) -> Iterator[IndexPoint]:
    start: Any = None
    while True:
        page, start = shard.scroll(
            edge.ScrollRequest(offset=start, limit=_PAGE_POINTS, with_payload=True, with_vector=True)
        )
        yield from (requests.whole_point(record, COLLECTIONS[name]) for record in page)
        if start is None:
            return


def _remove_old(path: Path) -> None:
    lock = IndexLock(path, purpose="upgrading the index")
    try:
        for name in COLLECTIONS:
            shutil.rmtree(path / name, ignore_errors=True)
        (path / MANIFEST_NAME).unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(error, f"cannot remove the old index at {path}") from error
    finally:
        lock.release()
