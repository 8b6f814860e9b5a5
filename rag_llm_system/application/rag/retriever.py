"""Stage 3, search, and the order of the stages around it: from a question to numbered passages."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.application.rag.candidates import Candidate, candidate_from
from rag_llm_system.application.rag.context import ContextBuilder, CountTokens, estimated_tokens
from rag_llm_system.application.rag.fusion import FusedPoint, Halves, fuse
from rag_llm_system.application.rag.query_expansion import QueryExpansion
from rag_llm_system.application.rag.reranking import Reranking
from rag_llm_system.application.rag.self_query import AuthorScope, SelfQuery
from rag_llm_system.application.stopwatch import Stopwatch
from rag_llm_system.domain.answers import Passage
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.index_points import (
    EVERYTHING,
    DenseQuery,
    KeywordQuery,
    PointFilter,
    ScoredPoint,
    SearchQuery,
)
from rag_llm_system.domain.ports.embedder import Embedder
from rag_llm_system.domain.ports.reranker import Reranker
from rag_llm_system.domain.ports.vector_index import ReadableIndex, SwitchingIndex

STAGES = ("self_query", "expansion", "embedding", "search", "fusion", "reranking", "context")
_RERANKED = 3
"""Candidates for a reranker, as a multiple of k: 27 of the usual 9."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found for a question: passages, best first, notes for the reader, milliseconds by stage."""

    passages: tuple[Passage, ...]
    notes: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)


_Query = tuple[str, NDArray[np.float32]]
"""A phrasing and its vector."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A fused point and the collection in which it lies."""

    point: FusedPoint
    collection: str


