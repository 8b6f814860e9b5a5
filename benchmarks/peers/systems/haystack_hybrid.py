"""Haystack's hybrid retrieval: vectors and BM25 of the store in memory, joined by reciprocal rank fusion."""

from pathlib import Path

from haystack import Document, Pipeline
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.components.writers import DocumentWriter
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import ComponentDevice
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)


class System:
    """Hybrid search, exact."""

    def __init__(self, weights: Path, folder: Path) -> None:
        del folder  # everything stays in memory
        store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
        options = {"model": str(weights), "device": ComponentDevice.from_str("cpu"), "normalize_embeddings": True}
        self._writing = Pipeline()
        self._writing.add_component("embedder", SentenceTransformersDocumentEmbedder(**options, progress_bar=False))
        self._writing.add_component("writer", DocumentWriter(document_store=store))
        self._writing.connect("embedder", "writer")
        self._writing.warm_up()
        self._asking = Pipeline()
        self._asking.add_component("text_embedder", SentenceTransformersTextEmbedder(**options, progress_bar=False))
        self._asking.add_component("vectors", InMemoryEmbeddingRetriever(store))
        self._asking.add_component("words", InMemoryBM25Retriever(store))
        self._asking.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
        self._asking.connect("text_embedder", "vectors")
        self._asking.connect("vectors", "joiner")
        self._asking.connect("words", "joiner")
        self._asking.warm_up()

    def index(self, passages: list[dict[str, str]]) -> None:
        documents = [
            Document(content=f"{passage['title']}\n{passage['text']}", meta={"passage": passage["id"]})
            for passage in passages
        ]
        self._writing.run({"embedder": {"documents": documents}})

    def search(self, question: str, k: int) -> list[str]:
        found = self._asking.run(
            {"text_embedder": {"text": question}, "words": {"query": question}, "joiner": {"top_k": k}}
        )
        return [document.meta["passage"] for document in found["joiner"]["documents"]]
