"""A small home to delete from: real SQLite, real Qdrant Edge, a real cache, and texts that can be told apart.

python -m tests.deletion_home HOME ID...  deletes these documents there; it says the name of each step before it takes
it, and waits for a line.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rag_llm_system.application.deletion.erasure import Deletion
from rag_llm_system.application.deletion.surroundings import Surroundings
from rag_llm_system.application.indexing.indexer import Indexer, select_documents
from rag_llm_system.application.indexing.ledger import Ledger
from rag_llm_system.application.preprocessing.embedding_data_handlers import index_point
from rag_llm_system.domain.chunks import Chunk, EmbeddedWindow, Window, span_id
from rag_llm_system.domain.cleaned_documents import CleanedDocument
from rag_llm_system.domain.deletions import Criterion
from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category, Document, document_id
from rag_llm_system.domain.ports.deletion import OpenedGeneration
from rag_llm_system.domain.ports.index_catalogue import IndexCatalogue
from rag_llm_system.domain.users import user_id
from rag_llm_system.infrastructure.caches.sqlite_vectors import SqliteVectorCache
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.security.deletion_files import DeletionFiles
from rag_llm_system.infrastructure.security.file_traces import RECORDS, FileTraces
from rag_llm_system.infrastructure.security.signing import Ed25519Signer
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue

DIMENSION = 64
RECIPE: dict[str, Any] = {"dimension": DIMENSION, "embedder": "e"}
_WINDOW_CHARS = 200


def words(seed: int, n: int = 400) -> str:
    """Gives a text of made-up words that no other seed gives."""
    rng = np.random.default_rng(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(letters[i] for i in rng.integers(26, size=int(rng.integers(3, 10)))) for _ in range(n))


def article(name: str, text: str, author: str = "Ada Lovelace") -> ArticleDocument:
    """Gives an article with a link of its own."""
    link = f"https://writing.example.org/{name}/as-it-was-published"
    return ArticleDocument(
        id=document_id(Category.ARTICLES, link),
        platform="test",
        link=link,
        author_id=user_id(author),
        author_full_name=author,
        content=ArticleContent(title=name, text=text),
    )


def embed(windows: Sequence[Window]) -> list[EmbeddedWindow]:
    """Gives each window a vector that its text decides."""
    embedded = []
    for window in windows:
        rng = np.random.default_rng(list(window.text.encode()))
        vector = rng.standard_normal(DIMENSION).astype(np.float32)
        embedded.append(EmbeddedWindow(window, vector / np.linalg.norm(vector)))
    return embedded


class Home:
    """A home with documents in it.

    Args:
        path: the folder.
        told: is called before each step of a deletion, with its name.
    """

    def __init__(self, path: Path, told: Callable[[str], None] = lambda _: None) -> None:
        self.path = path
        self.catalogue: IndexCatalogue = QdrantEdgeCatalogue(
            path / "index", **RECIPE, min_free_bytes=0, shard_copies=0.0, purpose="a test"
        )
        self.records = DeletionFiles(path / RECORDS)
        self.signer = Ed25519Signer(path / "keys" / "receipts.ed25519")
        self.scanner = FileTraces(path)
        self._told = told

    @contextmanager
    def store(self) -> Iterator[SqlDocumentStore]:
        """Opens the document store."""
        store = SqlDocumentStore(f"sqlite:///{self.path / 'documents.sqlite'}")
        try:
            yield store
        finally:
            store.close()

    def fill(self, *documents: ArticleDocument) -> None:
        """Stores documents with their authors, and indexes all that is stored."""
        with self.store() as store:
            for author in sorted({document.author_full_name for document in documents}):
                store.get_or_create(author)
            store.save(documents)
            self.index(store)

    def index(self, store: SqlDocumentStore) -> None:
        """Brings the index up to what is stored, as a pipeline does, with the vectors in the cache."""
        draft = self.catalogue.open_draft()
        cache = self.cache()
        try:
            indexer = Indexer(
                documents=store,
                index=draft,
                ledger=Ledger(draft, settings_fingerprint="a"),
                clean=clean,
                cut=cut,
                embed=lambda windows: _cached(cache, windows),
                to_point=index_point,
            )
            indexer.load_embedded_chunks(indexer.load_cleaned_documents(select_documents(store, store)))
            draft.publish()
        finally:
            draft.close()
            cache.close()

    def cache(self) -> SqliteVectorCache:
        """Opens the cache of embeddings."""
        return SqliteVectorCache(self.path / "cache" / "embeddings.sqlite", min_free_bytes=0)

    @contextmanager
    def generation(self, number: int) -> Iterator[OpenedGeneration]:
        """Opens a generation."""
        index = QdrantEdgeIndex(self.path / "index", generation=number, **RECIPE)
        try:
            yield index
        finally:
            index.close()

    @contextmanager
    def surroundings(self) -> Iterator[Surroundings]:
        """Opens all stores."""
        with ExitStack() as opened:
            cache = self.cache()
            opened.callback(cache.close)
            yield Surroundings(
                documents=_Telling(opened.enter_context(self.store()), self._told),
                catalogue=_Telling(self.catalogue, self._told),
                open_generation=self.generation,
                cache=_Telling(cache, self._told),
                histories=[],
                scanner=_Telling(self.scanner, self._told),
                signer=_Telling(self.signer, self._told),
                records=_Telling(self.records, self._told),
            )

    @contextmanager
    def deletion(self, **options: Any) -> Iterator[Deletion]:
        """Opens all stores to delete from."""
        with self.surroundings() as surroundings:
            yield Deletion(surroundings, version="test", **options)


class _Telling:
    """A port that says the name of each call before it passes it on, and of each call of a draft."""

    def __init__(self, inner: Any, told: Callable[[str], None]) -> None:
        self._inner = inner
        self._told = told

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            self._told(name)
            result = value(*arguments, **options)
            return _Telling(result, self._told) if name == "open_draft" else result

        return call


def clean(document: Document) -> CleanedDocument:
    """Gives the article's text as it is."""
    assert isinstance(document, ArticleDocument)
    return CleanedDocument(
        id=document.id,
        category=document.category,
        title=document.content.title or "",
        text=document.content.text,
        platform=document.platform,
        link=document.link,
        author_id=document.author_id,
        author_full_name=document.author_full_name,
    )


def cut(document: CleanedDocument) -> list[Window]:
    """Gives windows of equal size."""
    windows = []
    for start in range(0, len(document.text), _WINDOW_CHARS):
        end = min(start + _WINDOW_CHARS, len(document.text))
        name = span_id(document.id, start, end, document.text[start:end])
        windows.append(Window(name, Chunk(name, document, start, end), start, end))
    return windows


def _cached(cache: SqliteVectorCache, windows: Sequence[Window]) -> list[EmbeddedWindow]:
    embedded = embed(windows)
    cache.put({window.window.id.encode()[:32]: window.vector for window in embedded})
    return embedded


def main(arguments: Sequence[str]) -> None:
    """Deletes, or ends what was stopped where no ids are given."""

    def tell(step: str) -> None:
        print(step, flush=True)
        sys.stdin.readline()

    home = Home(Path(arguments[0]), told=tell)
    with home.deletion(readers_timeout_s=5.0) as deletion:
        deletion.resume()
        if arguments[1:]:
            deletion.delete([Criterion(kind="document", value=value) for value in arguments[1:]])
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
