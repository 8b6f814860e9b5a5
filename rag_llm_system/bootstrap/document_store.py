"""Which document store."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from rag_llm_system.bootstrap.home import open_home
from rag_llm_system.domain.documents import Category, Document
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.domain.ports.document_store import DocumentStore, ErasingStore, UserStore
from rag_llm_system.domain.users import UserDocument
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.infrastructure.db.mongo import MongoDocumentStore
    from rag_llm_system.infrastructure.db.sql import SqlDocumentStore


class DocumentAndUserStore(DocumentStore, UserStore, ErasingStore, Protocol):
    """Documents and their authors in one database."""


@contextmanager
def open_document_store(settings: Settings, *, create: bool = True) -> Iterator[DocumentAndUserStore]:
    """Opens the document store, which keeps authors too.

    DATABASE_HOST names MongoDB, DATABASE_URL an SQL database; without either it is an SQLite file under RAG_HOME. What
    is missing there is made, unless `create` is false.

    Raises:
        ConfigurationError: the settings name two stores, or one that cannot be used.
        MissingExtraError: its packages are not installed.
        NotFoundError: something is missing and is not to be made.
        BackendError: the store is away.
    """
    open_home(settings, create=create)
    if settings.database_host and settings.database_url:
        what = "DATABASE_HOST and DATABASE_URL name two document stores"
        way = "unset one of them; what a profile sets, as server does, DATABASE_HOST= with nothing behind it takes back"
        raise ConfigurationError(f"{what}: {way}")
    store = _mongo_store(settings, create) if settings.database_host else _sql_store(settings, create)
    try:
        yield store
    finally:
        store.close()


def _mongo_store(settings: Settings, create: bool) -> "MongoDocumentStore":
    from rag_llm_system.infrastructure.db.mongo import MongoDocumentStore

    assert settings.database_host is not None
    return MongoDocumentStore(
        settings.database_host.get_secret_value(),
        database_name=settings.database_name,
        timeout_s=settings.rag_database_timeout_s,
        read_foreign=_handbook_document,
        create=create,
    )


def _sql_store(settings: Settings, create: bool) -> "SqlDocumentStore":
    from rag_llm_system.infrastructure.db.sql import SqlDocumentStore

    url = settings.database_url.get_secret_value() if settings.database_url else None
    return SqlDocumentStore(
        url or f"sqlite:///{settings.home / 'documents.sqlite'}",
        timeout_s=settings.rag_database_timeout_s,
        create=create,
    )


def _handbook_document(category: Category, item: Mapping[str, Any], users: Mapping[str, UserDocument]) -> Document:
    """Gives the document of an item that another program wrote, read as from a warehouse file."""
    from rag_llm_system.application.ingestion.warehouse_items import document_of

    return document_of(category, item, users, place=f"a document of {category}")
