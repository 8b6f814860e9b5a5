"""Vector indexes by name."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

from rag_llm_system.domain.errors import ConfigurationError, MissingExtraError
from rag_llm_system.domain.ports.vector_index import VectorIndex

_HERE = "rag_llm_system.infrastructure.vector_stores"


class VectorStoreFactory:
    """Makes a vector index from the name of its backend.

    `backends` maps a name to ("module:Class", the extra that its packages come with, or "" for the base install);
    `servers` does so for those that run as a server as well, which is meant where a `url` is given.
    """

    backends: ClassVar[Mapping[str, tuple[str, str]]] = {
        "numpy": (f"{_HERE}.numpy_index:NumpyIndex", ""),
        "qdrant": (f"{_HERE}.qdrant_edge.adapter:QdrantEdgeIndex", ""),
    }
    servers: ClassVar[Mapping[str, tuple[str, str]]] = {
        "qdrant": (f"{_HERE}.qdrant_adapter:QdrantAdapter", "qdrant"),
    }

    @classmethod
    def create(cls, backend: str, **kwargs: Any) -> VectorIndex:
        """Gives an index of that backend, made with the keyword arguments of its class: `path` or `url`, and more.

        Raises:
            ConfigurationError: there is no such backend.
            MissingExtraError: its packages are not installed.
        """
        if backend not in cls.backends:
            raise ConfigurationError(
                f"there is no vector store {backend!r}: use one of {', '.join(sorted(cls.backends))}"
            )
        is_server = "url" in kwargs and backend in cls.servers
        place, extra = cls.servers[backend] if is_server else cls.backends[backend]
        module_name, class_name = place.split(":")
        try:
            module = import_module(module_name)
        except ModuleNotFoundError as error:
            if extra:
                raise MissingExtraError(f"the vector store {backend!r}", extra) from error
            raise ConfigurationError(f"the package {error.name!r} is missing: install rag_llm_system again") from error
        index: VectorIndex = getattr(module, class_name)(**kwargs)
        return index
