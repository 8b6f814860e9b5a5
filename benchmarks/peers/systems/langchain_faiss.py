"""LangChain with its FAISS vector store."""

from pathlib import Path

import faiss
from langchain_community.docstore.in_memory import InMemoryDocstore
from langchain_community.vectorstores import FAISS
from langchain_core.documents import Document
from langchain_huggingface import HuggingFaceEmbeddings


class System:
    """Dense search, exact."""

    def __init__(self, weights: Path, folder: Path) -> None:
        del folder  # everything stays in memory
        embeddings = HuggingFaceEmbeddings(
            model_name=str(weights), model_kwargs={"device": "cpu"}, encode_kwargs={"normalize_embeddings": True}
        )
        index = faiss.IndexFlatL2(len(embeddings.embed_query("hello world")))
        self._store = FAISS(
            embedding_function=embeddings, index=index, docstore=InMemoryDocstore(), index_to_docstore_id={}
        )

    def index(self, passages: list[dict[str, str]]) -> None:
        documents = [
            Document(page_content=f"{passage['title']}\n{passage['text']}", metadata={"id": passage["id"]})
            for passage in passages
        ]
        self._store.add_documents(documents=documents, ids=[passage["id"] for passage in passages])

    def search(self, question: str, k: int) -> list[str]:
        return [document.metadata["id"] for document in self._store.similarity_search(query=question, k=k)]
