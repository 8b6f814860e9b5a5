"""What an index must hold, computed from the documents without any index."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.application.indexing.ledger import document_point_id
from rag_llm_system.application.preprocessing.dispatchers import CleaningDispatcher
from rag_llm_system.application.preprocessing.embedding_data_handlers import embed_windows, index_point
from rag_llm_system.application.wrappers.cached import CachedEmbedder
from rag_llm_system.bootstrap.embedding import chunking_dispatcher, open_embedding_cache
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS, CLEANED_COLLECTIONS, COLLECTIONS, LEDGER_COLLECTION
from rag_llm_system.domain.documents import Document
from rag_llm_system.domain.index_points import IndexPoint
from tools.crash_testing.homes import embedder_of, home_settings
from tools.crash_testing.round import Round


@dataclass(frozen=True, slots=True)
class ExpectedPoint:
    """A point: of its payload what must be in it, and its vector, where it has one."""

    payload: Mapping[str, Any]
    vector: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class ExpectedIndex:
    """All points by collection and id.

    Args:
        points: of every collection.
        hits: for each word, the collection and the ids that a search for it must find there.
        gone_words: words that must be found nowhere.
    """

    points: Mapping[str, Mapping[str, ExpectedPoint]]
    hits: Mapping[str, tuple[str, frozenset[str]]]
    gone_words: tuple[str, ...]


def expected_of(
    round_: Round, versions: Mapping[int, int], others: Sequence[Mapping[int, int]] | None = None
) -> ExpectedIndex:
    """Gives what an index of these versions holds; no word of the others may be found there.

    Args:
        round_: says where vectors are kept that were computed before.
        versions: of the documents, by number.
        others: states of which every word that is not in this one is gone. None: those before and after the operation.
    """
    corpus, settings = round_.corpus, home_settings(round_.home)
    points: dict[str, dict[str, ExpectedPoint]] = {name: {} for name in COLLECTIONS}
    hits: dict[str, tuple[str, frozenset[str]]] = {}
    embedder, tokenizer = embedder_of(settings)
    clean, cut = CleaningDispatcher().clean, chunking_dispatcher(settings, tokenizer, embedder).windows
    with open_embedding_cache(home_settings(round_.vectors)) as cache:
        embed = partial(embed_windows, CachedEmbedder(embedder, cache) if cache else embedder)
        for number, version in versions.items():
            document = corpus.document(number, version)
            _add_document(points, document)
            cleaned = clean(document)
            cleaned_id = document_point_id(document.category, document.id)
            points[CLEANED_COLLECTIONS[document.category]][cleaned_id] = ExpectedPoint(cleaned.model_dump(mode="json"))
            collection = CHUNK_COLLECTIONS[document.category]
            windows = [index_point(embedded) for embedded in embed(cut(cleaned))]
            points[collection] |= {point.id: ExpectedPoint(point.payload, point.vector) for point in windows}
            word = corpus.word(number, version)
            hits[word] = collection, _holding(windows, word)
    gone = {word for state in others or (round_.before, round_.after) for word in corpus.words(state)} - hits.keys()
    return ExpectedIndex(points, hits, tuple(sorted(gone)))


def _add_document(points: dict[str, dict[str, ExpectedPoint]], document: Document) -> None:
    payload = {"id": document.id, "category": str(document.category), "content_hash": document.content_hash()}
    points[LEDGER_COLLECTION][document_point_id(document.category, document.id)] = ExpectedPoint(payload)


def _holding(windows: Iterable[IndexPoint], word: str) -> frozenset[str]:
    return frozenset(point.id for point in windows if word in point.text)
