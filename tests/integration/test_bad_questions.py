"""Whatever is asked, of however little: the retriever gives what is nearest, and never fails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.application.rag.query_expansion import QueryExpansion
from rag_llm_system.application.rag.retriever import ContextRetriever
from rag_llm_system.application.rag.self_query import SelfQuery
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.domain.users import UserDocument
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
from rag_llm_system.model.embeddings.onnx_embedder import OnnxEmbedder
from tests.tiny_bert import make_tiny_bert
from tests.unit.application.rag.corpus import CorpusIndex

TEXTS = ("The cat sat on a mat.", "A dog ran far away from the house.", "It was night and we saw rain on the sea.")
AUTHORS = [UserDocument.from_full_name("Ada Lovelace")]
QUESTIONS = {
    "only stop words": "what is the of and to it",
    "one letter": "a",
    "only punctuation": "?!... --- ''' \"\"\" ((([[[",
    "nothing but space": " \t\n\u00a0\u2003",
    "nothing": "",
    "emoji": "🐈‍⬛ 👩🏽‍🚀 🏳️‍🌈",
    "control characters": "cat\x00\x01\x1b[31m\x7f\u200b\u202e\ufeff\x85 mat",
    "only control characters": "\x00\x01\x02",
    "lone surrogates": "the \ud800 cat \udfff\ud83d",
    "Chinese": "猫坐在哪里？",
    "Arabic": "أين جلست القطة؟",
    "Hindi": "बिल्ली कहाँ बैठी थी?",
    "Thai": "แมวนั่งอยู่ที่ไหน",
    "combining marks": "c\u0301\u0302\u0303a\u0301" + "t\u0327" * 50,
    "10,000 characters of words": "where was the cat " * 556,
    "10,000 characters without a space": "x" * 10_000,
    "10,000 Chinese characters": "猫" * 10_000,
    "10,000 line ends": "\n" * 10_000 + "cat",
    "query language": "cat AND (dog OR -mat) NOT field:value^2 ~ * \\ /.*/ {!q}",
    "an injection": "'; DROP TABLE users; -- {{7*7}} ${x} %s %n <script>",
    "an author": "what does Ada Lovelace say about \ud800",
    "nobody's writing": "according to \U0001f600, by by by from from wrote",
}


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEmbedder:
    place = tmp_path_factory.mktemp("embedder")
    folder = make_tiny_bert(place / "tiny")
    return OnnxEmbedder(model_id="tiny", weights_dir=folder, cache_dir=place / "models", precision="fp32")


@pytest.fixture(scope="module", params=[0, 1, 3], ids=["empty", "one document", "three documents"])
def index(
    request: pytest.FixtureRequest, embedder: OnnxEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[QdrantEdgeIndex, int]]:
    place = tmp_path_factory.mktemp("index")
    recipe: dict[str, Any] = {"dimension": embedder.dimension, "embedder": "tiny"}
    collection = CHUNK_COLLECTIONS[Category.ARTICLES]
    if request.param:
        _publish(place, recipe, collection, _points(embedder, TEXTS[: request.param]))
    opened = QdrantEdgeIndex(place, **recipe)
    yield opened, request.param
    opened.close()


def _points(embedder: OnnxEmbedder, texts: tuple[str, ...]) -> list[IndexPoint]:
    corpus = CorpusIndex()
    for number, text in enumerate(texts):
        corpus.add(text, document=f"document {number}")
    stored = list(corpus.scroll(CHUNK_COLLECTIONS[Category.ARTICLES]))
    return [
        IndexPoint(point.id, point.payload, embedder.embed([text])[0], text)
        for point in stored
        for text in [point.payload["chunk_text"]]
    ]


def _publish(place: Path, recipe: dict[str, Any], collection: str, points: list[IndexPoint]) -> None:
    draft = QdrantEdgeCatalogue(place, **recipe, min_free_bytes=0).open_draft()
    draft.upsert(collection, points)
    draft.publish()


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_every_question_gets_the_nearest_of_what_there_is(
    question: str, index: tuple[QdrantEdgeIndex, int], embedder: OnnxEmbedder
) -> None:
    opened, n_documents = index
    alone, phrased = (
        ContextRetriever(opened, embedder, SelfQuery(lambda: AUTHORS), QueryExpansion(n_phrasings))
        for n_phrasings in (1, 3)
    )
    found, retrieval = alone.find(question, k=100), phrased.retrieve(question, top_k=20)
    assert len(found.candidates) == len(retrieval.passages) == n_documents
    assert {passage.text for passage in retrieval.passages} == set(TEXTS[:n_documents])
    assert all(isinstance(candidate.score, float) for candidate in found.candidates)
    if not n_documents:
        assert "run the feature pipeline" in " ".join(found.notes)


@pytest.mark.parametrize("question", ["where was the cat", "the \ud800 cat?", "CAT\x00"])
def test_the_words_around_do_not_hide_what_can_be_found(
    question: str, index: tuple[QdrantEdgeIndex, int], embedder: OnnxEmbedder
) -> None:
    opened, n_documents = index
    retriever = ContextRetriever(opened, embedder, SelfQuery(lambda: AUTHORS), QueryExpansion())
    found = retriever.find(question, k=1)
    assert [candidate.text for candidate in found.candidates] == list(TEXTS[:1] if n_documents else ())
