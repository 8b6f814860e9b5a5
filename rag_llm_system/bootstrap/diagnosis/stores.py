"""What is kept: the home folder, documents, the embedder, the index. What is not there yet is not made."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from rag_llm_system.application.diagnosis.findings import Finding, fail, info, ok, warn
from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.embedding import open_embedder
from rag_llm_system.bootstrap.models import model_weights, models_folder
from rag_llm_system.bootstrap.vector_index import open_index
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import NotFoundError, RagError
from rag_llm_system.settings import MB, Settings

_GB = 1e9
_SERVER_TIMEOUT_S = 5.0
_COPIES_OF_THE_INDEX = 2
"""Optimising writes a collection anew, so the index must fit into the free space twice."""


class _NotPreparedError(Exception):
    """The embedder would have to be built now."""


def home(settings: Settings) -> Finding:
    """Says where all state is, whether it can be written, and whether the disk has room."""
    folder = settings.home
    there = _nearest_that_exists(folder)
    n_free = shutil.disk_usage(there).free
    n_needed = settings.rag_min_free_mb * MB + _COPIES_OF_THE_INDEX * _disk_bytes(folder / "index")
    found = f"{folder}, {n_free / _GB:.1f} GB free, {n_needed / _GB:.1f} GB needed to index"
    if not there.is_dir():
        return fail(f"{there} is a file", "set RAG_HOME to a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        return fail(f"{there} cannot be written", "make it writable, or set RAG_HOME to a folder that is")
    if n_free < n_needed:
        return fail(found, "make room on that disk, or set RAG_HOME to a folder on another")
    if not folder.exists():
        return info(f"{found}; not there yet", "run ./poe quickstart")
    return ok(found)


def documents(settings: Settings) -> Finding:
    """Counts the documents by category."""
    kind = _kind_of_store(settings)
    quick = {"rag_database_timeout_s": min(settings.rag_database_timeout_s, _SERVER_TIMEOUT_S)}
    try:
        with open_document_store(settings.model_copy(update=quick), create=False) as store:
            counts = {category: store.count(category) for category in Category}
            n_authors = len(store.users())
    except NotFoundError:
        return info(f"none yet ({kind})")
    if not any(counts.values()):
        return info(f"none yet ({kind})")
    return ok(f"{_counted(counts)} by {n_authors} {'author' if n_authors == 1 else 'authors'} ({kind})")


def embedder(settings: Settings) -> Finding:
    """Checks the weights, and embeds a text where the embedder is prepared."""
    started = time.perf_counter()
    opened, _ = open_embedder(_without_download(settings), _refuse)
    name = f"{opened.fingerprint}, {opened.dimension} dimensions"
    not_prepared = info(f"{name}; weights are there, prepared at first use")
    needs_torch = settings.embed_backend == "torch"
    if not needs_torch and not any(models_folder(settings).glob(f"*-{settings.rag_embed_precision}-v*/model.onnx")):
        return not_prepared
    try:
        vectors = opened.embed(["Is the embedder there?"])
    except _NotPreparedError:
        return not_prepared
    length = float(np.linalg.norm(vectors))
    if vectors.shape != (1, opened.dimension) or not abs(length - 1) < 1e-3:
        what = f"{name}; a vector came out with shape {vectors.shape} and length {length:.3f}"
        return fail(what, f"delete {models_folder(settings)}, it is made anew; where that does not help, report it")
    return ok(f"{name}, loaded in {time.perf_counter() - started:.1f} s")


def reranker(settings: Settings) -> Finding:
    """Says whether the cross-encoder's weights are there."""
    weights = model_weights(_without_download(settings), settings.reranking_cross_encoder_model_id, _refuse)
    return ok(f"{settings.reranking_cross_encoder_model_id}, weights in {weights}")


def index(settings: Settings) -> Finding:
    """Opens the index as the main API would, which compares it with the settings, and counts its windows."""
    on_server = settings.use_qdrant_cloud or bool(settings.qdrant_database_host)
    kind = "Qdrant server" if on_server else "embedded"
    if not on_server and not (settings.home / "index" / "catalogue.json").exists():
        return info(f"none yet ({kind})")
    try:
        opened, _ = open_embedder(_without_download(settings), _refuse)
    except RagError:
        return warn("not looked at: it cannot be opened without the embedder", "see to the embedder first")
    quick = {"rag_qdrant_timeout_s": min(settings.rag_qdrant_timeout_s, _SERVER_TIMEOUT_S)}
    with open_index(settings.model_copy(update=quick), opened) as vectors:
        counts = {category: vectors.count(name) for category, name in CHUNK_COLLECTIONS.items()}
    if not any(counts.values()):
        return info(f"empty ({kind})", "run ./poe run-feature-engineering-pipeline")
    return ok(f"{sum(counts.values())} windows: {_counted(counts)}; fits the settings ({kind})")


def _nearest_that_exists(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _disk_bytes(folder: Path) -> int:
    """Gives the space that the files below take on the disk, holes not counted; 0 where there is no such folder."""
    n_bytes = 0
    for file in folder.rglob("*"):
        with suppress(OSError):
            n_bytes += file.lstat().st_blocks * 512
    return n_bytes


def _kind_of_store(settings: Settings) -> str:
    if settings.database_host:
        return "MongoDB"
    if settings.database_url is None:
        return "SQLite"
    from rag_llm_system.infrastructure.db.sql_engines import parse_url

    name = parse_url(settings.database_url.get_secret_value()).get_backend_name()
    return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(name, "DATABASE_URL")


def _without_download(settings: Settings) -> Settings:
    return settings.model_copy(update={"rag_allow_download": False})


def _refuse(_message: str) -> None:
    raise _NotPreparedError


def _counted(counts: dict[Category, int]) -> str:
    return ", ".join(f"{n} {category}" for category, n in counts.items())
