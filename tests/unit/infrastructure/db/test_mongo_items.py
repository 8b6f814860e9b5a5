"""How MongoDB holds a document: as other tools read it, and to the letter."""

import pytest

from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category, Document, RepositoryDocument
from rag_llm_system.domain.errors import InputError, IntegrityError
from rag_llm_system.domain.users import UserDocument
from rag_llm_system.infrastructure.db.mongo_items import (
    MAX_ITEM_BYTES,
    document_of,
    item_of,
    item_of_user,
    user_of,
)

ARTICLE = ArticleDocument(
    id="1",
    platform="p",
    link="https://e.com",
    author_id="a",
    author_full_name="Ada Lovelace",
    contributors=("Bob",),
    metadata={"tags": [1, "two"]},
    content=ArticleContent(title="T", text="words"),
)


def never(*_: object) -> Document:
    raise AssertionError("our own items are not read by others' rules")


def test_an_item_has_the_handbooks_fields_and_the_content_hash() -> None:
    assert item_of(ARTICLE) == {
        "_id": "1",
        "platform": "p",
        "link": "https://e.com",
        "author_id": "a",
        "author_full_name": "Ada Lovelace",
        "contributors": ["Bob"],
        "metadata": {"tags": [1, "two"]},
        "content": {"title": "T", "subtitle": None, "text": "words", "language": None},
        "content_hash": ARTICLE.content_hash(),
    }


def test_a_blank_link_is_null_and_comes_back_blank() -> None:
    item = item_of(ARTICLE.model_copy(update={"link": ""}))
    assert item["link"] is None
    assert document_of(Category.ARTICLES, item, dict, never).link == ""


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, {"$ref": "x"}, {"a\0b": 1}, {"in": [{"$id": 1}]}])
def test_what_bson_cannot_hold_is_json_in_a_field_that_is_named(value: object) -> None:
    document = ARTICLE.model_copy(update={"metadata": {"value": value}})
    item = item_of(document)
    assert item["json_fields"] == ["metadata"]
    assert isinstance(item["metadata"], str)
    assert document_of(Category.ARTICLES, item, dict, never) == document


def test_paths_stay_keys_that_other_tools_read() -> None:
    content = {"src/app.py": "x = 1", ".env.example": ""}
    repository = RepositoryDocument(
        id="r", platform="git", link="l", author_id="a", author_full_name="A", name="n", content=content
    )
    assert item_of(repository)["content"] == content
    assert "json_fields" not in item_of(repository)


def test_what_mongodb_does_not_take_is_refused_with_both_sizes() -> None:
    pytest.importorskip("bson", reason="pymongo is not installed (extra mongo)")
    n_fits = MAX_ITEM_BYTES - 2_000
    assert item_of(ARTICLE.model_copy(update={"content": ArticleContent(text="x" * n_fits)}))["_id"] == "1"
    with pytest.raises(
        InputError, match=r"document 1 takes 16,78\d,\d{3} bytes in MongoDB and may take 16,777,216: part"
    ):
        item_of(ARTICLE.model_copy(update={"content": ArticleContent(text="x" * (MAX_ITEM_BYTES + 5_000))}))


def test_many_small_numbers_are_measured_as_mongodb_stores_them() -> None:
    pytest.importorskip("bson", reason="pymongo is not installed (extra mongo)")
    with pytest.raises(InputError, match="bytes in MongoDB"):
        item_of(ARTICLE.model_copy(update={"metadata": {"numbers": [1] * 2_000_000}}))


def test_an_item_that_cannot_be_read_is_named_without_its_content() -> None:
    item = {**item_of(ARTICLE), "content": {"title": "private"}}
    with pytest.raises(IntegrityError, match="document 1 in articles cannot be read: mend it, or export it") as caught:
        document_of(Category.ARTICLES, item, dict, never)
    assert "private" not in caught.value.message


def test_integers_of_64_bits_come_back_as_pythons_own() -> None:
    bson = pytest.importorskip("bson", reason="pymongo is not installed (extra mongo)")
    document = ARTICLE.model_copy(update={"metadata": {"size": [2**40, True]}})
    read = document_of(Category.ARTICLES, bson.decode(bson.encode(item_of(document))), dict, never)
    assert read == document
    assert [type(value) for value in read.metadata["size"]] == [int, bool]


def test_users_are_found_by_their_folded_names_and_come_back() -> None:
    user = UserDocument(id="u", first_name="Sebastián", last_name="Ramírez")
    item = item_of_user(user)
    assert item["folded_name"] == "sebastián ramírez"
    assert user_of(item) == user
    assert user_of({"_id": "h", "first_name": "Paul", "last_name": "Iusztin"}).full_name == "Paul Iusztin"
