"""An embedder that remembers: the same vectors, and no text embedded twice."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag_llm_system.application.preprocessing.dispatchers import ChunkingDispatcher
from rag_llm_system.application.preprocessing.embedding_data_handlers import embed_windows
from rag_llm_system.application.wrappers.cached import CachedEmbedder, vector_key, window_keys
from rag_llm_system.domain.errors import BackendError
from rag_llm_system.domain.ports.embedder import Embedder
from rag_llm_system.infrastructure.caches.sqlite_vectors import SqliteVectorCache
from tests.unit.application.preprocessing.cases import WordTokenizer, cleaned

TEXTS = st.one_of(st.sampled_from(["", "a", "b", "a\n", "heading\na"]), st.text(max_size=5), st.just("\ud83d"))


class HashEmbedder:
    """Makes of a text four numbers that no other text has, and notes what it was asked."""

    dimension = 4
    max_tokens = 254

    def __init__(self, fingerprint: str = "hash:1") -> None:
        self.fingerprint = fingerprint
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        digests = [
            hashlib.sha256(f"{self.fingerprint} {text}".encode("utf-8", "surrogatepass")).digest() for text in texts
        ]
        numbers = np.array([list(digest[:4]) for digest in digests], np.float32).reshape(len(texts), 4) + 1
        return np.asarray(numbers / np.linalg.norm(numbers, axis=1, keepdims=True), np.float32)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[SqliteVectorCache]:
    cache = SqliteVectorCache(tmp_path / "embeddings.sqlite", min_free_bytes=0)
    yield cache
    cache.close()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["x", "y"]), st.lists(TEXTS, max_size=6)), max_size=6))
def test_nobody_can_tell_it_from_the_embedder_and_each_text_is_embedded_once(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[str, list[str]]]
) -> None:
    cache = SqliteVectorCache(tmp_path_factory.mktemp("cache") / "c.sqlite", min_free_bytes=0)
    asked = {name: HashEmbedder(name) for name in "xy"}
    embedders: dict[str, CachedEmbedder] = {name: CachedEmbedder(asked[name], cache) for name in "xy"}
    for name, texts in calls:
        found = embedders[name].embed(texts)
        expected = HashEmbedder(name).embed(texts)
        assert (found.shape, found.dtype, found.tobytes()) == (expected.shape, expected.dtype, expected.tobytes())
    for name in "xy":
        texts = [text for called, of_call in calls if called == name for text in of_call]
        assert asked[name].asked == list(dict.fromkeys(texts))
        assert embedders[name].n_misses == len(set(texts))
        assert embedders[name].n_hits == len(texts) - len(set(texts))
    cache.close()


def test_it_says_of_itself_what_the_embedder_says(cache: SqliteVectorCache) -> None:
    embedder: Embedder = CachedEmbedder(HashEmbedder(), cache)
    assert (embedder.dimension, embedder.max_tokens, embedder.fingerprint) == (4, 254, "hash:1")


def test_an_embedder_that_fails_leaves_nothing_behind(cache: SqliteVectorCache) -> None:
    class Failing(HashEmbedder):
        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            raise BackendError("the embedder failed")

    embedder = CachedEmbedder(Failing(), cache)
    with pytest.raises(BackendError):
        embedder.embed(["a"])
    assert (embedder.n_hits, embedder.n_misses, cache.size().n_vectors) == (0, 0, 0)


def test_numbers_that_are_none_are_given_but_not_kept(cache: SqliteVectorCache) -> None:
    class Odd(HashEmbedder):
        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return np.array([[np.nan, 1, 1, 1] if text == "odd" else [1, 0, 0, 0] for text in texts], np.float32)

    embedder = CachedEmbedder(Odd(), cache)
    assert np.isnan(embedder.embed(["odd", "even"])[0, 0])
    assert cache.get([vector_key("hash:1", text) for text in ("odd", "even")]).keys() == {vector_key("hash:1", "even")}


def test_a_closed_cache_changes_nothing_but_the_work(cache: SqliteVectorCache) -> None:
    inner = HashEmbedder()
    cache.close()
    embedder = CachedEmbedder(inner, cache)
    for _ in range(2):
        assert np.array_equal(embedder.embed(["a", "b"]), HashEmbedder().embed(["a", "b"]))
    assert (inner.asked, embedder.n_misses) == (["a", "b"] * 2, 4)


def test_threads_get_their_own_vectors_and_are_all_counted(cache: SqliteVectorCache) -> None:
    embedder = CachedEmbedder(HashEmbedder(), cache)
    texts = [[f"{number % 7}", f"{number}"] for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(embedder.embed, texts))
    assert all(np.array_equal(rows, HashEmbedder().embed(of)) for rows, of in zip(found, texts, strict=True))
    assert embedder.n_hits + embedder.n_misses == 80


def test_the_windows_of_a_document_are_kept_under_the_keys_that_are_computed_from_it(cache: SqliteVectorCache) -> None:
    document = cleaned("One sentence is here. Another one is there. " * 20, title="The title")
    windows = ChunkingDispatcher(WordTokenizer(), max_window_tokens=20).windows(document)
    embed_windows(CachedEmbedder(HashEmbedder(), cache), windows)
    again = ChunkingDispatcher(WordTokenizer(), max_window_tokens=20).windows(document)
    keys = window_keys("hash:1", again)
    assert cache.size().n_vectors == len(set(keys)) > 0
    assert cache.erase(keys) == len(set(keys))
    assert cache.size().n_vectors == 0
