"""What may go into an index and what may be asked of it: the checks of the port, made once for every backend."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.collections import COLLECTIONS, CollectionSpec
from rag_llm_system.domain.errors import CapabilityError, InputError, NotFoundError
from rag_llm_system.domain.index_points import (
    DenseQuery,
    IndexPoint,
    KeywordQuery,
    PointFilter,
    SearchQuery,
    TermWeights,
)

_INT64 = range(-(2**63), 2**63)
_EXACT_IN_DOUBLE = 2**53
_ID = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def spec_of(collection: str) -> CollectionSpec:
    """Gives the collection's specification.

    Raises:
        NotFoundError: there is no such collection.
    """
    if collection not in COLLECTIONS:
        raise NotFoundError(f"there is no collection {collection!r}: it must be one of {', '.join(COLLECTIONS)}")
    return COLLECTIONS[collection]


def admit_points(spec: CollectionSpec, points: Sequence[IndexPoint], dimension: int) -> list[IndexPoint]:
    """Gives the points as they are stored: the last of each id, with copies of payload and vector.

    Raises:
        InputError: an id is no UUID, a payload is no JSON, a vector is missing, of a wrong dimension or not finite,
            terms are given twice, or their weights are not finite.
    """
    last = {point.id: point for point in points}
    return [
        IndexPoint(
            id=_admit_id(point.id),
            payload=_json_copy(point),
            vector=_admit_stored_vector(point, dimension) if spec.searchable else None,
            text=point.text if spec.searchable else "",
            terms=_admit_terms(point) if spec.searchable else None,
        )
        for point in last.values()
    ]


def admit_queries(spec: CollectionSpec, queries: Sequence[SearchQuery], dimension: int) -> list[SearchQuery]:
    """Gives the queries with plain, picklable parts.

    Raises:
        CapabilityError: the collection cannot be searched.
        InputError: a limit is below 1, a vector is of a wrong dimension or not finite, a filter cannot be used.
    """
    if not spec.searchable:
        raise CapabilityError(f"the collection {spec.name!r} has no vectors and no keyword half: use scroll or count")
    return [_admit_query(spec, query, dimension) for query in queries]


def admit_filter(spec: CollectionSpec, where: PointFilter) -> PointFilter:
    """Gives the filter with plain, picklable parts.

    Raises:
        InputError: an id is no UUID, a field is none that the collection is filtered by in that way, or an end of a
            range is no whole number below 2**53.
    """
    _admit_fields(spec, where.any_of, spec.filter_fields)
    _admit_fields(spec, where.within, spec.range_fields)
    return PointFilter(
        any_of={name: tuple(values) for name, values in where.any_of.items()},
        ids=None if where.ids is None else tuple(_admit_id(point_id) for point_id in where.ids),
        not_ids=tuple(_admit_id(point_id) for point_id in where.not_ids),
        within={name: _admit_range(name, ends) for name, ends in where.within.items()},
    )


def _admit_fields(spec: CollectionSpec, asked: Iterable[str], allowed: Sequence[str]) -> None:
    for name in asked:
        if name not in allowed:
            use = f"use one of {', '.join(allowed)}" if allowed else "leave this condition out"
            raise InputError(f"{spec.name!r} cannot be filtered by the field {name!r} in this way: {use}")


def _admit_range(name: str, ends: tuple[int, int]) -> tuple[int, int]:
    lowest, highest = ends
    if not all(type(end) is int and abs(end) < _EXACT_IN_DOUBLE for end in (lowest, highest)):
        raise InputError(f"the range of the field {name!r} does not lie between two whole numbers below 2**53")
    return lowest, highest


def _admit_query(spec: CollectionSpec, query: SearchQuery, dimension: int) -> SearchQuery:
    if query.limit < 1:
        raise InputError(f"the limit of a search is {query.limit}: it must be at least 1")
    where = admit_filter(spec, query.where)
    if isinstance(query, KeywordQuery):
        return KeywordQuery(query.text, query.limit, where, query.with_payload)
    vector = _admit_vector(query.vector, dimension, "the query")
    return DenseQuery(vector, query.limit, where, query.with_payload)


def _admit_id(point_id: str) -> str:
    if not isinstance(point_id, str) or not _ID.fullmatch(point_id):
        raise InputError(f"{str(point_id)[:60]!r} is no point id: ids are UUIDs in lower case with hyphens")
    return point_id


def _admit_stored_vector(point: IndexPoint, dimension: int) -> NDArray[np.float32]:
    if point.vector is None:
        raise InputError(f"point {point.id} has no vector: this collection needs one for each point")
    return _admit_vector(point.vector, dimension, f"point {point.id}")


def _admit_vector(vector: NDArray[np.float32], dimension: int, whose: str) -> NDArray[np.float32]:
    copy = np.array(vector, dtype=np.float32)
    if copy.shape != (dimension,):
        raise InputError(
            f"the vector of {whose} has shape {copy.shape}, the index holds vectors of shape ({dimension},)"
        )
    if not np.isfinite(copy).all():
        raise InputError(f"the vector of {whose} holds NaN or infinity: embed the text again")
    return copy


def _admit_terms(point: IndexPoint) -> TermWeights | None:
    if point.terms is None:
        return None
    numbers, weights = np.array(point.terms[0], np.uint32), np.array(point.terms[1], np.float32)
    if numbers.shape != weights.shape or len(np.unique(numbers)) != numbers.size or not np.isfinite(weights).all():
        raise InputError(f"the terms of point {point.id} are not one finite weight for each term: index its text again")
    return numbers, weights


def _json_copy(point: IndexPoint) -> Mapping[str, Any]:
    try:
        text = json.dumps(dict(point.payload), allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
        copy: dict[str, Any] = json.loads(text, parse_int=_int64)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the payload of point {point.id} is no JSON that can be stored: {_kind(error)}") from error
    return copy


def _int64(digits: str) -> int:
    number = int(digits)
    if number not in _INT64:
        raise ValueError("more than 64 bits")
    return number


def _kind(error: Exception) -> str:
    # The library's own message may quote the payload, which must not reach a log.
    if isinstance(error, UnicodeEncodeError):
        return "a text holds half of a surrogate pair"
    return "it holds a value that is none of text, finite number, integer of 64 bits, true, false, null, list, object"
