"""LlamaIndex with a FAISS vector store; its own store in memory is slower the more there is in it."""

from pathlib import Path

import faiss
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.faiss import FaissVectorStore


class System:
    """Dense search, exact."""

    def __init__(self, weights: Path, folder: Path) -> None:
        del folder  # everything stays in memory
        self._embedding = HuggingFaceEmbedding(model_name=str(weights), device="cpu", embed_batch_size=32)

    def index(self, passages: list[dict[str, str]]) -> None:
        documents = [Document(id_=passage["id"], text=f"{passage['title']}\n{passage['text']}") for passage in passages]
        dimension = len(self._embedding.get_text_embedding("hello world"))
        store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(dimension))
        self._index = VectorStoreIndex.from_documents(
            documents,
            storage_context=StorageContext.from_defaults(vector_store=store),
            embed_model=self._embedding,
        )

    def search(self, question: str, k: int) -> list[str]:
        found = self._index.as_retriever(similarity_top_k=k).retrieve(question)
        return list(dict.fromkeys(node.node.ref_doc_id for node in found))
