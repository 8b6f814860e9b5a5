"""For moving the index between the embedded engine and a Qdrant server."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from rag_llm_system.bootstrap.vector_index import embedded_options, server_options
from rag_llm_system.domain.errors import ConfigurationError, NotFoundError
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.application.indexing.migration import IndexMigration
    from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
    from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
    from rag_llm_system.infrastructure.vector_stores.recipe import Recipe

    _Index = QdrantAdapter | QdrantEdgeIndex

_PURPOSE = "moving the index"
_Place = Literal["server", "embedded"]


@contextmanager
def open_migration(
    settings: Settings,
    *,
    to: _Place,
    replace: bool = False,
    connector: "QdrantDatabaseConnector | None" = None,
) -> Iterator["IndexMigration"]:
    """Opens the index that is read and the one that is filled, both by the recipe that the first was made by.

    No embedder is loaded. With `replace`, all that the index to be filled holds is removed before it is opened.

    Args:
        to: which of the two is filled.
        connector: to the server; None: made from the settings.

    Raises:
        ConfigurationError: the settings name no server, or the index to be filled was made by another recipe.
        NotFoundError: there is nothing to move.
        IndexBusyError: another process holds the embedded index.
    """
    from rag_llm_system.application.indexing.migration import IndexMigration, require_points

    server = connector or _server_connector(settings)
    with ExitStack() as opened:
        opened.callback(server.close)
        recipe = _stored_recipe(settings, server, "embedded" if to == "server" else "server")
        source: _Index
        target: _Index
        if to == "server":
            source = opened.enter_context(_embedded(settings, recipe, "read"))
            require_points(source)
            if replace:
                _erase_server(server)
            target = _on_server(server, recipe)
        else:
            source = _on_server(server, recipe)
            require_points(source)
            if replace:
                _erase_embedded(settings)
            target = opened.enter_context(_embedded(settings, recipe, "write"))
        yield IndexMigration(source, target)


def _stored_recipe(settings: Settings, server: "QdrantDatabaseConnector", of: _Place) -> "Recipe":
    from rag_llm_system.infrastructure.vector_stores.qdrant_collections import require_recent_server, stored_recipe
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge import manifest

    require_recent_server(server)
    path = embedded_options(settings, mode="read", purpose=_PURPOSE)["path"]
    recipe = manifest.stored_recipe(path) if of == "embedded" else stored_recipe(server)
    if recipe is None:
        where = f"at {path}" if of == "embedded" else f"on {server.place}"
        raise NotFoundError(f"there is nothing to move: there is no index {where}")
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


def _erase_server(server: "QdrantDatabaseConnector") -> None:
    from rag_llm_system.infrastructure.vector_stores.qdrant_collections import erase_index

    erase_index(server)


@contextmanager
def _embedded(settings: Settings, recipe: "Recipe", mode: Literal["read", "write"]) -> Iterator["QdrantEdgeIndex"]:
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex

    index = QdrantEdgeIndex(**embedded_options(settings, mode=mode, purpose=_PURPOSE), **asdict(recipe))
    try:
        yield index
    finally:
        index.close()


def _erase_embedded(settings: Settings) -> None:
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.erasure import erase_index

    erase_index(embedded_options(settings, mode="write", purpose=_PURPOSE)["path"], purpose=_PURPOSE)
