"""Vector stores by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError, MissingExtraError
from rag_llm_system.infrastructure.vector_stores.factory import VectorStoreFactory
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue


def test_a_name_gives_the_backend_made_with_the_arguments(tmp_path: Path) -> None:
    assert isinstance(VectorStoreFactory.create("numpy", dimension=4), NumpyIndex)
    index = VectorStoreFactory.create("qdrant", path=tmp_path, dimension=4, embedder="e")
    assert isinstance(index, QdrantEdgeIndex)
    index.close()


def test_a_name_with_a_url_gives_the_server_of_that_backend() -> None:
    pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    # Nothing listens at port 9, so an attempt to connect shows which one it is.
    with pytest.raises(BackendUnavailableError, match=r"http://127\.0\.0\.1:9 does not answer"):
        VectorStoreFactory.create("qdrant", url="http://127.0.0.1:9", dimension=4, embedder="e", timeout_s=0.05)


def test_a_name_gives_the_catalogue_of_the_generations_too(tmp_path: Path) -> None:
    catalogue = VectorStoreFactory.create_catalogue("qdrant", path=tmp_path, dimension=4, embedder="e")
    assert isinstance(catalogue, QdrantEdgeCatalogue)
    with pytest.raises(ConfigurationError, match="use one of qdrant"):
        VectorStoreFactory.create_catalogue("numpy", dimension=4)


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigurationError, match="numpy, qdrant"):
        VectorStoreFactory.create("faiss", dimension=4)


def test_a_missing_package_names_the_extra_to_install() -> None:
    class Factory(VectorStoreFactory):
        backends: ClassVar[Mapping[str, tuple[str, str]]] = {
            "far": ("no_such_package.index:Index", "faraway"),
            "near": ("no_such_package.index:Index", ""),
        }
        servers: ClassVar[Mapping[str, tuple[str, str]]] = {"near": ("no_such_package.server:Index", "server")}

    with pytest.raises(MissingExtraError, match=r"pip install 'rag_llm_system\[faraway\]'"):
        Factory.create("far")
    with pytest.raises(ConfigurationError, match="install rag_llm_system again"):
        Factory.create("near")
    with pytest.raises(MissingExtraError, match=r"pip install 'rag_llm_system\[server\]'"):
        Factory.create("near", url="http://localhost")
