"""An index that is there, as a server describes it, is known; another one on the same key is not taken for it."""

import pytest

from rag_llm_system.infrastructure.db.mongo_schema import is_index

LINK = {"unique": True, "partialFilterExpression": {"link": {"$gt": ""}}}


@pytest.mark.parametrize(
    ("index", "is_the_one"),
    [
        ({"v": 2, "key": [("link", 1)], **LINK}, True),
        ({"v": 2, "key": [("link", 1.0)], "sparse": False, "background": True, **LINK}, True),
        ({"v": 2, "key": [("link", -1)], **LINK}, False),
        ({"v": 2, "key": [("link", 1), ("author_id", 1)], **LINK}, False),
        ({"v": 2, "key": [("link", 1)]}, False),
        ({"v": 2, "key": [("link", 1)], "unique": True}, False),
    ],
)
def test_only_the_very_index_counts_as_there(index: dict[str, object], is_the_one: bool) -> None:
    assert is_index(index, "link", LINK) is is_the_one


def test_a_unique_index_is_not_taken_for_a_plain_one() -> None:
    assert is_index({"key": [("author_id", 1)]}, "author_id", {})
    assert not is_index({"key": [("author_id", 1)], "unique": True}, "author_id", {})
