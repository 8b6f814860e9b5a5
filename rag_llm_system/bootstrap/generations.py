"""For looking after the generations of the index."""

from typing import TYPE_CHECKING

from loguru import logger

from rag_llm_system.bootstrap.embedding import open_embedder
from rag_llm_system.bootstrap.home import open_home
from rag_llm_system.bootstrap.models import Tell
from rag_llm_system.bootstrap.vector_index import index_path, open_catalogue, server_options
from rag_llm_system.domain.errors import CapabilityError
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.domain.generations import Repair
    from rag_llm_system.domain.ports.index_catalogue import IndexCatalogue


def open_generations(settings: Settings, *, tell: Tell = logger.info) -> "IndexCatalogue":
    """Gives the generations of the index; the embedder's weights are looked at, and not loaded."""
    open_home(settings, create=False)
    embedder, _ = open_embedder(settings, tell)
    return open_catalogue(settings, embedder, purpose="looking after the index")


def repair_index(settings: Settings) -> "Repair":
    """Takes what is damaged out of the embedded index, and says what is left to be done.

    Raises:
        CapabilityError: the index is on a server.
        IndexBusyError: another process writes to the index.
    """
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.repair import repair

    if server_options(settings) is not None:
        raise CapabilityError("the index is on a server, which looks after its own files: see docs/operations.md")
    open_home(settings, create=False)
    return repair(index_path(settings))
