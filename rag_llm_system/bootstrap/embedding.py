"""Which embedder, and with it how texts are cut."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_llm_system.bootstrap.machine import n_usable_cores
from rag_llm_system.bootstrap.models import Tell, model_weights, models_folder
from rag_llm_system.domain.documents import Category
from rag_llm_system.settings import MB, Settings

if TYPE_CHECKING:
    from rag_llm_system.application.preprocessing.dispatchers import ChunkingDispatcher
    from rag_llm_system.domain.ports.embedder import Embedder, Tokenizer
    from rag_llm_system.domain.ports.vector_cache import VectorCache


def open_embedder(settings: Settings, tell: Tell) -> tuple["Embedder", "Tokenizer"]:
    """Gives the embedder, loaded at first use, and the tokenizer that goes with it."""
    from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer

    weights = model_weights(settings, settings.text_embedding_model_id, tell)
    tokenizer = HuggingFaceTokenizer(weights)
    if settings.embed_backend == "torch":
        from rag_llm_system.model.embeddings.sentence_transformers_embedder import SentenceTransformersEmbedder

        torch_embedder = SentenceTransformersEmbedder(
            model_id=settings.text_embedding_model_id,
            weights_dir=weights,
            device=settings.rag_model_device,
            precision=settings.rag_embed_precision,
            batch_size=settings.embed_batch,
            n_threads=settings.rag_embed_threads,
        )
        return torch_embedder, tokenizer
    made_by, arguments = _without_torch(settings, weights)
    embedder: Embedder = made_by(**arguments, on_message=tell)
    return embedder, tokenizer


@contextmanager
def open_bulk_embedder(settings: Settings, embedder: "Embedder") -> Iterator["Embedder"]:
    """Gives an embedder for many texts: on all cores where the settings allow it, else the one that is given."""
    n_processes = settings.rag_embed_processes or n_usable_cores()
    if n_processes < 2 or settings.embed_backend == "torch":
        yield embedder
        return
    from rag_llm_system.model.embeddings.embedder_pool import EmbedderPool

    made_by, arguments = _without_torch(
        settings, model_weights(settings, settings.text_embedding_model_id, lambda _: None)
    )
    class_name = f"{made_by.__module__}:{made_by.__qualname__}"
    pool = EmbedderPool(embedder, class_name=class_name, arguments={**arguments, "n_threads": 1}, n_workers=n_processes)
    with closing(pool):
        yield pool


def _without_torch(settings: Settings, weights: Path) -> tuple[type[Any], dict[str, Any]]:
    """Gives the class of the embedder, and what it takes: plain values, as a worker process takes them too.

    It is the fastest on this CPU where neither backend nor precision asks for one kind, else that kind.
    """
    from rag_llm_system.model.embeddings.fastest_embedder import FastestEmbedder
    from rag_llm_system.model.embeddings.onnx_embedder import OnnxEmbedder
    from rag_llm_system.model.embeddings.openvino_embedder import OpenVinoEmbedder

    backend, precision = settings.embed_backend, settings.rag_embed_precision
    common: dict[str, Any] = {
        "model_id": settings.text_embedding_model_id,
        "weights_dir": weights,
        "cache_dir": models_folder(settings),
        "n_threads": settings.rag_embed_threads,
    }
    if backend == "auto" and precision == "int8":
        return FastestEmbedder, common
    if precision == "fp32":
        return OnnxEmbedder, {**common, "precision": "fp32"}
    if precision == "bf16" or backend == "openvino":
        return OpenVinoEmbedder, {**common, "precision": precision}
    return OnnxEmbedder, {**common, "precision": "int8"}


@contextmanager
def open_embedding_cache(settings: Settings) -> Iterator["VectorCache | None"]:
    """Opens the vectors that were computed before; None where the settings keep none."""
    if not settings.rag_embedding_cache_mb:
        yield None
        return
    from rag_llm_system.infrastructure.caches.sqlite_vectors import SqliteVectorCache

    cache = SqliteVectorCache(
        settings.home / "cache" / "embeddings.sqlite",
        max_bytes=settings.rag_embedding_cache_mb * MB,
        min_free_bytes=settings.rag_min_free_mb * MB,
    )
    try:
        yield cache
    finally:
        cache.close()


def chunking_dispatcher(settings: Settings, tokenizer: "Tokenizer", embedder: "Embedder") -> "ChunkingDispatcher":
    """Gives what cuts cleaned documents into windows that the embedder reads whole.

    The embedder is one without a cache: `strategy_handlers` says why.
    """
    from rag_llm_system.application.preprocessing.chunking_data_handlers import (
        ArticleChunkingHandler,
        ChunkingHandler,
        PostChunkingHandler,
        RepositoryChunkingHandler,
    )
    from rag_llm_system.application.preprocessing.chunking_strategies import ChunkSizes, strategy_handlers
    from rag_llm_system.application.preprocessing.dispatchers import ChunkingDispatcher

    sizes = ChunkSizes(settings.rag_chunk_tokens, settings.rag_chunk_overlap, settings.rag_parent_chunk_tokens)
    articles = ArticleChunkingHandler(settings.rag_article_chunk_min_chars, settings.rag_article_chunk_max_chars)
    posts = PostChunkingHandler(settings.rag_post_chunk_tokens, settings.rag_post_chunk_overlap)
    repositories = RepositoryChunkingHandler(
        settings.rag_repository_chunk_tokens, settings.rag_repository_chunk_overlap
    )
    handlers: dict[Category, ChunkingHandler] = {
        Category.ARTICLES: articles,
        Category.POSTS: posts,
        Category.REPOSITORIES: repositories,
    }
    return ChunkingDispatcher(
        tokenizer,
        handlers=handlers | strategy_handlers(settings.rag_chunking, sizes, lambda: embedder),
        max_window_tokens=settings.rag_window_tokens,
        max_input_tokens=embedder.max_tokens,
    )


def chunking_in_words(settings: Settings) -> str:
    """Says how documents are cleaned and cut: what decides which windows an index has, and a person can change."""
    from rag_llm_system.application.preprocessing.chunking_data_handlers import CHUNKING_VERSION
    from rag_llm_system.application.preprocessing.cleaning_data_handlers import CLEANING_VERSION
    from rag_llm_system.application.preprocessing.embedding_data_handlers import KEYWORD_TEXT_VERSION
    from rag_llm_system.application.preprocessing.windows import PACKING_VERSION

    versions = f"version {CLEANING_VERSION}.{CHUNKING_VERSION}.{PACKING_VERSION}.{KEYWORD_TEXT_VERSION}"
    if settings.rag_chunking != "category":
        return f"{_strategy_in_words(settings)}, windows {settings.rag_window_tokens} tokens, {versions}"
    articles = f"articles {settings.rag_article_chunk_min_chars}-{settings.rag_article_chunk_max_chars} characters"
    posts = f"posts {settings.rag_post_chunk_tokens}/{settings.rag_post_chunk_overlap} tokens"
    code = f"repositories {settings.rag_repository_chunk_tokens}/{settings.rag_repository_chunk_overlap} tokens"
    return f"{articles}, {posts}, {code}, windows {settings.rag_window_tokens} tokens, {versions}"


def _strategy_in_words(settings: Settings) -> str:
    sizes = {
        "hierarchical": f"{settings.rag_parent_chunk_tokens}",
        "overlapping": f"{settings.rag_chunk_tokens}/{settings.rag_chunk_overlap}",
    }
    return f"{settings.rag_chunking} chunks {sizes.get(settings.rag_chunking, settings.rag_chunk_tokens)} tokens"
