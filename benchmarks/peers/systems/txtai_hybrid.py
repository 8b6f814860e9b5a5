"""txtai's hybrid search: vectors in FAISS, BM25 of its own, the texts in SQLite."""

from pathlib import Path

from txtai import Embeddings


class System:
    """Hybrid search."""

    def __init__(self, weights: Path, folder: Path) -> None:
        del folder  # everything stays in memory
        self._embeddings = Embeddings(path=str(weights), hybrid=True, content=True, gpu=False)

    def index(self, passages: list[dict[str, str]]) -> None:
        self._embeddings.index((passage["id"], f"{passage['title']}\n{passage['text']}") for passage in passages)

    def search(self, question: str, k: int) -> list[str]:
        return [found["id"] for found in self._embeddings.search(question, k)]
