"""From points, filters and queries to Qdrant Edge's own, and back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

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
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.compression import DEFAULT_COMPRESSION, compression_named
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.wire import NumberedHit

_DENSE = "dense"
_KEYWORDS = "keywords"
_NO_VECTOR = "_"

# Without it the engine counts deleted points into the idf until they are vacuumed, and leaves out points without terms
# after a reload. It costs 0.2 ms a query at 20,000 points.
_IDF_OVER_LIVE_POINTS = edge.SearchParams(idf=edge.IdfParams(corpus=edge.Filter()))

# How wide the graph of an optimised collection is searched. Of the true first 100 of 12,000 windows the engine's own
# default finds 0.91, 256 finds 0.98, this 0.995 in 1.6 CPU ms. Collections without a graph are searched exactly.
_HNSW_EF = 512
# Each of several graphs is searched less widely, as its hits are only some of those wanted. Of 34,500 windows in four
# parts 160 finds no less than 512 in one graph, by 300 SciFact train questions: 0.9997 of the first 10, 0.998 of 100.
_LEAST_HNSW_EF = 160


@dataclass(frozen=True, slots=True)
class PointBatch:
    """Points in the form that crosses the pipe: `vectors` is float32, shape (n_points, dimension), or None."""

    ids: list[str]
    payloads: list[dict[str, Any]]
    texts: list[str]
    terms: list[TermWeights | None]
    vectors: NDArray[np.float32] | None


def point_batch(points: Sequence[IndexPoint]) -> PointBatch:
    """Gives the points as a batch; either all have a vector or none has."""
    vectors = [point.vector for point in points if point.vector is not None]
    return PointBatch(
        ids=[point.id for point in points],
        payloads=[dict(point.payload) for point in points],
        texts=[point.text for point in points],
        terms=[point.terms for point in points],
        vectors=np.stack(vectors) if vectors else None,
    )


def shard_config(
    spec: CollectionSpec,
    dimension: int,
    n_threads: int,
    compression: str = DEFAULT_COMPRESSION,
    *,
    graph: bool = True,
    is_written: bool = False,
) -> edge.EdgeConfig:
    """Gives the configuration of a shard; as it must have a vector, payloads alone get a sparse one, unused.

    Args:
        spec: the collection's.
        dimension: of the vectors.
        n_threads: threads of the engine that search.
        compression: how vectors are stored and searched.
        graph: whether optimising builds a graph; a compressed shard that is optimised without one is searched exactly.
        is_written: whether it is opened to be written to, and not to be asked: then opening reads as little as it can.

    Raises:
        ConfigurationError: there is no such compression.
    """
    if not spec.searchable:
        return edge.EdgeConfig(
            sparse_vectors={_NO_VECTOR: edge.EdgeSparseVectorParams()}, max_search_threads=n_threads, wal_enabled=False
        )
    form = compression_named(compression)
    return edge.EdgeConfig(
        vectors={_DENSE: form.vector_params(dimension, graph=graph, is_written=is_written)},
        sparse_vectors={
            _KEYWORDS: edge.EdgeSparseVectorParams(
                modifier=edge.Modifier.Idf, memory=form.keyword_memory(is_written=is_written)
            )
        },
        optimizers=form.optimizers(graph=graph),
        max_search_threads=n_threads,
        wal_enabled=False,
    )


def edge_points(batch: PointBatch, encoder: Bm25Encoder) -> list[edge.Point]:
    """Gives the batch as the engine's points."""
    if batch.vectors is None:
        return [edge.Point(point_id, {}, payload) for point_id, payload in zip(batch.ids, batch.payloads, strict=True)]
    rows = zip(batch.ids, batch.payloads, batch.texts, batch.terms, batch.vectors.tolist(), strict=True)
    return [
        edge.Point(
            point_id,
            {_DENSE: vector, _KEYWORDS: _sparse(encoder.encode_document(text) if terms is None else terms)},
            payload,
        )
        for point_id, payload, text, terms, vector in rows
    ]


