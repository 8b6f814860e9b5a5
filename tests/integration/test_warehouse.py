"""Export and import of the whole document store."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.application.ingestion.warehouse import DOCUMENT_FILES, USER_FILE, Warehouse
from rag_llm_system.domain.documents import (
    ArticleContent,
    ArticleDocument,
    Category,
    Document,
    PostDocument,
    RepositoryDocument,
    document_id,
)
from rag_llm_system.domain.errors import InputError, NotFoundError
from rag_llm_system.domain.ports.document_store import SaveOutcome
from rag_llm_system.domain.users import UserDocument
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore

ANCESTOR = Path(os.environ["RAG_TEST_DATA_DIR"], "llm_engineers_handbook", "data_warehouse_raw_data")
FILE_NAMES = (*DOCUMENT_FILES.values(), USER_FILE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlDocumentStore]:
    store = SqlDocumentStore(f"sqlite:///{tmp_path}/one.sqlite")
    yield store
    store.close()


@pytest.fixture
def other_store(tmp_path: Path) -> Iterator[SqlDocumentStore]:
    store = SqlDocumentStore(f"sqlite:///{tmp_path}/other.sqlite")
    yield store
    store.close()


def write(folder: Path, **items: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for name, value in items.items():
        (folder / f"{name}Document.json").write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return folder


def imported(store: SqlDocumentStore, folder: Path, category: Category) -> list[Any]:
    Warehouse(store, store).import_from(folder)
    return list(store.find(category))


def test_export_import_export_gives_the_same_bytes(
    tmp_path: Path, store: SqlDocumentStore, other_store: SqlDocumentStore
) -> None:
    ada = store.get_or_create("Ada Lovelace")
    shared: dict[str, Any] = {"platform": "p", "author_id": ada.id, "author_full_name": ada.full_name}
    documents: list[Document] = [
        ArticleDocument(
            id="b",
            link="l1",
            content=ArticleContent(text="ü 🤖 \u2028\t"),
            metadata={"z": {"b": 1, "a": [None]}},
            **shared,
        ),
        ArticleDocument(id="a", link="", content=ArticleContent(title="T", text="t"), contributors=("Bob",), **shared),
        PostDocument(id="p", link="l1", content="post", image="i.png", **shared),
        RepositoryDocument(id="r", link="l1", name="n", content={"z.py": "1\n", "a.py": ""}, **shared),
    ]
    store.save(documents)
    report = Warehouse(store, store).export_to(tmp_path / "first" / "deep")
    assert report.n_items == dict(zip(FILE_NAMES, (2, 1, 1, 1), strict=True))
    Warehouse(other_store, other_store).import_from(tmp_path / "first" / "deep")
    assert [document for category in Category for document in other_store.find(category)] == [
        documents[1], documents[0], documents[2], documents[3]
    ]  # fmt: skip
    Warehouse(other_store, other_store).export_to(tmp_path / "second")
    for name in FILE_NAMES:
        assert (tmp_path / "first" / "deep" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.real_data
def test_the_handbooks_export_is_read_whole(
    tmp_path: Path, store: SqlDocumentStore, other_store: SqlDocumentStore
) -> None:
    report = Warehouse(store, store).import_from(ANCESTOR)
    assert (report.saved[Category.ARTICLES], report.n_users, report.notes) == (SaveOutcome(n_new=76), 2, ())
    assert [user.full_name for user in store.users()] == ["Paul Iusztin", "Maxime Labonne"]
    raw = {item["_id"]: item for item in json.loads((ANCESTOR / "ArticleDocument.json").read_text("utf-8"))}
    for article in store.find(Category.ARTICLES):
        assert isinstance(article, ArticleDocument)
        item = raw.pop(article.id)
        content = item.pop("content")
        assert article.content.model_dump() == {
            "title": content["Title"],
            "subtitle": content["Subtitle"],
            "text": content["Content"],
            "language": content.get("language"),
        }
        assert item == {key: getattr(article, "id" if key == "_id" else key) for key in item}
        assert article.metadata == {}
    assert raw == {}
    Warehouse(store, store).export_to(tmp_path / "first")
    Warehouse(other_store, other_store).import_from(tmp_path / "first")
    Warehouse(other_store, other_store).export_to(tmp_path / "second")
    for name in FILE_NAMES:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert Warehouse(store, store).import_from(ANCESTOR).saved[Category.ARTICLES] == SaveOutcome(n_unchanged=76)


def test_articles_keep_what_has_no_place_of_its_own(tmp_path: Path, store: SqlDocumentStore) -> None:
    item = {
        "_id": {"$oid": "abc"}, "link": "l", "author_id": "u", "author_full_name": "Ada", "claps": 3,
        "content": {"Title": "T", "Content": "words", "Tags": ["x"]}, "metadata": {"kept": True},
    }  # fmt: skip
    (article,) = imported(store, write(tmp_path / "in", Article=[item]), Category.ARTICLES)
    assert (article.id, article.platform, article.content) == ("abc", "", ArticleContent(title="T", text="words"))
    assert article.metadata == {"kept": True, "claps": 3, "content": {"Tags": ["x"]}}


def test_posts_take_text_from_objects_and_keep_the_object(tmp_path: Path, store: SqlDocumentStore) -> None:
    base = {"platform": "linkedin", "link": None, "author_id": "u", "author_full_name": "Ada"}
    nested = {"Post_0": {"text": "one", "n": 1}, "Post_1": {"text": "two"}}
    items = [
        {**base, "_id": "1", "content": "plain"},
        {**base, "_id": "2", "content": {"Text": "words", "likes": 2}},
        {**base, "_id": "3", "content": nested, "image": "i.png"},
    ]
    posts = imported(store, write(tmp_path / "in", Post=items), Category.POSTS)
    assert [post.content for post in posts] == ["plain", "words", "one\n\ntwo"]
    assert [post.metadata for post in posts] == [{}, {"content": {"Text": "words", "likes": 2}}, {"content": nested}]
    assert posts[2].image == "i.png"


def test_repositories_take_folders_and_single_texts(tmp_path: Path, store: SqlDocumentStore) -> None:
    base = {"platform": "github", "author_id": "u", "author_full_name": "Ada"}
    items = [
        {**base, "_id": "1", "link": "l1", "name": "n", "content": {"src": {"a.py": "1"}, "b": "2", "none": None}},
        {**base, "link": "https://github.com/x/y", "content": "whole"},
    ]
    by_link = {r.link: r for r in imported(store, write(tmp_path / "in", Repository=items), Category.REPOSITORIES)}
    assert by_link["l1"].content == {"src/a.py": "1", "b": "2"}
    whole = by_link["https://github.com/x/y"]
    assert (whole.id, whole.name) == (document_id(Category.REPOSITORIES, whole.link), whole.link)
    assert whole.content == {whole.link: "whole"}


def test_users_get_full_names_and_their_documents_too(tmp_path: Path, store: SqlDocumentStore) -> None:
    folder = write(
        tmp_path / "in",
        User=[{"_id": "u", "first_name": "Ada", "last_name": "Lovelace", "email": "x"}],
        Article=[
            {"_id": "1", "author_id": "u", "content": {"text": "t"}},
            {"_id": "2", "author_id": "v", "author_full_name": "Carl Gauss", "content": "plain"},
        ],
    )
    report = Warehouse(store, store).import_from(folder)
    assert [document.author_full_name for document in store.find(Category.ARTICLES)] == ["Ada Lovelace", "Carl Gauss"]
    assert store.users() == [
        UserDocument(id="u", first_name="Ada", last_name="Lovelace", full_name="Ada Lovelace"),
        UserDocument(id="v", first_name="Carl", last_name="Gauss", full_name="Carl Gauss"),
    ]
    assert report.notes == (
        "PostDocument.json is not there and was skipped",
        "RepositoryDocument.json is not there and was skipped",
        "UserDocument.json: users have no place for email, left out",
    )
    assert "articles: 2 new, 0 changed, 0 unchanged\n" in str(report)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"Post": '[{"_id": "1"'}, r"^PostDocument\.json is not JSON .*, line 1"),
        (
            {"Post": [{"_id": "1", "content": "c"}]},
            r"^PostDocument\.json, item 1 cannot be used \(author_id: Field required\)",
        ),
        ({"Post": [{"author_id": "a", "content": "c"}]}, "it has neither _id nor link"),
        ({"Repository": [{"_id": "1", "author_id": "a", "content": {"a.py": 1}}]}, "content: must map paths to texts"),
        (
            {"Article": [{"_id": "1", "author_id": "a", "content": {"text": 1}}]},
            r"item 1 .*content\.text: Input should be",
        ),
        ({"Article": '[{"_id": "1", "author_id": "a", "content": "c", "x": "\\ud800"}]'}, "not Unicode"),
        ({"Article": [{"_id": "1", "author_id": "a", "content": "c", "metadata": []}]}, "metadata: must be an object"),
        ({"User": [{"first_name": "Ada"}]}, r"^UserDocument\.json, item 1 .*it has no _id"),
    ],
)
def test_a_file_that_cannot_be_used_imports_nothing(
    tmp_path: Path, store: SqlDocumentStore, items: dict[str, Any], message: str
) -> None:
    good = {"_id": "g", "author_id": "u", "author_full_name": "Ada", "content": "words"}
    folder = write(tmp_path / "in", **{"Article": [good], "User": [{"_id": "u", "last_name": "A"}], **items})
    with pytest.raises(InputError, match=message) as caught:
        Warehouse(store, store).import_from(folder)
    assert "\n" not in caught.value.message
    assert [store.count(category) for category in Category] == [0, 0, 0]
    assert store.users() == []


def test_a_missing_or_foreign_folder_is_refused(tmp_path: Path, store: SqlDocumentStore) -> None:
    warehouse = Warehouse(store, store)
    with pytest.raises(NotFoundError, match="there is no folder"):
        warehouse.import_from(tmp_path / "missing")
    with pytest.raises(InputError, match=r"holds none of ArticleDocument\.json"):
        warehouse.import_from(tmp_path)
