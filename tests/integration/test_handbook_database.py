"""A MongoDB that the LLM Engineer's Handbook filled is read as it is; what it is not, is said in a line."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

pytest.importorskip("pymongo", reason="pymongo is not installed (extra mongo)")

from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase

from rag_llm_system.bootstrap.document_store import DocumentAndUserStore, open_document_store
from rag_llm_system.domain.documents import ArticleDocument, Category
from rag_llm_system.domain.errors import ConfigurationError, IntegrityError
from rag_llm_system.domain.ports.document_store import SaveOutcome
from rag_llm_system.domain.users import UserDocument
from rag_llm_system.settings import Settings, load_settings
from tests.document_stores import Database, open_store

pytest_plugins = ["tests.document_store_fixtures"]

PAUL = {"_id": "11111111-aaaa", "first_name": "Paul", "last_name": "Iusztin"}
AN_ARTICLE = {
    "_id": "22222222-bbbb",
    "content": {"Title": "On twins", "Subtitle": "a subtitle", "Content": "Words of an article.", "language": "en"},
    "platform": "medium",
    "author_id": PAUL["_id"],
    "author_full_name": "Paul Iusztin",
    "link": "https://example.com/on-twins",
}
A_REPOSITORY = {
    "_id": "33333333-cccc",
    "content": {"src/app.py": "x = 1", "README.md": "# Readme"},
    "name": "twin",
    "link": "https://github.com/x/twin",
    "platform": "github",
    "author_id": PAUL["_id"],
    "author_full_name": "Paul Iusztin",
}
A_POST = {
    "_id": "44444444-dddd",
    "content": {"text": "A post."},
    "platform": "linkedin",
    "author_id": PAUL["_id"],
    "author_full_name": "Paul Iusztin",
    "link": None,
    "image": None,
}


@pytest.fixture
def settings(stand_in_database: Database) -> Settings:
    host, _, name = stand_in_database.url.rpartition("/")
    return load_settings(database_host=SecretStr(host), database_name=name)


@pytest.fixture
def handbook(stand_in_database: Database) -> Iterator[MongoDatabase[dict[str, Any]]]:
    """The database as the Handbook leaves it."""
    with MongoClient[dict[str, Any]](stand_in_database.url) as client:
        database = client.get_default_database()
        database.users.insert_one({**PAUL})
        database.articles.insert_one({**AN_ARTICLE})
        database.repositories.insert_one({**A_REPOSITORY})
        database.posts.insert_one({**A_POST})
        yield database


def test_its_documents_and_users_are_read(settings: Settings, handbook: MongoDatabase[dict[str, Any]]) -> None:
    with open_document_store(settings) as store:
        (article,) = store.find(Category.ARTICLES, author_ids=[PAUL["_id"]])
        assert isinstance(article, ArticleDocument)
        assert (article.id, article.link) == (AN_ARTICLE["_id"], AN_ARTICLE["link"])
        assert (article.content.title, article.content.text) == ("On twins", "Words of an article.")
        (digest,) = store.digests(Category.ARTICLES)
        assert digest.content_hash == article.content_hash()
        (repository,) = store.find(Category.REPOSITORIES)
        assert repository.content == A_REPOSITORY["content"]
        (post,) = store.find(Category.POSTS)
        assert (post.content, post.link) == ("A post.", "")
        assert store.users() == [UserDocument(id=PAUL["_id"], first_name="Paul", last_name="Iusztin")]
    assert handbook.articles.find_one({}) == AN_ARTICLE


def test_its_authors_and_links_keep_their_ids(settings: Settings, handbook: MongoDatabase[dict[str, Any]]) -> None:
    with open_document_store(settings) as store:
        assert store.get_or_create("paul  IUSZTIN").id == PAUL["_id"]
        (article,) = store.find(Category.ARTICLES)
        newer = article.model_copy(update={"id": "another", "platform": "web"})
        assert store.save([newer]) == SaveOutcome(n_changed=1)
        assert list(store.find(Category.ARTICLES)) == [newer.model_copy(update={"id": article.id})]
        assert store.save([newer]) == SaveOutcome(n_unchanged=1)


def test_a_document_changed_by_hand_is_found_changed_once_its_hash_is_removed(
    settings: Settings, handbook: MongoDatabase[dict[str, Any]]
) -> None:
    with open_document_store(settings) as store:
        (article,) = store.find(Category.ARTICLES)
        store.save([article])
        by_hand = {"$set": {"content.text": "Other words."}, "$unset": {"content_hash": ""}}
        handbook.articles.update_one({"_id": article.id}, by_hand)
        (changed,) = store.find(Category.ARTICLES)
        (digest,) = store.digests(Category.ARTICLES)
        assert (changed.content.text, digest.content_hash) == ("Other words.", changed.content_hash())  # type: ignore[union-attr]
        assert digest.content_hash != article.content_hash()


def test_ids_that_are_no_texts_are_refused_with_the_way_out(
    settings: Settings, handbook: MongoDatabase[dict[str, Any]]
) -> None:
    handbook.users.insert_one({"_id": 7, "first_name": "A", "last_name": "B"})
    words = r"ids that are no texts.*poe run-import-data-warehouse-from-json"
    with pytest.raises(IntegrityError, match=words), open_document_store(settings):
        pass


def test_a_store_without_the_handbooks_rules_names_the_way_to_import(
    stand_in_database: Database, handbook: MongoDatabase[dict[str, Any]]
) -> None:
    store = open_store(stand_in_database.url)
    with pytest.raises(IntegrityError, match=r"22222222-bbbb in articles cannot be read.*run-import-data-warehouse"):
        list(store.find(Category.ARTICLES))
    store.close()


def test_two_stores_at_once_are_refused_by_the_names_of_their_keys() -> None:
    both = load_settings(database_host=SecretStr("mongodb://u:hush@h"), database_url=SecretStr("postgresql://u:hush@h"))
    words = "DATABASE_HOST and DATABASE_URL name two document stores"
    with pytest.raises(ConfigurationError, match=words) as caught, open_document_store(both):
        pass
    assert "hush" not in caught.value.message
    assert (
        "what a profile sets, as server does, DATABASE_HOST= with nothing behind it takes back" in caught.value.message
    )


def test_its_authors_are_read_once_and_again_when_one_is_saved(
    settings: Settings, handbook: MongoDatabase[dict[str, Any]]
) -> None:
    handbook.articles.update_one({"_id": AN_ARTICLE["_id"]}, {"$unset": {"author_full_name": ""}})

    def author_of_the_article(store: DocumentAndUserStore) -> str:
        (found,) = store.find(Category.ARTICLES, ids=[str(AN_ARTICLE["_id"])])
        return found.author_full_name

    with open_document_store(settings) as store:
        assert author_of_the_article(store) == "Paul Iusztin"
        handbook.users.update_one({"_id": PAUL["_id"]}, {"$set": {"last_name": "I."}})
        assert author_of_the_article(store) == "Paul Iusztin"
        store.save_users([UserDocument(id="a", first_name="Ada", last_name="Lovelace")])
        assert author_of_the_article(store) == "Paul I."


def test_looking_makes_no_indexes(settings: Settings, handbook: MongoDatabase[dict[str, Any]]) -> None:
    with open_document_store(settings, create=False) as store:
        assert (store.count(Category.ARTICLES), len(store.users())) == (1, 1)
    assert list(handbook.articles.index_information()) == ["_id_"]
    with open_document_store(settings):
        pass
    assert len(handbook.articles.index_information()) == 3
