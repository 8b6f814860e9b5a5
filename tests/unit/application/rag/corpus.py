"""A small index of real parts, and an embedder whose vectors can be foreseen."""

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.chunks import span_id
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.domain.users import user_id
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex

DIMENSION = 64


class WordEmbedder:
    """An `Embedder` whose vectors count words, each hashed to a component: texts that share words are near."""

    dimension = DIMENSION
    max_tokens = 256
    fingerprint = "words"

    def __init__(self) -> None:
        self.n_calls = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.n_calls += 1
        vectors = np.full((len(texts), DIMENSION), 1e-3, np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[zlib.crc32(word.encode()) % DIMENSION] += 1
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


EMBEDDER = WordEmbedder()


class CorpusIndex(NumpyIndex):
    """The reference index, with a short way to fill it."""

    def __init__(self) -> None:
        super().__init__(dimension=DIMENSION)

    def add(
        self,
        text: str,
        *,
        document: str,
        author: str = "Ada Lovelace",
        category: Category = Category.ARTICLES,
        chunk_start: int = 0,
        windows: Sequence[tuple[int, int]] = (),
    ) -> str:
        """Stores a chunk that starts at `chunk_start` of its document; windows are spans of `text`. Gives its id."""
        chunk_id = span_id(document, chunk_start, chunk_start + len(text), text)
        points = []
        for first, last in windows or [(0, len(text))]:
            payload = {
                "document_id": document,
                "category": str(category),
                "author_id": user_id(author),
                "author_full_name": author,
                "title": document.title(),
                "link": f"https://example.org/{document}",
                "platform": "file",
                "path": "",
                "chunk_id": chunk_id,
                "chunk_start": chunk_start,
                "chunk_end": chunk_start + len(text),
                "chunk_text": text,
                "window_start": chunk_start + first,
                "window_end": chunk_start + last,
            }
            window = text[first:last]
            point_id = span_id(document, chunk_start + first, chunk_start + last, window)
            points.append(IndexPoint(point_id, payload, EMBEDDER.embed([window])[0], window))
        self.upsert(CHUNK_COLLECTIONS[category], points)
        return chunk_id
