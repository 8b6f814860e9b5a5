"""This system's collections on a Qdrant server: how they are made, how their recipe is kept, how they are removed.

The recipe stands in the metadata of each collection, which the server writes together with the collection itself: there
is no moment at which one exists without the other, and no collection more than there must be.
"""

import math
import warnings
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from rag_llm_system.domain.collections import COLLECTIONS, LEDGER_COLLECTION, CollectionSpec
from rag_llm_system.domain.errors import BackendError, ConfigurationError, IntegrityError
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, require_same_recipe

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

DENSE = "dense"
KEYWORDS = "keywords"
REBUILD = "run ./poe migrate-index --empty server and then ./poe run-feature-engineering-pipeline"

_METADATA_KEY = "rag_llm_system"
_FORMAT = 1
_OLDEST_SERVER = (1, 19)
"""The first with `SearchParams.idf`; metadata of collections came with 1.16."""


def require_recent_server(connector: QdrantDatabaseConnector) -> None:
    """Makes sure that there is a server and that it is recent enough.

    Raises:
        ConfigurationError: it is too old, or no Qdrant server.
        BackendUnavailableError: it is away.
    """
    version = connector.call(lambda client: client.info()).version
    parts = version.lstrip("v").split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        raise ConfigurationError(f"{connector.place} does not tell its version: correct the address if it is no Qdrant")
    if (int(parts[0]), int(parts[1])) < _OLDEST_SERVER:
        oldest = ".".join(map(str, _OLDEST_SERVER))
        raise ConfigurationError(
            f"{connector.place} is version {version}: this system needs {oldest} or later, update it"
        )


def stored_recipe(connector: QdrantDatabaseConnector, prefix: str = "") -> Recipe | None:
    """Gives the recipe that the collections on the server were made by; None where there is none of ours.

    Raises:
        ConfigurationError: a collection of that name was not made by this system, or by another version of it.
        IntegrityError: the collections were made by different recipes.
    """
    found: Recipe | None = None
    for name in _present(connector, prefix):
        recipe = _recipe_of(connector, f"{prefix}{name}")
        if found is not None and recipe != found:
            raise IntegrityError(f"the collections of {connector.place} were made by different recipes: {REBUILD}")
        found = recipe
    return found


def prepare_collection(
    connector: QdrantDatabaseConnector, prefix: str, spec: CollectionSpec, recipe: Recipe, exact_up_to_points: int
) -> None:
    """Makes the collection, where there is none, and the indexes of the fields that filters use, before any data.

    Raises:
        ConfigurationError: there is one, and it was made by another recipe.
    """
    name = f"{prefix}{spec.name}"
    if not connector.call(lambda client: client.collection_exists(name)):
        try:
            connector.call(lambda client: _create(client, name, spec, recipe, exact_up_to_points))
        except BackendError:
            # Another process may have made it just now, or this one, before the connection broke.
            if not connector.call(lambda client: client.collection_exists(name)):
                raise
    require_same_recipe(_recipe_of(connector, name), recipe, f"the index on {connector.place}", REBUILD)
    indexed = connector.call(lambda client: client.get_collection(name)).payload_schema
    for field in spec.filter_fields:
        if field not in indexed:
            connector.call(partial(_create_keyword_index, name=name, field=field))


def erase_index(connector: QdrantDatabaseConnector, prefix: str = "") -> list[str]:
    """Removes this system's collections with all that is in them, and gives their names.

    The ledger goes first, so that it never says too much.

    Raises:
        ConfigurationError: a collection of such a name was not made by this system; nothing is removed.
    """
    names = sorted(_present(connector, prefix), key=lambda name: name != LEDGER_COLLECTION)
    for name in names:
        _own_metadata(connector, f"{prefix}{name}")
    for name in names:
        connector.call(partial(_delete, name=f"{prefix}{name}"))
    return [f"{prefix}{name}" for name in names]


def _create(client: "QdrantClient", name: str, spec: CollectionSpec, recipe: Recipe, exact_up_to_points: int) -> None:
    from qdrant_client import models

    # One shard: a server counts the idf in each shard alone. Segments below the thresholds, which are in kilobytes of
    # vectors, have no graph and are searched exactly, as the embedded index does.
    exact_kb = math.ceil(exact_up_to_points * recipe.dimension * 4 / 1024)
    dense = {DENSE: models.VectorParams(size=recipe.dimension, distance=models.Distance.COSINE)}
    keywords = {KEYWORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)}
    client.create_collection(
        name,
        vectors_config=dense if spec.searchable else {},
        sparse_vectors_config=keywords if spec.searchable else None,
        shard_number=1,
        on_disk_payload=True,
        hnsw_config=models.HnswConfigDiff(full_scan_threshold=exact_kb),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=exact_kb),
        metadata={_METADATA_KEY: {"format": _FORMAT, "recipe": asdict(recipe)}},
    )


def _create_keyword_index(client: "QdrantClient", *, name: str, field: str) -> None:
    from qdrant_client import models

    with warnings.catch_warnings():
        # The in-process client says in several lines that it has no indexes.
        warnings.simplefilter("ignore")
        client.create_payload_index(name, field, models.PayloadSchemaType.KEYWORD, wait=True)


def _delete(client: "QdrantClient", *, name: str) -> None:
    client.delete_collection(name)


def _present(connector: QdrantDatabaseConnector, prefix: str) -> list[str]:
    there = {one.name for one in connector.call(lambda client: client.get_collections()).collections}
    return [name for name in COLLECTIONS if f"{prefix}{name}" in there]


def _recipe_of(connector: QdrantDatabaseConnector, name: str) -> Recipe:
    metadata = _own_metadata(connector, name)
    written = metadata.get("format")
    if written != _FORMAT:
        where = f"the collection {name} of {connector.place}"
        raise ConfigurationError(f"{where} has format {written}, not {_FORMAT}: {REBUILD}")
    try:
        return Recipe(**metadata["recipe"])
    except (KeyError, TypeError):
        raise IntegrityError(f"the recipe of {name} on {connector.place} is damaged: {REBUILD}") from None


def _own_metadata(connector: QdrantDatabaseConnector, name: str) -> dict[str, Any]:
    metadata = connector.call(lambda client: client.get_collection(name)).config.metadata or {}
    own = metadata.get(_METADATA_KEY)
    if not isinstance(own, dict):
        raise ConfigurationError(
            f"{connector.place} has a collection {name} that this system did not make: choose another server"
        )
    return own
