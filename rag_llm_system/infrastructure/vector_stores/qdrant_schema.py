"""How a collection on a Qdrant server is made, and the note of ours that it carries.

The note stands in the collection's metadata, which the server writes together with the collection itself: there is no
moment at which one exists without the other.
"""

import math
import warnings
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from rag_llm_system.domain.collections import CollectionSpec
from rag_llm_system.domain.errors import BackendError, ConfigurationError, NotFoundError
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

DENSE = "dense"
KEYWORDS = "keywords"

_METADATA_KEY = "rag_llm_system"


def make_collection(
    connector: QdrantDatabaseConnector,
    name: str,
    spec: CollectionSpec,
    *,
    dimension: int,
    note: Mapping[str, Any],
    exact_up_to_points: int,
) -> None:
    """Makes the collection, with indexes of the fields that filters use before there is any data.

    Args:
        name: on the server.
        note: what it is told of itself.
        exact_up_to_points: it is searched exactly as long as it is no larger.
    """
    try:
        connector.call(lambda client: _create(client, name, spec, dimension, note, exact_up_to_points))
    except BackendError:
        # Another process may have made it just now, or this one, before the connection broke.
        if not connector.call(lambda client: client.collection_exists(name)):
            raise
    index_fields(connector, name, spec)


def index_fields(connector: QdrantDatabaseConnector, name: str, spec: CollectionSpec) -> None:
    """Makes the indexes of the fields that filters use, as far as the collection lacks them."""
    indexed = connector.call(lambda client: client.get_collection(name)).payload_schema
    kinds = {**dict.fromkeys(spec.filter_fields, "keyword"), **dict.fromkeys(spec.range_fields, "integer")}
    for field, kind in kinds.items():
        if field not in indexed:
            connector.call(partial(_create_field_index, name=name, field=field, kind=kind))


def read_note(connector: QdrantDatabaseConnector, name: str) -> dict[str, Any] | None:
    """Gives what that collection, or the one behind that alias, says of itself; None where there is no such name.

    Raises:
        ConfigurationError: it was not made by this system.
    """
    try:
        metadata = connector.call(lambda client: client.get_collection(name)).config.metadata or {}
    except NotFoundError:
        return None
    note = metadata.get(_METADATA_KEY)
    if not isinstance(note, dict):
        raise ConfigurationError(
            f"{connector.place} has a collection {name} that this system did not make: choose another server"
        )
    return note


def write_note(connector: QdrantDatabaseConnector, name: str, note: Mapping[str, Any]) -> None:
    """Replaces what that collection says of itself, at once."""
    connector.call(lambda client: client.update_collection(name, metadata={_METADATA_KEY: dict(note)}))


def remove_collection(connector: QdrantDatabaseConnector, name: str) -> None:
    """Removes the collection with its files and its aliases, where it is there."""
    connector.call(lambda client: client.delete_collection(name))


def _create(
    client: "QdrantClient",
    name: str,
    spec: CollectionSpec,
    dimension: int,
    note: Mapping[str, Any],
    exact_up_to_points: int,
) -> None:
    from qdrant_client import models

    # One shard: a server counts the idf in each shard alone. Segments below the thresholds, which are in kilobytes of
    # vectors, have no graph and are searched exactly, as the embedded index does.
    exact_kb = math.ceil(exact_up_to_points * dimension * 4 / 1024)
    dense = {DENSE: models.VectorParams(size=dimension, distance=models.Distance.COSINE)}
    keywords = {KEYWORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)}
    client.create_collection(
        name,
        vectors_config=dense if spec.searchable else {},
        sparse_vectors_config=keywords if spec.searchable else None,
        shard_number=1,
        on_disk_payload=True,
        hnsw_config=models.HnswConfigDiff(full_scan_threshold=exact_kb),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=exact_kb),
        metadata={_METADATA_KEY: dict(note)},
    )


def _create_field_index(client: "QdrantClient", *, name: str, field: str, kind: str) -> None:
    from qdrant_client import models

    with warnings.catch_warnings():
        # The in-process client says in several lines that it has no indexes.
        warnings.simplefilter("ignore")
        client.create_payload_index(name, field, models.PayloadSchemaType(kind), wait=True)
