"""Every `IndexCatalogue` that the contract suite runs against, and how its index is read.

The Qdrant server is the client's own in-process engine, directly and over HTTP. Where QDRANT_TEST_URL names a server
(QDRANT_TEST_API_KEY its key), the suite runs there too, in collections of its own that are removed at the end.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.domain.ports.index_catalogue import IndexCatalogue
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue

RECIPE = {"dimension": 8, "embedder": "e"}


@dataclass(frozen=True)
class Place:
    """Where an index is: how its catalogue and its readers are opened, as often as it takes. They are closed by it."""

    open_catalogue: Callable[..., IndexCatalogue]
    open_reader: Callable[..., Any]

    def catalogue(self, **options: Any) -> IndexCatalogue:
        return self.open_catalogue(**{**RECIPE, **options})

    def reader(self, **options: Any) -> Any:
        return self.open_reader(**{**RECIPE, "poll_s": 0.02, **options})


@contextmanager
def edge(path: Path) -> Iterator[Place]:
    with ExitStack() as opened:

        def open_reader(**options: Any) -> QdrantEdgeIndex:
            index = QdrantEdgeIndex(path, **options)
            opened.callback(index.close)
            return index

        yield Place(lambda **options: QdrantEdgeCatalogue(path, **{"min_free_bytes": 0, **options}), open_reader)


@contextmanager
def server(connect: Callable[[], Any], prefix: str = "") -> Iterator[Place]:
    from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
    from rag_llm_system.infrastructure.vector_stores.qdrant_catalogue import QdrantCatalogue

    with ExitStack() as opened:

        def open_catalogue(**options: Any) -> QdrantCatalogue:
            catalogue = QdrantCatalogue(connector=connect(), prefix=prefix, **options)
            opened.callback(catalogue.close)
            return catalogue

        def open_reader(**options: Any) -> QdrantAdapter:
            index = QdrantAdapter(connector=connect(), prefix=prefix, **options)
            opened.callback(index.close)
            return index

        yield Place(open_catalogue, open_reader)


@contextmanager
def server_in_process(path: Path) -> Iterator[Place]:
    pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    from tests.qdrant_in_process import SharedClient, in_process_connector

    client = SharedClient()
    with server(lambda: in_process_connector(client)) as place:
        yield place
    client.close_at_last()


@contextmanager
def server_over_http(path: Path) -> Iterator[Place]:
    pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
    from tests.qdrant_over_http import qdrant_over_http

    with qdrant_over_http() as qdrant, server(lambda: QdrantDatabaseConnector(qdrant.url)) as place:
        yield place


@contextmanager
def real_server(path: Path) -> Iterator[Place]:
    pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
    from rag_llm_system.infrastructure.vector_stores.qdrant_collections import erase_index

    def connect() -> QdrantDatabaseConnector:
        return QdrantDatabaseConnector(os.environ["QDRANT_TEST_URL"], api_key=os.environ.get("QDRANT_TEST_API_KEY"))

    prefix = f"test_{uuid.uuid4().hex}_"
    try:
        with server(connect, prefix) as place:
            yield place
    finally:
        connector = connect()
        erase_index(connector, prefix)
        connector.close()


PLACES = {
    "qdrant_edge": edge,
    "qdrant in process": server_in_process,
    "qdrant over HTTP": server_over_http,
}
if os.environ.get("QDRANT_TEST_URL"):
    PLACES["qdrant server"] = real_server
