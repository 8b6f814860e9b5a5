"""From settings to services: the only place that knows which adapter is used.

Each function opens what one kind of process needs, and closes it at the end. Adapters are imported where they are
built, so that a process loads only what it uses.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from loguru import logger

from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.application.preprocessing.dispatchers import ChunkingDispatcher
    from rag_llm_system.domain.ports.answer_engine import AnswerEngine
    from rag_llm_system.domain.ports.embedder import Embedder, Tokenizer
    from rag_llm_system.domain.ports.reranker import Reranker
    from rag_llm_system.domain.ports.vector_index import VectorIndex
    from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
    from rag_llm_system.services import AnsweringServices, IndexingServices, IngestionServices, ModelServices

Tell = Callable[[str], None]
_MB = 1_000_000


@contextmanager
def open_ingestion(settings: Settings) -> Iterator["IngestionServices"]:
    """Opens the document store and what fills it.

    Raises:
        ConfigurationError: the settings ask for a store that is not there yet, or cannot be used.
        BackendError: the store is away.
    """
    from rag_llm_system.application.crawlers.dispatcher import CrawlerDispatcher, ParserDispatcher
    from rag_llm_system.application.ingestion.ingest import Ingestion
    from rag_llm_system.application.ingestion.warehouse import Warehouse
    from rag_llm_system.infrastructure.crawlers.files import FileCrawler
    from rag_llm_system.infrastructure.crawlers.installed_packages import InstalledPackagesCrawler
    from rag_llm_system.infrastructure.parsers.code import CodeParser
    from rag_llm_system.infrastructure.parsers.html import HtmlParser
    from rag_llm_system.infrastructure.parsers.markdown import MarkdownParser
    from rag_llm_system.infrastructure.parsers.text import PlainTextParser
    from rag_llm_system.services import IngestionServices

    with _open_document_store(settings) as store:
        crawlers = CrawlerDispatcher(
            local=FileCrawler(max_file_bytes=int(settings.rag_max_file_mb * _MB)),
            by_scheme={"packages": InstalledPackagesCrawler()},
        )
        parsers = ParserDispatcher(
            {
                "text/markdown": MarkdownParser(),
                "text/x-rst": MarkdownParser(),
                "text/html": HtmlParser(),
                "application/xhtml+xml": HtmlParser(),
                "text/plain": PlainTextParser(),
                "text/*": CodeParser(),
            }
        )
        ingestion = Ingestion(crawlers=crawlers, parsers=parsers, documents=store, users=store)
        yield IngestionServices(documents=store, users=store, ingestion=ingestion, warehouse=Warehouse(store, store))


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

    embedder, tokenizer = _embedder(settings, tell)
    cleaning = CleaningDispatcher()
    chunking = _chunking(settings, tokenizer, embedder.max_tokens)
    with (
        _open_document_store(settings) as store,
        _open_index(settings, embedder, mode="write", purpose="feature engineering") as index,
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


@contextmanager
def open_answering(
    settings: Settings, *, purpose: str = "main API", own_engine: bool = False, tell: Tell = logger.info
) -> Iterator["AnsweringServices"]:
    """Opens the index to be read and everything between a question and its answer.

    Args:
        purpose: what this process holds the index for, told to others that find it in use.
        own_engine: run the answer engine in this process instead of asking the model server.
        tell: is given a line when something takes long, such as making the embedder at first use.

    Raises:
        ConfigurationError: settings, weights or packages are not as they must be.
        IndexBusyError: another process holds the index.
    """
    from rag_llm_system.application.rag.generation import GroundedAnswering
    from rag_llm_system.application.rag.query_expansion import QueryExpansion
    from rag_llm_system.application.rag.retriever import ContextRetriever
    from rag_llm_system.application.rag.self_query import SelfQuery
    from rag_llm_system.domain.answers import AnswerLimits
    from rag_llm_system.services import AnsweringServices

    embedder, _ = _embedder(settings, tell)
    with (
        _open_document_store(settings) as store,
        _open_index(settings, embedder, mode="read", purpose=purpose) as index,
        _own_engine(settings) if own_engine else _model_server_engine(settings) as engine,
    ):
        embedder.embed(["ready"])  # loads the model now, so that the first question does not wait for it
        retriever = ContextRetriever(
            index,
            embedder,
            SelfQuery(store.users),
            QueryExpansion(settings.rag_phrasings),
            reranker=_reranker(settings, tell),
            rerank_budget_ms=settings.rag_rerank_budget_ms,
            max_context_tokens=settings.rag_context_tokens,
            prefetch=settings.rag_prefetch,
        )
        answering = GroundedAnswering(
            retriever,
            engine,
            AnswerLimits(settings.max_new_tokens_inference, settings.rag_model_server_timeout_s),
            top_k=settings.top_k,
            min_candidates=settings.rag_candidates,
            max_question_chars=settings.rag_max_question_chars,
        )
        yield AnsweringServices(answering=answering)


@contextmanager
def open_model(settings: Settings) -> Iterator["ModelServices"]:
    """Opens the engine that the model server answers with."""
    from rag_llm_system.services import ModelServices

    with _own_engine(settings) as engine:
        yield ModelServices(engine=engine)


def serve_main_api(settings: Settings, *, port: int, announce: Callable[[str], None], tell: Tell = logger.info) -> None:
    """Serves the main API until it is told to stop; see `infrastructure/api/serving.py`."""
    from rag_llm_system.infrastructure.api.serving import serve
    from rag_llm_system.infrastructure.inference_pipeline_api import create_app

    app = create_app(
        lambda: open_answering(settings, tell=tell),
        max_running=settings.rag_max_running,
        max_waiting=settings.rag_max_waiting,
    )
    serve(app, host=settings.rag_api_host, port=port, announce=announce)


def serve_model_server(settings: Settings, *, port: int, announce: Callable[[str], None]) -> None:
    """Serves the model server until it is told to stop; see `infrastructure/api/serving.py`."""
    from rag_llm_system.infrastructure.api.serving import serve
    from rag_llm_system.infrastructure.local.local_deploy import create_app

    app = create_app(
        lambda: open_model(settings),
        max_running=settings.rag_max_running,
        max_waiting=settings.rag_max_waiting,
    )
    serve(app, host=settings.rag_model_server_host, port=port, announce=announce)


@contextmanager
def _open_document_store(settings: Settings) -> Iterator["SqlDocumentStore"]:
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


@contextmanager
def _open_index(
    settings: Settings, embedder: "Embedder", *, mode: Literal["read", "write"], purpose: str
) -> Iterator["VectorIndex"]:
    """Opens the index; questions are answered from chunks alone, so that is all that is opened to be read."""
    from rag_llm_system.infrastructure.vector_stores.factory import VectorStoreFactory

    if settings.use_qdrant_cloud:
        raise ConfigurationError("USE_QDRANT_CLOUD asks for the Qdrant cloud, which is not there yet: unset it.")
    index = VectorStoreFactory.create(
        settings.rag_vector_backend,
        path=settings.home / "index",
        dimension=embedder.dimension,
        embedder=embedder.fingerprint,
        mode=mode,
        collections=None if mode == "write" else tuple(CHUNK_COLLECTIONS.values()),
        purpose=purpose,
        min_free_bytes=settings.rag_min_free_mb * _MB,
    )
    try:
        yield index
    finally:
        index.close()


@contextmanager
def _model_server_engine(settings: Settings) -> Iterator["AnswerEngine"]:
    """Gives the client of the model server, with the extractive engine behind it while the server is away."""
    from rag_llm_system.application.wrappers.fallback import FallbackEngine
    from rag_llm_system.infrastructure.api.request_ids import outgoing_headers
    from rag_llm_system.model.engines.extractive import ExtractiveEngine
    from rag_llm_system.model.inference.local import ModelServerEngine

    server = ModelServerEngine(
        settings.model_server_url, timeout_s=settings.rag_model_server_timeout_s, headers=outgoing_headers
    )
    try:
        yield FallbackEngine(server, ExtractiveEngine()) if settings.rag_answer_fallback else server
    finally:
        server.close()


@contextmanager
def _own_engine(settings: Settings) -> Iterator["AnswerEngine"]:
    from rag_llm_system.model.engines.extractive import ExtractiveEngine

    engines = {"extractive": ExtractiveEngine}
    yield engines[settings.rag_answer_engine]()


def _embedder(settings: Settings, tell: Tell) -> tuple["Embedder", "Tokenizer"]:
    from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer

    weights = _weights(settings, settings.text_embedding_model_id, tell)
    tokenizer = HuggingFaceTokenizer(weights)
    if settings.embed_backend == "torch":
        from rag_llm_system.model.embeddings.sentence_transformers_embedder import SentenceTransformersEmbedder

        torch_embedder = SentenceTransformersEmbedder(
            model_id=settings.text_embedding_model_id,
            weights_dir=weights,
            device=settings.rag_model_device,
            batch_size=settings.embed_batch,
            n_threads=settings.rag_embed_threads,
        )
        return torch_embedder, tokenizer
    from rag_llm_system.model.embeddings.onnx_embedder import OnnxEmbedder

    embedder = OnnxEmbedder(
        model_id=settings.text_embedding_model_id,
        weights_dir=weights,
        cache_dir=_models(settings),
        precision=settings.rag_embed_precision,
        n_threads=settings.rag_embed_threads,
        on_message=tell,
    )
    return embedder, tokenizer


def _chunking(settings: Settings, tokenizer: "Tokenizer", max_input_tokens: int) -> "ChunkingDispatcher":
    from rag_llm_system.application.preprocessing.chunking_data_handlers import (
        ArticleChunkingHandler,
        PostChunkingHandler,
        RepositoryChunkingHandler,
    )
    from rag_llm_system.application.preprocessing.dispatchers import ChunkingDispatcher

    articles = ArticleChunkingHandler(settings.rag_article_chunk_min_chars, settings.rag_article_chunk_max_chars)
    posts = PostChunkingHandler(settings.rag_post_chunk_tokens, settings.rag_post_chunk_overlap)
    repositories = RepositoryChunkingHandler(
        settings.rag_repository_chunk_tokens, settings.rag_repository_chunk_overlap
    )
    return ChunkingDispatcher(
        tokenizer,
        handlers={Category.ARTICLES: articles, Category.POSTS: posts, Category.REPOSITORIES: repositories},
        max_window_tokens=settings.rag_window_tokens,
        max_input_tokens=max_input_tokens,
    )


def _reranker(settings: Settings, tell: Tell) -> "Reranker | None":
    if not settings.rag_rerank:
        return None
    from rag_llm_system.model.rerankers.cross_encoder import CrossEncoderReranker

    weights = _weights(settings, settings.reranking_cross_encoder_model_id, tell)
    reranker = CrossEncoderReranker(weights_dir=weights, device=settings.rag_model_device)
    reranker.score("ready", ["ready"])  # what is missing is found out now, and the model is loaded
    return reranker


def _weights(settings: Settings, model_id: str, tell: Tell) -> Path:
    from rag_llm_system.model.embeddings.weights import locate_weights

    token = settings.huggingface_access_token
    return locate_weights(
        model_id,
        cache_dir=_models(settings),
        allow_download=settings.rag_allow_download,
        on_message=tell,
        hub_token=token.get_secret_value() if token else None,
    )


def _models(settings: Settings) -> Path:
    return settings.home / "models"
