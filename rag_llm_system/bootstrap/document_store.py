"""Which document store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.infrastructure.db.sql import SqlDocumentStore


@contextmanager
def open_document_store(settings: Settings) -> Iterator["SqlDocumentStore"]:
    """Opens the document store, which keeps authors too.

    Raises:
        ConfigurationError: the settings ask for a store that is not there yet, or cannot be used.
        BackendError: the store is away.
    """
    from rag_llm_system.infrastructure.db.sql import SqlDocumentStore

    if settings.database_host:
        raise ConfigurationError(
            "DATABASE_HOST asks for MongoDB, which is not there yet: unset it, or use DATABASE_URL."
        )
    url = settings.database_url.get_secret_value() if settings.database_url else None
    store = SqlDocumentStore(url or f"sqlite:///{settings.home / 'documents.sqlite'}")
    try:
        yield store
    finally:
        store.close()
