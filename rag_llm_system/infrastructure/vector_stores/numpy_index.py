"""The plain reference: exact search in memory, written to be read, against which every other index is measured."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from rag_llm_system.domain.errors import BackendError
from rag_llm_system.domain.index_points import (
    EVERYTHING,
    DenseQuery,
    IndexPoint,
    KeywordQuery,
    PointFilter,
    ScoredPoint,
    SearchQuery,
    StoredPoint,
)
from rag_llm_system.infrastructure.vector_stores.admission import admit_filter, admit_points, admit_queries, spec_of
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder


class NumpyIndex:
    """A `VectorIndex` in memory, gone with its process; for tests and some thousand points, not for several threads."""

    def __init__(self, *, dimension: int, encoder: Bm25Encoder | None = None) -> None:
        self._dimension = dimension
        self._encoder = encoder or Bm25Encoder()
        self._collections: dict[str, dict[str, IndexPoint]] = {}
        self._closed = False

    @contextmanager
    def pinned(self) -> Iterator["NumpyIndex"]:
        """Gives the index: it has one generation, which is written to where it is."""
        yield self

    def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        stored = self._points(collection)
        stored.update({point.id: point for point in admit_points(spec_of(collection), points, self._dimension)})

    def delete(self, collection: str, where: PointFilter) -> int:
        matching = self._matching(collection, where)
        for point in matching:
            del self._points(collection)[point.id]
        return len(matching)

    def search(self, collection: str, queries: Sequence[SearchQuery]) -> list[list[ScoredPoint]]:
        admitted = admit_queries(spec_of(collection), queries, self._dimension)
        return [self._answer(collection, query) for query in admitted]

    def scroll(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[StoredPoint]:
        return iter([StoredPoint(point.id, point.payload) for point in self._matching(collection, where)])

    def count(self, collection: str, where: PointFilter = EVERYTHING) -> int:
        return len(self._matching(collection, where))

    def whole_points(self, collection: str, where: PointFilter = EVERYTHING) -> Iterator[IndexPoint]:
        """As `PointSource` says."""
        searchable = spec_of(collection).searchable
        for point in self._matching(collection, where):
            terms = self._encoder.point_terms(point) if searchable else None
            yield IndexPoint(point.id, point.payload, point.vector, terms=terms)

    def close(self) -> None:
        self._closed = True

    def _points(self, collection: str) -> dict[str, IndexPoint]:
        if self._closed:
            raise BackendError("the index is closed: open it again")
        return self._collections.setdefault(spec_of(collection).name, {})

    def _matching(self, collection: str, where: PointFilter) -> list[IndexPoint]:
        where = admit_filter(spec_of(collection), where)
        points = self._points(collection)
        return [points[point_id] for point_id in sorted(points) if _matches(points[point_id], where)]

    def _answer(self, collection: str, query: SearchQuery) -> list[ScoredPoint]:
        candidates = self._matching(collection, query.where)
        if isinstance(query, DenseQuery):
            scores = {point.id: _cosine(point, query) for point in candidates}
        else:
            scores = self._bm25_scores(collection, query, candidates)
        found = sorted((point for point in candidates if point.id in scores), key=lambda p: (-scores[p.id], p.id))
        return [
            ScoredPoint(point.id, scores[point.id], point.payload if query.with_payload else {})
            for point in found[: query.limit]
        ]

    def _bm25_scores(self, collection: str, query: KeywordQuery, candidates: list[IndexPoint]) -> dict[str, float]:
        weights = {point.id: self._weights(point) for point in self._points(collection).values()}
        scores: dict[str, float] = {}
        for term in self._encoder.encode_query(query.text)[0].tolist():
            idf = _idf(len(weights), sum(term in of_point for of_point in weights.values()))
            for point in candidates:
                if term in weights[point.id]:
                    scores[point.id] = scores.get(point.id, 0.0) + idf * weights[point.id][term]
        return scores

    def _weights(self, point: IndexPoint) -> Mapping[int, float]:
        terms, weights = self._encoder.point_terms(point)
        return dict(zip(terms.tolist(), weights.tolist(), strict=True))


def _idf(n_points: int, n_with_term: int) -> float:
    return math.log(1 + (n_points - n_with_term + 0.5) / (n_with_term + 0.5))


def _cosine(point: IndexPoint, query: DenseQuery) -> float:
    assert point.vector is not None
    stored, asked = point.vector.astype(np.float64), query.vector.astype(np.float64)
    lengths = float(np.linalg.norm(stored) * np.linalg.norm(asked))
    return float(stored @ asked) / lengths if lengths else 0.0


def _matches(point: IndexPoint, where: PointFilter) -> bool:
    if point.id in where.not_ids or (where.ids is not None and point.id not in where.ids):
        return False
    return all(_has_any(point.payload.get(name), values) for name, values in where.any_of.items()) and all(
        _has_within(point.payload.get(name), *ends) for name, ends in where.within.items()
    )


def _has_any(value: Any, wanted: Sequence[str]) -> bool:
    held = value if isinstance(value, list) else [value]
    return any(one in wanted for one in held)


def _has_within(value: Any, lowest: int, highest: int) -> bool:
    held = value if isinstance(value, list) else [value]
    return any(type(one) is int and lowest <= one <= highest for one in held)
