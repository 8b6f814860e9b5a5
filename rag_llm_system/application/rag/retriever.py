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
from rag_llm_system.application.rag.learned_ranking import MAX_RANKED, LearnedRanking
from rag_llm_system.application.rag.reranking import MAX_JUDGED, Reranking
from rag_llm_system.application.rag.search_scope import Phraser, ScopeFinder, SearchScope
from rag_llm_system.application.stopwatch import Stopwatch
from rag_llm_system.domain.answers import Passage
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.index_points import (
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
_WINDOWS_PER_CHUNK = 3
"""Windows to ask each half for, as a multiple of the chunks that are wanted."""


@dataclass(frozen=True, slots=True)
class Found:
    """The chunks found for a question, best first, notes for the reader, milliseconds by stage."""

    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found for a question: passages, best first, notes for the reader, milliseconds by stage."""

    passages: tuple[Passage, ...]
    notes: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)


_Query = tuple[str, NDArray[np.float32]]
"""A phrasing and its vector."""


@dataclass(frozen=True, slots=True)
class _FoundPoints:
    """Fused points, best first, and the collection in which each id lies."""

    fused: Sequence[FusedPoint]
    collection_of: Mapping[str, str]


class ContextRetriever:
    """Finds passages for questions. Writes nothing. As safe to use from several threads as its index is.

    Args:
        index: holds the windows of all chunks.
        embedder: the one that the windows were embedded with.
        self_query: finds out where a question asks to search.
        expansion: gives more phrasings of a question.
        learned_ranking: reorders candidates by how the question's words stand in them; None keeps the fusion's order.
        reranker: judges candidates again; None keeps the order so far.
        rerank_budget_ms: how long the reranker may take.
        count_tokens: counts tokens as the answer engine's model would.
        max_context_tokens: the most tokens of all passages together.
        prefetch: windows that each half gives per collection and phrasing, three for each wanted chunk at the least.
        max_passage_chars: a longer chunk becomes the part of about this length around the window that was found: a
            repository's chunk of 1,500 tokens would leave room for two others.
        clock: gives seconds.
    """

    def __init__(
        self,
        index: SwitchingIndex,
        embedder: Embedder,
        self_query: ScopeFinder,
        expansion: Phraser,
        *,
        learned_ranking: LearnedRanking | None = None,
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
        self._learned_ranking = learned_ranking
        self._reranking = Reranking(reranker, rerank_budget_ms, clock) if reranker else None
        self._context = ContextBuilder(count_tokens, max_context_tokens)
        self._prefetch = prefetch
        self._max_passage_chars = max_passage_chars
        self._clock = clock

    def retrieve(
        self, question: str, *, k: int = 9, top_k: int = 3, categories: Sequence[Category] = tuple(Category)
    ) -> Retrieval:
        """Gives up to `top_k` passages for a question that is not blank, chosen among the `k` chunks of `find`."""
        watch = Stopwatch(self._clock)
        candidates, notes = self._find(question, k, categories, watch)
        with watch.stage("context"):
            passages, left_out = self._context(candidates, top_k)
        return Retrieval(tuple(passages), (*notes, *left_out), _milliseconds(watch))

    def find(self, question: str, *, k: int = 9, categories: Sequence[Category] = tuple(Category)) -> Found:
        """Gives up to `k` different chunks for a question that is not blank: every stage but the context's budget.

        A reranker judges 27 at the most, the first of the fused order of all: a quota for each phrasing and collection
        loses recall (0.934 instead of 0.964 at 9 on SQuAD's development questions).
        """
        watch = Stopwatch(self._clock)
        candidates, notes = self._find(question, k, categories, watch)
        return Found(tuple(candidates), notes, _milliseconds(watch))

    def _find(
        self, question: str, k: int, categories: Sequence[Category], watch: Stopwatch
    ) -> tuple[list[Candidate], tuple[str, ...]]:
        with watch.stage("self_query"):
            scope = self._self_query(question)
        with watch.stage("expansion"):
            phrasings = self._expansion(scope.search_text)
        n_chunks = max(k, MAX_RANKED if self._learned_ranking else 0, MAX_JUDGED if self._reranking else 0)
        candidates, notes = self._candidates(phrasings, scope, categories, n_chunks, watch)
        with watch.stage("reranking"):
            if self._learned_ranking:
                candidates = self._learned_ranking(question, candidates)
            if self._reranking:
                candidates, skipped = self._reranking(question, candidates)
                notes += skipped
        return candidates[:k], (*scope.notes, *notes)

    def _candidates(
        self, phrasings: list[str], scope: SearchScope, categories: Sequence[Category], n_chunks: int, watch: Stopwatch
    ) -> tuple[list[Candidate], list[str]]:
        """Gives candidates within the scope, or within a wider one with a note where nothing is in it."""
        with watch.stage("embedding"):
            queries = list(zip(phrasings, self._embedder.embed(phrasings), strict=True))
        # Whatever becomes live meanwhile, what is found is read from where it was found.
        with self._index.pinned() as index:
            return self._candidates_of(index, queries, scope, categories, n_chunks, watch)

    def _candidates_of(
        self,
        index: ReadableIndex,
        queries: Sequence[_Query],
        scope: SearchScope,
        categories: Sequence[Category],
        n_chunks: int,
        watch: Stopwatch,
    ) -> tuple[list[Candidate], list[str]]:
        n_windows = max(self._prefetch, _WINDOWS_PER_CHUNK * n_chunks)
        asked = searched = scope.limited_to(categories)
        while True:
            among = searched.categories or categories
            found = self._search(index, queries, searched.where, among, n_windows, watch)
            if found.fused or not searched.is_narrow:  # a dense query finds something wherever there is anything
                break
            searched = searched.wider()
        notes = list(asked.notes_on(searched)) if found.fused else [_nothing_indexed(categories)]
        with watch.stage("search"):
            return self._first_chunks(index, found, n_chunks), notes

    def _search(
        self,
        index: ReadableIndex,
        queries: Sequence[_Query],
        where: PointFilter,
        categories: Sequence[Category],
        n_windows: int,
        watch: Stopwatch,
    ) -> _FoundPoints:
        """Gives what both halves of all collections find, in one order."""
        asked: list[SearchQuery] = []
        for text, vector in queries:
            asked.append(DenseQuery(vector, n_windows, where, with_payload=False))
            asked.append(KeywordQuery(text, n_windows, where, with_payload=False))
        dense: list[list[ScoredPoint]] = [[] for _ in queries]
        keyword: list[list[ScoredPoint]] = [[] for _ in queries]
        collection_of: dict[str, str] = {}
        for collection in (CHUNK_COLLECTIONS[category] for category in categories):
            with watch.stage("search"):
                results = index.search(collection, asked)
            for place in range(len(queries)):
                dense[place] += results[2 * place]
                keyword[place] += results[2 * place + 1]
            for points in results:
                collection_of.update(dict.fromkeys([point.id for point in points], collection))
        with watch.stage("fusion"):
            fused = fuse([Halves(*halves) for halves in zip(dense, keyword, strict=True)], limit=n_windows)
        return _FoundPoints(fused, collection_of)

    def _first_chunks(self, index: ReadableIndex, found: _FoundPoints, n_chunks: int) -> list[Candidate]:
        """Gives the first `n_chunks` different chunks by the best window of each, each with the others beside them."""
        chunks: dict[str, Candidate] = {}
        for first in range(0, len(found.fused), 2 * n_chunks):
            some = found.fused[first : first + 2 * n_chunks]
            for candidate in self._read(index, some, found.collection_of):
                held = chunks.get(candidate.chunk_id)
                if held:
                    chunks[held.chunk_id] = held.with_windows_of(candidate)
                elif len(chunks) < n_chunks:
                    chunks[candidate.chunk_id] = candidate
            if len(chunks) == n_chunks:
                break
        return list(chunks.values())

    def _read(
        self, index: ReadableIndex, found: Sequence[FusedPoint], collection_of: Mapping[str, str]
    ) -> Iterator[Candidate]:
        """Gives the candidates of found points, in their order; one that is deleted meanwhile is left out."""
        payloads: dict[str, Mapping[str, Any]] = {}
        for collection in dict.fromkeys(collection_of[point.id] for point in found):
            ids = [point.id for point in found if collection_of[point.id] == collection]
            payloads.update((point.id, point.payload) for point in index.scroll(collection, PointFilter(ids=ids)))
        for point in found:
            if point.id in payloads:
                yield candidate_from(payloads[point.id], point.score, point.similarity, self._max_passage_chars)


def _nothing_indexed(categories: Sequence[Category]) -> str:
    if set(categories) == set(Category):
        return "Nothing is indexed here yet: bring writing in, run the feature pipeline, then ask again."
    return (
        f"Nothing is indexed among the {' and '.join(categories)} yet: ask in all categories, or bring some in and run "
        "the feature pipeline."
    )


def _milliseconds(watch: Stopwatch) -> dict[str, float]:
    return {stage: 1000 * watch.seconds.get(stage, 0.0) for stage in STAGES}
