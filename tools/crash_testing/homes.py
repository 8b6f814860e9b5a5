"""Homes of their own for crash tests, brought into a wanted state by the product's own means, undisturbed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from rag_llm_system.application.indexing.indexer import select_documents
from rag_llm_system.bootstrap.deletion import open_surroundings
from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.embedding import open_embedder
from rag_llm_system.bootstrap.home import open_home
from rag_llm_system.bootstrap.indexing import open_indexing
from rag_llm_system.domain.documents import Category, Document
from rag_llm_system.domain.errors import NotFoundError
from rag_llm_system.domain.generations import Generation
from rag_llm_system.domain.ports.deletion import OpenedGeneration
from rag_llm_system.domain.ports.embedder import Embedder, Tokenizer
from rag_llm_system.domain.users import UserDocument
from rag_llm_system.settings import Settings
from tools.crash_testing.corpus import AUTHORS, Corpus

_N_WINDOWS_PER_BATCH = 8


def silent(_: str) -> None:
    """Takes what would be told to a person."""


def home_settings(home: Path, **changes: Any) -> Settings:
    """Gives the settings as they are delivered, whatever the person has set: nothing of theirs is touched."""
    fields = Settings.model_fields.items()
    delivered = {name: field.get_default(call_default_factory=True) for name, field in fields}
    own = {"rag_home": home, "embed_batch": _N_WINDOWS_PER_BATCH, "rag_tracking": False}
    return Settings(**{"_env_file": None, **delivered, **own, **changes})


def link_models(home: Path, models: Path) -> None:
    """Makes a home that shares its models with the other homes."""
    home.mkdir(parents=True, exist_ok=True)
    models.mkdir(parents=True, exist_ok=True)
    if not (home / "models").exists():
        (home / "models").symlink_to(models, target_is_directory=True)


def load_model(settings: Settings) -> None:
    """Has the embedder built and loaded once, so that no round has to do it."""
    embedder, _ = embedder_of(settings)
    embedder.embed(["warm"])


@lru_cache(maxsize=1)
def _embedder_in(models: Path) -> tuple[Embedder, Tokenizer]:
    return open_embedder(home_settings(models.parent), silent)


def embedder_of(settings: Settings) -> tuple[Embedder, Tokenizer]:
    """Gives the embedder and its tokenizer, the same ones for all homes that share their models."""
    return _embedder_in((settings.home / "models").resolve())


def store_state(settings: Settings, corpus: Corpus, versions: Mapping[int, int]) -> None:
    """Makes these the documents in the store: all of them, and no others."""
    open_home(settings)
    wanted = corpus.documents(versions)
    with open_document_store(settings) as store:
        store.save_users(UserDocument.from_full_name(name) for name in AUTHORS)
        for category in Category:
            of_category = [document for document in wanted if document.category is category]
            ids = {document.id for document in of_category}
            store.delete(category, [digest.id for digest in store.digests(category) if digest.id not in ids])
            store.save(of_category)


def stored_documents(settings: Settings) -> list[Document]:
    """Gives all documents in the store."""
    with open_document_store(settings, create=False) as store:
        return [document for category in Category for document in store.find(category)]


def build(settings: Settings, *, fresh: bool = False, switch: bool = True) -> Generation | None:
    """Brings the index up to the document store, as the feature pipeline does."""
    with open_indexing(settings, fresh=fresh, tell=silent) as services:
        selection = select_documents(services.documents, services.users)
        services.indexer.load_embedded_chunks(services.indexer.load_cleaned_documents(selection))
        return services.draft.publish(switch=switch)


@contextmanager
def opened_generation(settings: Settings, number: int | None = None) -> Iterator[OpenedGeneration]:
    """Opens a generation with all its collections; None: the live one.

    Raises:
        NotFoundError: there is none.
    """
    with open_surroundings(settings) as surroundings:
        live = [generation.number for generation in surroundings.generations() if generation.is_live]
        if number is None and not live:
            raise NotFoundError("there is no live generation: the index is gone")
        with surroundings.open_generation(live[0] if number is None else number) as opened:
            yield opened