def whole_point(record: edge.Record, spec: CollectionSpec) -> IndexPoint:
    """Gives the engine's record, read with its vectors, as a point that another index can store."""
    if not spec.searchable:
        return IndexPoint(str(record.id), record.payload or {})
    vectors: Any = record.vector
    keywords = vectors.get(_KEYWORDS)
    terms = (keywords.indices, keywords.values) if keywords else ([], [])
    return IndexPoint(
        id=str(record.id),
        payload=record.payload or {},
        vector=np.asarray(vectors[_DENSE], np.float32),
        terms=(np.asarray(terms[0], np.uint32), np.asarray(terms[1], np.float32)),
    )


def edge_filter(where: PointFilter) -> edge.Filter:
    """Gives the filter as the engine's."""
    must: list[Any] = [
        edge.FieldCondition(key=name, match=edge.MatchAny(list(values))) for name, values in where.any_of.items()
    ]
    must += [
        edge.FieldCondition(key=name, range=edge.RangeFloat(gte=lowest, lte=highest))
        for name, (lowest, highest) in where.within.items()
    ]
    if where.ids is not None:
        must.append(edge.HasIdCondition({UUID(point_id) for point_id in where.ids}))
    must_not: list[Any] = [edge.HasIdCondition({UUID(point_id) for point_id in where.not_ids})] if where.not_ids else []
    return edge.Filter(must=must, must_not=must_not)


def read_page(
    shard: edge.EdgeShard,
    where: PointFilter,
    start: str | None,
    limit: int,
    *,
    with_payload: bool = False,
    with_vector: bool = False,
) -> list[edge.Record]:
    """Gives up to `limit` matching records in the order of their ids, from the id `start` on."""
    if start is None and where.ids is not None and len(where.ids) <= limit and where == PointFilter(ids=where.ids):
        # Named points are fetched in less than half the time in which a filter finds them.
        return sorted(shard.retrieve(list(dict.fromkeys(where.ids)), with_payload, with_vector), key=_number)
    page, _ = shard.scroll(
        edge.ScrollRequest(
            offset=start,
            limit=limit,
            filter=edge_filter(where),
            with_payload=with_payload,
            with_vector=with_vector,
        )
    )
    return page


def edge_query(
    query: SearchQuery, encoder: Bm25Encoder, compression: str = DEFAULT_COMPRESSION, n_parts: int = 1
) -> edge.QueryRequest | None:
    """Gives the query to a shard of that compression, and of so many parts; None where it can find nothing."""
    if query.where.matches_nothing:
        return None
    if isinstance(query, DenseQuery):
        nearest = edge.Query.Nearest(query.vector.tolist(), using=_DENSE)
        params = compression_named(compression).search_params(query.limit, _hnsw_ef(n_parts))
    else:
        params = _IDF_OVER_LIVE_POINTS
        terms = encoder.encode_query(query.text)
        if not len(terms[0]):
            return None
        nearest = edge.Query.Nearest(_sparse(terms), using=_KEYWORDS)
    return edge.QueryRequest(
        limit=query.limit,
        query=nearest,
        filter=None if query.where == PointFilter() else edge_filter(query.where),
        with_payload=query.with_payload,
        params=params,
    )


def numbered_hits(hits: Iterable[edge.ScoredPoint]) -> list[NumberedHit]:
    """Gives the engine's hits as ours, best first, ties by id."""
    found = [NumberedHit(_number(hit), hit.score, hit.payload or {}) for hit in hits]
    return sorted(found, key=lambda hit: (-hit.score, hit.number))


def scored_points(hits: Iterable[edge.ScoredPoint]) -> list[ScoredPoint]:
    """Gives the engine's hits as points, best first, ties by id."""
    return [ScoredPoint(hit.id, hit.score, hit.payload) for hit in numbered_hits(hits)]


def _number(found: edge.Record | edge.ScoredPoint) -> int:
    point_id: Any = found.id  # a UUID, since nothing else is stored
    number: int = point_id.int
    return number


def _hnsw_ef(n_parts: int) -> int:
    return max(_LEAST_HNSW_EF, _HNSW_EF // max(1, n_parts))


def _sparse(terms: TermWeights) -> edge.SparseVector:
    return edge.SparseVector(terms[0].tolist(), terms[1].tolist())
