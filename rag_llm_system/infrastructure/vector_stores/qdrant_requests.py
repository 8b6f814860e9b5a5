"""From points, filters and queries to those of a Qdrant server, and back."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rag_llm_system.domain.collections import CollectionSpec
from rag_llm_system.domain.index_points import (
    DenseQuery,
    IndexPoint,
    PointFilter,
    ScoredPoint,
    SearchQuery,
    TermWeights,
)
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder
from rag_llm_system.infrastructure.vector_stores.qdrant_schema import DENSE, KEYWORDS

if TYPE_CHECKING:
    from qdrant_client import models

_BYTES_PER_NUMBER = 22
"""What a number takes in JSON at the most, with its comma."""


def server_points(points: Iterable[IndexPoint], encoder: Bm25Encoder) -> "list[models.PointStruct]":
    """Gives the points as the server's."""
    from qdrant_client import models

    return [
        models.PointStruct(id=point.id, vector=_vectors(point, encoder), payload=dict(point.payload))
        for point in points
    ]


def whole_point(record: "models.Record", spec: CollectionSpec) -> IndexPoint:
    """Gives the server's record, read with its vectors, as a point that another index can store."""
    if not spec.searchable:
        return IndexPoint(str(record.id), record.payload or {})
    vectors: Any = record.vector
    keywords = vectors.get(KEYWORDS)
    terms = (keywords.indices, keywords.values) if keywords else ([], [])
    return IndexPoint(
        id=str(record.id),
        payload=record.payload or {},
        vector=np.asarray(vectors[DENSE], np.float32),
        terms=(np.asarray(terms[0], np.uint32), np.asarray(terms[1], np.float32)),
    )


def batches(points: Sequence[IndexPoint], max_points: int, max_bytes: int) -> Iterator[list[IndexPoint]]:
    """Gives the points in groups that fit into a request; a point that is larger than that goes alone."""
    batch: list[IndexPoint] = []
    n_bytes = 0
    for point in points:
        size_bytes = _size_bytes(point)
        if batch and (len(batch) == max_points or n_bytes + size_bytes > max_bytes):
            yield batch
            batch, n_bytes = [], 0
        batch.append(point)
        n_bytes += size_bytes
    if batch:
        yield batch


def server_filter(where: PointFilter) -> "models.Filter":
    """Gives the filter as the server's."""
    from qdrant_client import models

    must: list[models.Condition] = [
        models.FieldCondition(key=name, match=models.MatchAny(any=list(values)))
        for name, values in where.any_of.items()
    ]
    must += [
        models.FieldCondition(key=name, range=models.Range(gte=lowest, lte=highest))
        for name, (lowest, highest) in where.within.items()
    ]
    if where.ids is not None:
        must.append(models.HasIdCondition(has_id=list(where.ids)))
    must_not: list[models.Condition] = [models.HasIdCondition(has_id=list(where.not_ids))] if where.not_ids else []
    return models.Filter(must=must, must_not=must_not)


def server_query(query: SearchQuery, encoder: Bm25Encoder) -> "models.QueryRequest | None":
    """Gives the query as the server's; None where it can find nothing."""
    from qdrant_client import models

    if query.where.matches_nothing:
        return None
    asked: list[float] | models.SparseVector
    if isinstance(query, DenseQuery):
        asked = query.vector.tolist()
    else:
        terms = encoder.encode_query(query.text)
        if not len(terms[0]):
            return None
        asked = _sparse(terms)
    return models.QueryRequest(
        query=models.NearestQuery(nearest=asked),
        using=DENSE if isinstance(query, DenseQuery) else KEYWORDS,
        limit=query.limit,
        filter=None if query.where == PointFilter() else server_filter(query.where),
        with_payload=query.with_payload,
        params=_thorough() if isinstance(query, DenseQuery) else _idf_over_live_points(),
    )


def scored_points(hits: "Iterable[models.ScoredPoint]") -> list[ScoredPoint]:
    """Gives the server's hits as ours, best first, ties by id."""
    found = [ScoredPoint(str(hit.id), hit.score, hit.payload or {}) for hit in hits]
    return sorted(found, key=lambda point: (-point.score, point.id))


@cache
def _idf_over_live_points() -> "models.SearchParams":
    # Without it the server counts deleted points into the idf for as long as they stand in its sparse index.
    from qdrant_client import models

    return models.SearchParams(idf=models.IdfCorpusParams(corpus=models.Filter()))


@cache
def _thorough() -> "models.SearchParams":
    # As wide as the embedded index searches a graph; collections without one are searched exactly.
    from qdrant_client import models

    return models.SearchParams(hnsw_ef=512)


def _vectors(point: IndexPoint, encoder: Bm25Encoder) -> dict[str, Any]:
    if point.vector is None:
        return {}
    return {DENSE: point.vector.tolist(), KEYWORDS: _sparse(encoder.point_terms(point))}


def _sparse(terms: TermWeights) -> "models.SparseVector":
    from qdrant_client import models

    return models.SparseVector(indices=terms[0].tolist(), values=terms[1].tolist())


def _size_bytes(point: IndexPoint) -> int:
    n_numbers = 0 if point.vector is None else len(point.vector)
    n_numbers += 2 * len(point.terms[0]) if point.terms else len(point.text) // 2
    return len(json.dumps(point.payload)) + _BYTES_PER_NUMBER * n_numbers
