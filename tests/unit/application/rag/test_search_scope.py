"""A scope becomes a filter, is widened step by step where it holds nothing, and tells the reader."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from rag_llm_system.application.rag.query_expansion import QueryExpansion
from rag_llm_system.application.rag.retriever import ContextRetriever, Retrieval
from rag_llm_system.application.rag.search_scope import Period, SearchScope
from rag_llm_system.application.rag.self_query import SelfQuery
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.index_points import EVERYTHING, PointFilter
from rag_llm_system.domain.users import UserDocument
from rag_llm_system.infrastructure.vector_stores.numpy_index import NumpyIndex
from tests.unit.application.rag.corpus import CorpusIndex, WordEmbedder

ARTICLES, POSTS, REPOSITORIES = Category
IN_2023 = Period(date(2023, 1, 1), date(2023, 12, 31))
ALL = SearchScope("tea", ("a",), ("Ada",), (POSTS,), IN_2023)
CHUNKS = CHUNK_COLLECTIONS[ARTICLES]


def test_a_scope_without_conditions_filters_nothing() -> None:
    assert SearchScope("tea").where == EVERYTHING
    assert not SearchScope("tea").is_narrow


def test_authors_and_days_become_one_filter() -> None:
    assert ALL.where == PointFilter({"author_id": ("a",)}, within={"published_day": (20230101, 20231231)})


@pytest.mark.parametrize(
    ("period", "ends"),
    [
        (Period(first=date(2023, 1, 1)), (20230101, 99991231)),
        (Period(last=date(2023, 1, 1)), (10101, 20230101)),
    ],
)
def test_an_open_end_lets_everything_through_on_its_side(period: Period, ends: tuple[int, int]) -> None:
    assert SearchScope("tea", period=period).where.within == {"published_day": ends}


def test_a_scope_widens_by_its_least_certain_condition_first() -> None:
    without_period = ALL.wider()
    without_category = without_period.wider()
    assert without_period == replace(ALL, period=None)
    assert without_category == replace(ALL, period=None, categories=())
    assert not without_category.wider().is_narrow


@pytest.mark.parametrize(
    ("chosen", "categories"),
    [((ARTICLES, POSTS, REPOSITORIES), (POSTS,)), ((ARTICLES,), ()), ((POSTS,), ()), ((), ())],
)
def test_what_the_caller_chose_counts_more_than_the_question(
    chosen: tuple[Category, ...], categories: tuple[Category, ...]
) -> None:
    assert ALL.limited_to(chosen).categories == categories


@pytest.mark.parametrize(
    ("asked", "searched", "note"),
    [
        (
            ALL,
            ALL,
            "Searched only what is by Ada, among the posts, known to be published from 2023-01-01 to 2023-12-31.",
        ),
        (
            ALL,
            ALL.wider(),
            "Nothing by Ada, among the posts, known to be published from 2023-01-01 to 2023-12-31 is in the index; "
            "searched what is by Ada, among the posts instead.",
        ),
        (
            SearchScope("tea", period=Period(first=date(2023, 1, 1))),
            SearchScope("tea"),
            "Nothing known to be published since 2023-01-01 is in the index; searched everything instead.",
        ),
        (
            SearchScope("tea", ("a", "b"), ("Ada", "Ben")),
            SearchScope("tea"),
            "Nothing by Ada or Ben is in the index; searched all authors instead.",
        ),
    ],
)
def test_a_note_says_what_was_searched(asked: SearchScope, searched: SearchScope, note: str) -> None:
    assert asked.notes_on(searched) == (note,)


def test_where_nothing_was_asked_for_there_is_no_note() -> None:
    assert SearchScope("tea").notes_on(SearchScope("tea")) == ()


def published(index: NumpyIndex, document: str, day: int) -> None:
    """Writes the day of publication into the document's windows."""
    points = [point for point in index.whole_points(CHUNKS) if point.payload["document_id"] == document]
    index.upsert(CHUNKS, [replace(point, payload={**point.payload, "published_day": day}) for point in points])


def found(question: str, categories: Sequence[Category] = tuple(Category)) -> Retrieval:
    index = CorpusIndex()
    index.add("Ada wrote about tea in the old days.", document="old")
    index.add("Ada wrote about tea again.", document="new")
    index.add("Nobody knows when this about tea was written.", document="undated")
    index.add("A post about tea.", document="post", category=POSTS, author="Ben Best")
    published(index, "old", 20200501)
    published(index, "new", 20240501)
    users = [UserDocument.from_full_name(name) for name in ("Ada Lovelace", "Ben Best")]
    scope = SelfQuery(lambda: users, today=lambda: date(2026, 11, 21))
    retriever = ContextRetriever(index, WordEmbedder(), scope, QueryExpansion())
    return retriever.retrieve(question, top_k=4, categories=categories)


def documents(retrieval: Retrieval) -> set[str]:
    return {passage.document_id for passage in retrieval.passages}


def test_only_what_was_published_then_is_found() -> None:
    retrieval = found("Which articles since 2023 mention tea?")
    assert documents(retrieval) == {"new"}
    assert retrieval.notes == ("Searched only what is known to be published since 2023-01-01.",)
    assert documents(found("What did Ada Lovelace write about tea before 2023?")) == {"old"}


def test_only_what_is_of_that_kind_is_found() -> None:
    retrieval = found("Which posts mention tea?")
    assert documents(retrieval) == {"post"}
    assert retrieval.notes == ("Searched only what is among the posts.",)


def test_where_nothing_was_published_then_the_author_still_counts() -> None:
    retrieval = found("What has Ada Lovelace written about tea since 2025?")
    assert documents(retrieval) == {"old", "new", "undated"}
    assert retrieval.notes == (
        "Nothing by Ada Lovelace, known to be published since 2025-01-01 is in the index; "
        "searched what is by Ada Lovelace instead.",
    )


def test_where_no_condition_can_be_met_everything_is_searched() -> None:
    retrieval = found("Which repos mention tea?")
    assert documents(retrieval) == {"old", "new", "undated", "post"}
    assert retrieval.notes == ("Nothing among the repositories is in the index; searched everything instead.",)


def test_a_category_that_the_caller_chose_is_not_left() -> None:
    retrieval = found("Which posts mention tea?", categories=(ARTICLES,))
    assert documents(retrieval) == {"old", "new", "undated"}
    assert retrieval.notes == ()
