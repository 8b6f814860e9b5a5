"""The keyword half of the embedded index finds what bm25s finds, on the whole of SciFact."""

import json
import math
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from rag_llm_system.domain.index_points import IndexPoint, KeywordQuery, SearchQuery
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue

bm25s = pytest.importorskip("bm25s")
Stemmer = pytest.importorskip("Stemmer")

SCIFACT = Path(os.environ.get("RAG_TEST_DATA_DIR", Path(__file__).parents[3] / "shared" / "data")) / "scifact"
COLLECTION = "article_chunks_embedded"
K1, B = 1.2, 0.75
WORD = r"(?u)\w+"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.slow,
    pytest.mark.skipif(not SCIFACT.is_dir(), reason="the data set scifact is not in RAG_TEST_DATA_DIR"),
]

Ranking = Mapping[str, Sequence[str]]


def _texts(name: str) -> dict[str, str]:
    with (SCIFACT / name).open(encoding="utf-8") as lines:
        return {row["_id"]: f"{row.get('title', '')} {row['text']}".strip() for row in map(json.loads, lines)}


def _relevant() -> dict[str, set[str]]:
    relevant: dict[str, set[str]] = defaultdict(set)
    for line in (SCIFACT / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        question, document, grade = line.split("\t")
        if int(grade) > 0:
            relevant[question].add(document)
    return relevant


def _ndcg_at_10(ranking: Ranking, relevant: Mapping[str, set[str]]) -> float:
    gains = [1 / math.log2(rank + 2) for rank in range(10)]
    values = []
    for question, wanted in relevant.items():
        found = sum(gain for gain, document in zip(gains, ranking[question], strict=False) if document in wanted)
        values.append(found / sum(gains[: len(wanted)]))
    return math.fsum(values) / len(values)


def _of_index(folder: Path, documents: Mapping[str, str], questions: Mapping[str, str], avg_len: float) -> Ranking:
    ids = list(documents)
    vector = np.array([1.0, 0.0], dtype=np.float32)
    points = [IndexPoint(str(UUID(int=n)), {}, vector, documents[name]) for n, name in enumerate(ids)]
    recipe = {"dimension": 2, "embedder": "none", "bm25_k1": K1, "bm25_b": B, "bm25_avg_len": avg_len}
    draft = QdrantEdgeCatalogue(folder, **recipe, min_free_bytes=0).open_draft()  # type: ignore[arg-type]
    draft.upsert(COLLECTION, points)
    draft.publish()
    index = QdrantEdgeIndex(folder, **recipe)  # type: ignore[arg-type]
    asked: list[SearchQuery] = [KeywordQuery(text, 10, with_payload=False) for text in questions.values()]
    found = index.search(COLLECTION, asked)
    index.close()
    return {name: [ids[UUID(hit.id).int] for hit in answer] for name, answer in zip(questions, found, strict=True)}


def _of_bm25s(
    documents: Mapping[str, str], questions: Mapping[str, str], stop_words: list[str]
) -> tuple[Ranking, float]:
    """Gives its ranking, and the mean number of terms of a document."""
    how = {
        "token_pattern": WORD, "stopwords": stop_words, "stemmer": Stemmer.Stemmer("english"), "show_progress": False,
    }  # fmt: skip
    corpus = bm25s.tokenize(list(documents.values()), **how)
    scorer = bm25s.BM25(method="lucene", k1=K1, b=B)
    scorer.index(corpus, show_progress=False)
    asked = bm25s.tokenize(list(questions.values()), return_ids=False, **how)
    found, _ = scorer.retrieve(asked, corpus=list(documents), k=10, show_progress=False)
    avg_len = sum(map(len, corpus.ids)) / len(corpus.ids)
    return dict(zip(questions, found.tolist(), strict=True)), avg_len


def test_ndcg_at_10_is_that_of_bm25s(tmp_path: Path) -> None:
    documents, relevant = _texts("corpus.jsonl"), _relevant()
    questions = {name: text for name, text in _texts("queries.jsonl").items() if name in relevant}
    words = {word for text in (*documents.values(), *questions.values()) for word in re.findall(WORD, text.lower())}
    encoder = Bm25Encoder()
    stop_words = sorted(word for word in words if not len(encoder.encode_query(word)[0]))

    reference, avg_len = _of_bm25s(documents, questions, stop_words)
    ours = _of_index(tmp_path, documents, questions, avg_len)

    assert len(questions) == 300
    assert len(stop_words) > 100
    assert _ndcg_at_10(ours, relevant) == pytest.approx(_ndcg_at_10(reference, relevant), abs=0.01)
    assert _ndcg_at_10(reference, relevant) > 0.67
