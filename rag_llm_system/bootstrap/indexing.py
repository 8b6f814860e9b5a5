"""For the feature pipeline."""

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from loguru import logger

from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.embedding import (
    chunking_dispatcher,
    open_bulk_embedder,
    open_embedder,
    open_embedding_cache,
)
from rag_llm_system.bootstrap.models import Tell
from rag_llm_system.bootstrap.vector_index import open_catalogue
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.services import IndexingServices

_BATCHES_AHEAD = 2
"""One that is embedded and one that waits for it, while a third is stored."""


@contextmanager
def open_indexing(settings: Settings, *, fresh: bool = False, tell: Tell = logger.info) -> Iterator["IndexingServices"]:
    """Opens the document store to be read and a draft of the index to be written; questions are answered meanwhile.

    Args:
        fresh: begin a generation with nothing in it, whatever the live one was made by.
        tell: is given a line when something takes long, such as making the embedder at first use.

    Raises:
        ConfigurationError: settings, weights or packages are not as they must be.
        IndexBusyError: another process writes to the index.
    """
    from rag_llm_system.application.indexing.indexer import Indexer
    from rag_llm_system.application.indexing.ledger import Ledger
    from rag_llm_system.application.preprocessing.dispatchers import CleaningDispatcher
    from rag_llm_system.application.preprocessing.embedding_data_handlers import embed_windows, index_point
    from rag_llm_system.application.wrappers.cached import CachedEmbedder
    from rag_llm_system.services import IndexingServices

    embedder, tokenizer = open_embedder(settings, tell)
    cleaning = CleaningDispatcher()
    chunking = chunking_dispatcher(settings, tokenizer, embedder)
    with (
        open_document_store(settings) as store,
        open_embedding_cache(settings) as cache,
        closing(open_catalogue(settings, embedder, purpose="feature engineering")) as catalogue,
        closing(catalogue.open_draft(fresh=fresh)) as index,
        open_bulk_embedder(settings, embedder) as bulk,
    ):
        parts = (cleaning.settings_fingerprint(), chunking.settings_fingerprint(), embedder.fingerprint)
        ledger = Ledger(index, settings_fingerprint=hashlib.sha256("\n".join(parts).encode()).hexdigest())
        cached = CachedEmbedder(bulk, cache) if cache else None
        indexer = Indexer(
            documents=store,
            index=index,
            ledger=ledger,
            clean=cleaning.clean,
            cut=chunking.windows,
            embed=partial(embed_windows, cached or bulk),
            n_reused=lambda: cached.n_hits if cached else 0,
            to_point=index_point,
            n_windows_per_batch=settings.embed_batch,
            n_batches_ahead=_BATCHES_AHEAD,
        )
        yield IndexingServices(documents=store, users=store, indexer=indexer, draft=index)
