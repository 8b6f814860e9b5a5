"""Vector indexes by name."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

from rag_llm_system.domain.errors import ConfigurationError, MissingExtraError
from rag_llm_system.domain.ports.index_catalogue import IndexCatalogue
from rag_llm_system.domain.ports.vector_index import SwitchingIndex

_HERE = "rag_llm_system.infrastructure.vector_stores"
_Places = Mapping[str, tuple[str, str]]


class VectorStoreFactory:
    """Makes a vector index, or the catalogue of its generations, from the name of its backend.

    The tables map a name to ("module:Class", the extra that its packages come with, or "" for the base install);
    those of servers are for backends that run as a server as well, which is meant where a `url` is given.
    """

    backends: ClassVar[_Places] = {
        "numpy": (f"{_HERE}.numpy_index:NumpyIndex", ""),
        "qdrant": (f"{_HERE}.qdrant_edge.adapter:QdrantEdgeIndex", ""),
    }
    servers: ClassVar[_Places] = {
        "qdrant": (f"{_HERE}.qdrant_adapter:QdrantAdapter", "qdrant"),
    }
    catalogues: ClassVar[_Places] = {
        "qdrant": (f"{_HERE}.qdrant_edge.catalogue:QdrantEdgeCatalogue", ""),
    }
    server_catalogues: ClassVar[_Places] = {
        "qdrant": (f"{_HERE}.qdrant_catalogue:QdrantCatalogue", "qdrant"),
    }

    @classmethod
    def create(cls, backend: str, **kwargs: Any) -> SwitchingIndex:
        """Gives an index of that backend to be read, made with the keyword arguments of its class, such as `path`.

        Raises:
            ConfigurationError: there is no such backend.
            MissingExtraError: its packages are not installed.
        """
        index: SwitchingIndex = _made(backend, cls.backends, cls.servers, kwargs)
        return index

    @classmethod
    def create_catalogue(cls, backend: str, **kwargs: Any) -> IndexCatalogue:
        """Gives the catalogue of an index's generations, made with the keyword arguments of its class.

        Raises:
            ConfigurationError: there is no such backend, or it has no generations.
            MissingExtraError: its packages are not installed.
        """
        catalogue: IndexCatalogue = _made(backend, cls.catalogues, cls.server_catalogues, kwargs)
        return catalogue


def _made(backend: str, embedded: _Places, servers: _Places, kwargs: Mapping[str, Any]) -> Any:
    if backend not in embedded:
        raise ConfigurationError(f"there is no vector store {backend!r}: use one of {', '.join(sorted(embedded))}")
    is_server = "url" in kwargs and backend in servers
    place, extra = servers[backend] if is_server else embedded[backend]
    module_name, class_name = place.split(":")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if extra:
            raise MissingExtraError(f"the vector store {backend!r}", extra) from error
        raise ConfigurationError(f"the package {error.name!r} is missing: install rag_llm_system again") from error
    return getattr(module, class_name)(**kwargs)
