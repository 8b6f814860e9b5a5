"""On real texts the embedded index gives what the plain reference gives."""

import json
import os
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from rag_llm_system.domain.index_points import DenseQuery, IndexPoint, KeywordQuery, PointFilter, SearchQuery
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue

SCIFACT = Path(os.environ.get("RAG_TEST_DATA_DIR", Path(__file__).parents[3] / "shared" / "data")) / "scifact"
COLLECTION = "article_chunks_embedded"
DIMENSION = 64
AVG_LEN = 120.0

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not SCIFACT.is_dir(), reason="the data set scifact is not in RAG_TEST_DATA_DIR"),
]


def texts(name: str, n: int) -> list[str]:
    with (SCIFACT / name).open(encoding="utf-8") as lines:
        return [f"{row.get('title', '')} {row['text']}".strip() for row in map(json.loads, islice(lines, n))]


def projected(text: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Gives a vector whose nearness is that of the words: the sum of a random direction for each term."""
    terms, _ = Bm25Encoder().encode_query(text)
    directions = [np.random.default_rng(int(term)).standard_normal(DIMENSION) for term in terms]
    vector = np.sum(directions, axis=0)
    normalised: np.ndarray[tuple[int], np.dtype[np.float32]] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return normalised


def test_500_documents_rank_as_in_the_reference(tmp_path: Path) -> None:
    points = [
        IndexPoint(str(UUID(int=i)), {"author_id": f"author {i % 3}"}, projected(text), text)
        for i, text in enumerate(texts("corpus.jsonl", 500))
    ]
    questions = texts("queries.jsonl", 10)
    some = PointFilter(any_of={"author_id": ["author 1"]})
    queries: list[SearchQuery] = [KeywordQuery(question, 50, with_payload=False) for question in questions]
    queries += [DenseQuery(projected(question), 50, some, with_payload=False) for question in questions]
    recipe: dict[str, Any] = {"dimension": DIMENSION, "embedder": "words", "bm25_avg_len": AVG_LEN}
    reference = NumpyIndex(dimension=DIMENSION, encoder=Bm25Encoder(avg_len=AVG_LEN))
    reference.upsert(COLLECTION, points)
    draft = QdrantEdgeCatalogue(tmp_path, **recipe, min_free_bytes=0).open_draft()
    draft.upsert(COLLECTION, points)
    draft.publish()
    index = QdrantEdgeIndex(tmp_path, **recipe)
    expected, found = reference.search(COLLECTION, queries), index.search(COLLECTION, queries)
    index.close()

    assert [len(answer) for answer in found] == [50] * len(queries)
    for answer, wanted in zip(found, expected, strict=True):
        assert [hit.id for hit in answer] == [hit.id for hit in wanted]
        assert [hit.score for hit in answer] == pytest.approx([hit.score for hit in wanted], abs=1e-4)