class ContextRetriever:
    """Finds passages for questions. Writes nothing. As safe to use from several threads as its index is.

    Args:
        index: holds the windows of all chunks.
        embedder: the one that the windows were embedded with.
        self_query: finds the authors that a question names.
        expansion: gives more phrasings of a question.
        reranker: judges candidates again; None keeps the order of the fusion.
        rerank_budget_ms: how long the reranker may take.
        count_tokens: counts tokens as the answer engine's model would.
        max_context_tokens: the most tokens of all passages together.
        prefetch: windows that each half gives per collection and phrasing.
        max_passage_chars: a longer chunk becomes the part of about this length around the window that was found: a
            repository's chunk of 1,500 tokens would leave room for two others.
        clock: gives seconds.
    """

    def __init__(
        self,
        index: SwitchingIndex,
        embedder: Embedder,
        self_query: SelfQuery,
        expansion: QueryExpansion,
        *,
        reranker: Reranker | None = None,
        rerank_budget_ms: float = 500.0,
        count_tokens: CountTokens = estimated_tokens,
        max_context_tokens: int = 4000,
        prefetch: int = 100,
        max_passage_chars: int = 2000,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._self_query = self_query
        self._expansion = expansion
        self._reranking = Reranking(reranker, rerank_budget_ms, clock) if reranker else None
        self._context = ContextBuilder(count_tokens, max_context_tokens)
        self._prefetch = prefetch
        self._max_passage_chars = max_passage_chars
        self._clock = clock

    def retrieve(
        self, question: str, *, k: int = 9, top_k: int = 3, categories: Sequence[Category] = tuple(Category)
    ) -> Retrieval:
        """Gives up to `top_k` passages for a question that is not blank, chosen among `k` chunks.

        With a reranker it is up to three times as many, 27 for the usual k: what three phrasings would bring from three
        collections at k // 3 each. They are taken from the fused order of all, since a quota for each loses recall
        (0.934 instead of 0.964 at 9 on SQuAD's development questions).
        """
        watch = Stopwatch(self._clock)
        with watch.stage("self_query"):
            scope = self._self_query(question)
        with watch.stage("expansion"):
            phrasings = self._expansion(scope.search_text)
        candidates, notes = self._candidates(phrasings, scope, categories, k, watch)
        with watch.stage("reranking"):
            if self._reranking and len(candidates) > 1:
                candidates, skipped = self._reranking(question, candidates)
                notes += skipped
        with watch.stage("context"):
            passages, left_out = self._context(candidates, top_k)
        timings_ms = {stage: 1000 * watch.seconds.get(stage, 0.0) for stage in STAGES}
        return Retrieval(tuple(passages), (*scope.notes, *notes, *left_out), timings_ms)

    def _candidates(
        self, phrasings: list[str], scope: AuthorScope, categories: Sequence[Category], k: int, watch: Stopwatch
    ) -> tuple[list[Candidate], list[str]]:
        """Gives candidates of the authors in scope, or everybody's with a note where those have nothing."""
        with watch.stage("embedding"):
            queries = list(zip(phrasings, self._embedder.embed(phrasings), strict=True))
        # Whatever becomes live meanwhile, what is found is read from where it was found.
        with self._index.pinned() as index:
            return self._candidates_of(index, queries, scope, categories, k, watch)

    def _candidates_of(
        self,
        index: ReadableIndex,
        queries: Sequence[_Query],
        scope: AuthorScope,
        categories: Sequence[Category],
        k: int,
        watch: Stopwatch,
    ) -> tuple[list[Candidate], list[str]]:
        notes: list[str] = []
        found: list[_Found] = []
        by = " or ".join(scope.names)
        if scope.author_ids:
            found = self._search(index, queries, PointFilter(any_of={"author_id": scope.author_ids}), categories, watch)
            if found:
                notes.append(f"Searched only what is by {by}.")
        if not found:
            found = self._search(index, queries, EVERYTHING, categories, watch)
            if not found:  # a dense query finds something wherever there is anything
                notes.append("Nothing is indexed here yet: bring writing in, run the feature pipeline, then ask again.")
            elif scope.author_ids:
                notes.append(f"Nothing by {by} is in the index; searched all authors instead.")
        with watch.stage("search"):
            return self._first_chunks(index, found, k * _RERANKED if self._reranking else k), notes

    def _search(
        self,
        index: ReadableIndex,
        queries: Sequence[_Query],
        where: PointFilter,
        categories: Sequence[Category],
        watch: Stopwatch,
    ) -> list[_Found]:
        """Gives what both halves of all collections find, in one order."""
        asked: list[SearchQuery] = []
        for text, vector in queries:
            asked.append(DenseQuery(vector, self._prefetch, where, with_payload=False))
            asked.append(KeywordQuery(text, self._prefetch, where, with_payload=False))
        dense: list[list[ScoredPoint]] = [[] for _ in queries]
        keyword: list[list[ScoredPoint]] = [[] for _ in queries]
        collection_of: dict[str, str] = {}
        for collection in (CHUNK_COLLECTIONS[category] for category in categories):
            with watch.stage("search"):
                results = index.search(collection, asked)
            for place in range(len(queries)):
                dense[place] += results[2 * place]
                keyword[place] += results[2 * place + 1]
            collection_of.update((point.id, collection) for points in results for point in points)
        with watch.stage("fusion"):
            fused = fuse([Halves(*halves) for halves in zip(dense, keyword, strict=True)], limit=self._prefetch)
        return [_Found(point, collection_of[point.id]) for point in fused]

    def _first_chunks(self, index: ReadableIndex, found: Sequence[_Found], n_chunks: int) -> list[Candidate]:
        """Gives the first `n_chunks` different chunks; windows of a chunk count once, by the best of them."""
        chunks: dict[str, Candidate] = {}
        for first in range(0, len(found), 2 * n_chunks):
            for candidate in self._read(index, found[first : first + 2 * n_chunks]):
                if candidate.chunk_id not in chunks and len(chunks) < n_chunks:
                    chunks[candidate.chunk_id] = candidate
            if len(chunks) == n_chunks:
                break
        return list(chunks.values())

    def _read(self, index: ReadableIndex, found: Sequence[_Found]) -> Iterator[Candidate]:
        """Gives the candidates of found points, in their order; one that is deleted meanwhile is left out."""
        payloads: dict[str, Mapping[str, Any]] = {}
        for collection in dict.fromkeys(one.collection for one in found):
            ids = [one.point.id for one in found if one.collection == collection]
            payloads.update((point.id, point.payload) for point in index.scroll(collection, PointFilter(ids=ids)))
        for one in found:
            if one.point.id in payloads:
                yield candidate_from(
                    payloads[one.point.id], one.point.score, one.point.similarity, self._max_passage_chars
                )
