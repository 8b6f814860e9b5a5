"""What one writes without a framework: sentence-transformers for vectors, a flat FAISS index for search."""

from pathlib import Path

import faiss
from sentence_transformers import SentenceTransformer


class System:
    """Dense search, exact."""

    def __init__(self, weights: Path, folder: Path) -> None:
        del folder  # everything stays in memory
        self._model = SentenceTransformer(str(weights), device="cpu")

    def index(self, passages: list[dict[str, str]]) -> None:
        self._ids = [passage["id"] for passage in passages]
        texts = [f"{passage['title']}\n{passage['text']}" for passage in passages]
        vectors = self._model.encode(texts, normalize_embeddings=True)
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def search(self, question: str, k: int) -> list[str]:
        _, places = self._index.search(self._model.encode([question], normalize_embeddings=True), k)
        return [self._ids[place] for place in places[0]]
