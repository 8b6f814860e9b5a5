"""Other chunk sizes: everything is cut anew, and only what is new is embedded."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from rag_llm_system.application.indexing.indexer import Indexer, select_documents
from rag_llm_system.application.indexing.ledger import Ledger
from rag_llm_system.application.indexing.selection import IndexingReport
from rag_llm_system.application.preprocessing.dispatchers import ChunkingDispatcher
from rag_llm_system.application.preprocessing.embedding_data_handlers import embed_windows, index_point
from rag_llm_system.application.wrappers.cached import CachedEmbedder
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.caches.sqlite_vectors import SqliteVectorCache
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from tests.unit.application.indexing.test_indexer import WINDOWS, article, clean
from tests.unit.application.preprocessing.cases import WordTokenizer
from tests.unit.application.wrappers.test_cached import HashEmbedder

LONG = "".join(f"Sentence {number} says that {'more ' * (number % 7)}things are there. " for number in range(120))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlDocumentStore]:
    store = SqlDocumentStore(f"sqlite:///{tmp_path / 'documents.sqlite'}")
    store.save([article("long", LONG), *(article(f"short {n}", f"A short text, number {n}.") for n in range(5))])
    yield store
    store.close()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[SqliteVectorCache]:
    cache = SqliteVectorCache(tmp_path / "embeddings.sqlite", min_free_bytes=0)
    yield cache
    cache.close()


def build(
    store: SqlDocumentStore, cache: SqliteVectorCache | None, *, window_tokens: int, embedder: HashEmbedder
) -> tuple[IndexingReport, list[IndexPoint]]:
    """Builds a fresh index; gives the report, and its windows with their vectors."""
    index = NumpyIndex(dimension=4)
    chunking = ChunkingDispatcher(WordTokenizer(), max_window_tokens=window_tokens)
    cached = CachedEmbedder(embedder, cache) if cache else None
    indexer = Indexer(
        documents=store,
        index=index,
        ledger=Ledger(index, settings_fingerprint=chunking.settings_fingerprint()),
        clean=clean,
        cut=chunking.windows,
        embed=partial(embed_windows, cached or embedder),
        to_point=index_point,
        n_windows_per_batch=8,
        n_reused=lambda: cached.n_hits if cached else 0,
    )
    report = indexer.load_embedded_chunks(indexer.load_cleaned_documents(select_documents(store, store)))
    return report, list(index.whole_points(WINDOWS))


def vectors(points: list[IndexPoint]) -> dict[str, bytes]:
    return {point.id: point.vector.tobytes() for point in points if point.vector is not None}


def test_a_second_build_embeds_nothing_and_gives_the_same_index(
    store: SqlDocumentStore, cache: SqliteVectorCache
) -> None:
    first, _ = build(store, cache, window_tokens=40, embedder=HashEmbedder())
    assert (first.n_embedded, first.n_reused) == (first.n_windows, 0)
    embedder = HashEmbedder()
    second, points = build(store, cache, window_tokens=40, embedder=embedder)
    assert (second.n_embedded, second.n_reused, embedder.asked) == (0, first.n_windows, [])
    assert vectors(points) == vectors(build(store, None, window_tokens=40, embedder=HashEmbedder())[1])


def test_other_sizes_embed_only_windows_whose_text_is_new(store: SqlDocumentStore, cache: SqliteVectorCache) -> None:
    before = HashEmbedder()
    build(store, cache, window_tokens=40, embedder=before)
    uncached = HashEmbedder()
    expected, expected_points = build(store, None, window_tokens=30, embedder=uncached)
    embedder = HashEmbedder()
    report, points = build(store, cache, window_tokens=30, embedder=embedder)
    assert embedder.asked == [text for text in uncached.asked if text not in before.asked]
    assert 5 <= report.n_reused < report.n_embedded == len(embedder.asked)
    assert report.n_embedded + report.n_reused == report.n_windows == expected.n_windows == expected.n_embedded
    assert vectors(points) == vectors(expected_points)


def test_another_embedder_finds_nothing_of_the_first(store: SqlDocumentStore, cache: SqliteVectorCache) -> None:
    build(store, cache, window_tokens=40, embedder=HashEmbedder("hash:1"))
    report, _ = build(store, cache, window_tokens=40, embedder=HashEmbedder("hash:2"))
    assert report.n_reused == 0


def test_a_run_that_was_killed_while_it_embedded_does_not_embed_that_again(
    store: SqlDocumentStore, cache: SqliteVectorCache
) -> None:
    class Stopping(HashEmbedder):
        def embed(self, texts: object) -> object:  # type: ignore[override]
            if len(self.asked) >= 16:
                raise KeyboardInterrupt
            return super().embed(texts)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        build(store, cache, window_tokens=40, embedder=Stopping())
    report, _ = build(store, cache, window_tokens=40, embedder=HashEmbedder())
    assert report.n_reused == 16
