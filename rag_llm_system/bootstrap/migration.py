"""For moving the index between the embedded engine and a Qdrant server, and for emptying either."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from loguru import logger

from rag_llm_system.bootstrap.embedding import open_embedder
from rag_llm_system.bootstrap.home import open_home
from rag_llm_system.bootstrap.models import Tell
from rag_llm_system.bootstrap.vector_index import index_path, recipe_options, server_options
from rag_llm_system.domain.errors import ConfigurationError, NotFoundError
from rag_llm_system.settings import MB, Settings

if TYPE_CHECKING:
    from rag_llm_system.application.indexing.migration import IndexMigration
    from rag_llm_system.domain.ports.index_catalogue import IndexCatalogue
    from rag_llm_system.domain.ports.vector_index import PointSource
    from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
    from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
    from rag_llm_system.infrastructure.vector_stores.recipe import Recipe

_PURPOSE = "moving the index"
_NOT_WORTH_MOVING = "build an index anew by ./poe run-feature-engineering-pipeline instead of moving this one"
Place = Literal["server", "embedded"]


@contextmanager
def open_migration(
    settings: Settings,
    *,
    to: Place,
    replace: bool = False,
    connector: "QdrantDatabaseConnector | None" = None,
    tell: Tell = logger.info,
) -> Iterator["IndexMigration"]:
    """Opens the index that is read and the one that is filled, both by the recipe that the first was made by.

    That recipe must be the one that the settings ask for, or nothing could use what was moved. The embedder's weights
    are looked at for it, and not loaded. What is filled becomes the live generation when everything is there; with
    `replace` it begins with nothing in it.

    Args:
        to: which of the two is filled.
        connector: to the server; None: made from the settings.
        tell: is given a line when something takes long, such as fetching the embedder's weights.

    Raises:
        ConfigurationError: the settings name no server or other weights than are there, or one of the two indexes was
            made by another recipe than the settings ask for.
        NotFoundError: there is nothing to move.
        IndexBusyError: another process writes to the embedded index.
    """
    from rag_llm_system.application.indexing.migration import IndexMigration, require_points

    open_home(settings, create=to == "embedded")
    server = connector or _server_connector(settings)
    with ExitStack() as opened:
        opened.callback(server.close)
        recipe = _recipe_to_move(settings, server, "embedded" if to == "server" else "server", tell)
        if to == "server":
            source: PointSource = opened.enter_context(_embedded(settings, recipe))
            catalogue: IndexCatalogue = _server_catalogue(server, recipe)
        else:
            source = _on_server(server, recipe)
            catalogue = _embedded_catalogue(settings, recipe)
        require_points(source)
        yield IndexMigration(source, opened.enter_context(closing(catalogue.open_draft(fresh=replace))))


def empty_index(settings: Settings, place: Place) -> list[str]:
    """Removes all that the index there holds, whatever it was made by, and gives the names of what it removed.

    Collections on the server that this system did not make are left alone.

    Raises:
        ConfigurationError: the settings name no server, or a collection of such a name was made by others.
        IndexBusyError: another process writes to the embedded index.
    """
    if place == "embedded":
        return _erase_embedded(settings, "emptying the index")
    with closing(_server_connector(settings)) as server:
        return _erase_server(server)


def _recipe_to_move(settings: Settings, server: "QdrantDatabaseConnector", of: Place, tell: Tell) -> "Recipe":
    from rag_llm_system.infrastructure.vector_stores.qdrant_collections import require_recent_server, stored_recipe
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
    from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, require_same_recipe

    require_recent_server(server)
    path = index_path(settings)
    recipe = Generations(path).live_recipe() if of == "embedded" else stored_recipe(server)
    where = f"at {path}" if of == "embedded" else f"on {server.place}"
    if recipe is None:
        raise NotFoundError(f"there is nothing to move: there is no index {where}")
    embedder, _ = open_embedder(settings, tell)
    # The fingerprint stands for the dimension as well, which torch would have to load the model for.
    asked = Recipe(**{**recipe_options(settings, embedder), "dimension": recipe.dimension})
    require_same_recipe(recipe, asked, f"the index {where}", _NOT_WORTH_MOVING)
    return recipe


def _server_connector(settings: Settings) -> "QdrantDatabaseConnector":
    from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector

    options = server_options(settings)
    if options is None:
        raise ConfigurationError("the settings name no Qdrant server: set QDRANT_DATABASE_HOST, or USE_QDRANT_CLOUD.")
    return QdrantDatabaseConnector(**options)


def _on_server(server: "QdrantDatabaseConnector", recipe: "Recipe") -> "QdrantAdapter":
    from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter

    return QdrantAdapter(connector=server, **asdict(recipe))


def _server_catalogue(server: "QdrantDatabaseConnector", recipe: "Recipe") -> "IndexCatalogue":
    from rag_llm_system.infrastructure.vector_stores.qdrant_catalogue import QdrantCatalogue

    return QdrantCatalogue(connector=server, **asdict(recipe))


def _erase_server(server: "QdrantDatabaseConnector") -> list[str]:
    from rag_llm_system.infrastructure.vector_stores.qdrant_collections import erase_index, require_recent_server

    require_recent_server(server)
    return erase_index(server)


@contextmanager
def _embedded(settings: Settings, recipe: "Recipe") -> Iterator["QdrantEdgeIndex"]:
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex

    index = QdrantEdgeIndex(index_path(settings), **asdict(recipe))
    try:
        yield index
    finally:
        index.close()


def _embedded_catalogue(settings: Settings, recipe: "Recipe") -> "IndexCatalogue":
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue

    return QdrantEdgeCatalogue(
        index_path(settings),
        purpose=_PURPOSE,
        n_kept=settings.rag_keep_generations,
        min_free_bytes=settings.rag_min_free_mb * MB,
        **asdict(recipe),
    )


def _erase_embedded(settings: Settings, purpose: str) -> list[str]:
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.erasure import erase_index

    return erase_index(index_path(settings), purpose=purpose)
