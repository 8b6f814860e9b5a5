"""For deleting with proof, for verifying a receipt, and for retention."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_llm_system import __version__
from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.home import open_home
from rag_llm_system.bootstrap.tracking import mlflow_store
from rag_llm_system.bootstrap.vector_index import index_path, server_options
from rag_llm_system.domain.errors import InputError, IntegrityError, NotFoundError
from rag_llm_system.settings import MB, Settings

if TYPE_CHECKING:
    from rag_llm_system.application.deletion.erasure import Deletion
    from rag_llm_system.application.deletion.surroundings import Surroundings
    from rag_llm_system.domain.deletions import Receipt
    from rag_llm_system.domain.ports.deletion import OpenedGeneration, OpenGeneration, RunHistory
    from rag_llm_system.domain.ports.index_catalogue import IndexCatalogue
    from rag_llm_system.domain.ports.vector_cache import VectorCache
    from rag_llm_system.infrastructure.observability.mlflow_store import MlflowStore
    from rag_llm_system.infrastructure.vector_stores.recipe import Recipe

_Index = tuple["IndexCatalogue | None", "OpenGeneration", Callable[[], bool]]
_PURPOSE = "deletion"
_DRAFT_NAME = "draft"
_PROGRAM_FOLDERS = ("rag_llm_system", "pipelines", "steps", "tools")


@contextmanager
def open_deletion(
    settings: Settings,
    *,
    histories: "Sequence[RunHistory]" = (),
    folders: Sequence[Path] = (),
    not_looked_into: Sequence[str] = (),
) -> Iterator["Deletion"]:
    """Opens all stores to delete from; see `open_surroundings`."""
    from rag_llm_system.application.deletion.erasure import Deletion

    with open_surroundings(
        settings, histories=histories, folders=folders, not_looked_into=not_looked_into
    ) as surroundings:
        yield Deletion(surroundings, version=__version__, known_texts=_own_sources)


@contextmanager
def open_surroundings(
    settings: Settings,
    *,
    histories: "Sequence[RunHistory]" = (),
    folders: Sequence[Path] = (),
    not_looked_into: Sequence[str] = (),
) -> Iterator["Surroundings"]:
    """Opens all that may hold something of a document. The index is taken as it was made, whatever the settings ask.

    Args:
        settings: say where everything is.
        histories: beside MLflow's, those that only the shell knows.
        folders: whose files are scanned as well, where they lie outside of the home.
        not_looked_into: beside trackers that are servers, what only the shell knows that it cannot ask.

    Raises:
        NotFoundError: there are no documents yet.
        BackendUnavailableError: a server that the settings name is away.
    """
    from rag_llm_system.application.deletion.surroundings import Surroundings
    from rag_llm_system.infrastructure.observability.mlflow_history import MlflowRunHistory
    from rag_llm_system.infrastructure.security.deletion_files import DeletionFiles
    from rag_llm_system.infrastructure.security.file_traces import RECORDS, FileTraces
    from rag_llm_system.infrastructure.security.signing import Ed25519Signer

    open_home(settings, create=False)
    tracked = mlflow_store(settings)
    elsewhere = [*folders, *_database_file(settings), *([tracked.file] if tracked.file else [])]
    with ExitStack() as opened:
        server = server_options(settings)
        catalogue, open_generation, has_draft = (
            _embedded_index(settings) if server is None else opened.enter_context(_server_index(server))
        )
        yield Surroundings(
            documents=opened.enter_context(open_document_store(settings, create=False)),
            catalogue=catalogue,
            open_generation=open_generation,
            cache=opened.enter_context(_cache(settings)),
            histories=[*histories, MlflowRunHistory(tracked)],
            scanner=FileTraces(settings.home, elsewhere=elsewhere),
            signer=Ed25519Signer(settings.home / "keys" / "receipts.ed25519"),
            records=DeletionFiles(settings.home / RECORDS),
            has_draft=has_draft,
            not_looked_into=[*not_looked_into, *_unasked_trackers(settings, tracked)],
        )


def load_receipt(path: Path) -> "Receipt":
    """Gives the receipt in a file, unchecked.

    Raises:
        IntegrityError: it is not there, or is no receipt.
    """
    from rag_llm_system.infrastructure.security.deletion_files import read_receipt

    return read_receipt(path)


def _embedded_index(settings: Settings) -> _Index:
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations

    path = index_path(settings)

    def open_generation(number: int) -> "AbstractContextManager[OpenedGeneration]":
        return closing(QdrantEdgeIndex(path, generation=number, **asdict(Generations(path).manifest(number).recipe)))

    recipe = _stored_recipe(path)
    if recipe is None:
        return None, open_generation, lambda: False
    min_free_bytes = settings.rag_min_free_mb * MB
    catalogue = QdrantEdgeCatalogue(path, purpose=_PURPOSE, min_free_bytes=min_free_bytes, **asdict(recipe))
    return catalogue, open_generation, partial(_has_draft, path, recipe)


@contextmanager
def _server_index(options: Mapping[str, Any]) -> Iterator[_Index]:
    from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
    from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
    from rag_llm_system.infrastructure.vector_stores.qdrant_catalogue import QdrantCatalogue
    from rag_llm_system.infrastructure.vector_stores.qdrant_collections import all_generations, live_generation

    with closing(QdrantDatabaseConnector(**options)) as connector:

        def open_generation(number: int) -> "AbstractContextManager[OpenedGeneration]":
            recipes = {generation.number: generation.recipe for generation in all_generations(connector)}
            if number not in recipes:
                raise NotFoundError(f"there is no generation {number} on {connector.place}: see ./poe index list")
            return closing(QdrantAdapter(**options, generation=number, **asdict(recipes[number])))

        def has_draft() -> bool:
            return any(not generation.is_complete for generation in all_generations(connector))

        newest = live_generation(connector) or next(reversed(all_generations(connector)), None)
        if newest is None:
            yield None, open_generation, has_draft
            return
        with closing(QdrantCatalogue(**options, **asdict(newest.recipe))) as catalogue:
            yield catalogue, open_generation, has_draft


def _stored_recipe(path: Path) -> "Recipe | None":
    """Gives what the live generation was made by, else the draft, else the newest that stands beside; or None."""
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import MANIFEST_NAME, read_manifest

    generations = Generations(path)
    live = generations.catalogue().live
    if live is not None:
        return generations.manifest(live).recipe
    draft = path / _DRAFT_NAME
    if (draft / MANIFEST_NAME).exists():
        return read_manifest(draft).recipe
    return next((generations.manifest(number).recipe for number in reversed(generations.numbers())), None)


def _has_draft(path: Path, recipe: "Recipe") -> bool:
    """Says whether a draft was left that is gone on with.

    Raises:
        InputError: it is of another recipe: opening one by this recipe would remove it.
    """
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import MANIFEST_NAME, read_manifest
    from rag_llm_system.infrastructure.vector_stores.recipe import difference_of

    draft = path / _DRAFT_NAME
    if not (draft / MANIFEST_NAME).exists():
        return False
    try:
        manifest = read_manifest(draft)
    except IntegrityError:
        return False
    if manifest.completing:
        return True
    if difference_of(manifest.recipe, recipe):
        what = "an unfinished build of the index by other settings is in the way"
        raise InputError(f"{what}: end it by ./poe index build, then delete. Nothing was deleted.")
    return manifest.fresh or manifest.base == Generations(path).catalogue().live


def _unasked_trackers(settings: Settings, tracked: "MlflowStore") -> Iterator[str]:
    """Gives the trackers that may hold what runs were given, and keep it where nothing is looked for."""
    if tracked.file is None:
        yield f"MLflow runs at {tracked.place}"
    if settings.comet_api_key is not None:
        yield "Opik"


@contextmanager
def _cache(settings: Settings) -> Iterator["VectorCache | None"]:
    """Opens the cache of embeddings where there is one, also where the settings keep none any more."""
    from rag_llm_system.infrastructure.caches.sqlite_vectors import SqliteVectorCache

    path = settings.home / "cache" / "embeddings.sqlite"
    if not path.exists():
        yield None
        return
    cache = SqliteVectorCache(path)
    try:
        yield cache
    finally:
        cache.close()


def _database_file(settings: Settings) -> list[Path]:
    """Gives the file of a document store that was named, where it is one."""
    from rag_llm_system.infrastructure.db.sql_engines import parse_url

    if not settings.database_url:
        return []
    url = parse_url(settings.database_url.get_secret_value())
    return [Path(url.database)] if url.get_backend_name() == "sqlite" and url.database else []


def _own_sources() -> Iterator[bytes]:
    """Gives the texts of this program: ZenML keeps some of them with each run."""
    root = Path(__file__).resolve().parents[2]
    for folder in _PROGRAM_FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.read_bytes()
