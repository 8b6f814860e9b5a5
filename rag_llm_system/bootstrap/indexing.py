"""For the feature pipeline."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from loguru import logger

from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.embedding import chunking_dispatcher, open_embedder
from rag_llm_system.bootstrap.models import Tell
from rag_llm_system.bootstrap.vector_index import open_index
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.services import IndexingServices


@contextmanager
def open_indexing(settings: Settings, *, tell: Tell = logger.info) -> Iterator["IndexingServices"]:
    """Opens the document store to be read and the index to be written; nobody else can use the index meanwhile.

    Args:
        tell: is given a line when something takes long, such as making the embedder at first use.

    Raises:
        ConfigurationError: settings, weights or packages are not as they must be.
        IndexBusyError: another process holds the index.
    """
    from rag_llm_system.application.indexing.indexer import Indexer
    from rag_llm_system.application.indexing.ledger import Ledger
    from rag_llm_system.application.preprocessing.dispatchers import CleaningDispatcher
    from rag_llm_system.application.preprocessing.embedding_data_handlers import embed_windows, index_point
    from rag_llm_system.services import IndexingServices

    embedder, tokenizer = open_embedder(settings, tell)
    cleaning = CleaningDispatcher()
    chunking = chunking_dispatcher(settings, tokenizer, embedder.max_tokens)
    with (
        open_document_store(settings) as store,
        open_index(settings, embedder, mode="write", purpose="feature engineering") as index,
    ):
        parts = (cleaning.settings_fingerprint(), chunking.settings_fingerprint(), embedder.fingerprint)
        ledger = Ledger(index, settings_fingerprint=hashlib.sha256("\n".join(parts).encode()).hexdigest())
        indexer = Indexer(
            documents=store,
            index=index,
            ledger=ledger,
            clean=cleaning.clean,
            cut=chunking.windows,
            embed=partial(embed_windows, embedder),
            to_point=index_point,
            n_windows_per_batch=settings.embed_batch,
        )
        yield IndexingServices(documents=store, users=store, indexer=indexer)
