"""What every document store keeps to."""

import subprocess
import sys
import threading
import tracemalloc
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_llm_system.domain.documents import (
    ArticleContent,
    ArticleDocument,
    Category,
    Document,
    DocumentDigest,
    PostDocument,
    RepositoryDocument,
)
from rag_llm_system.domain.errors import InputError, NotFoundError
from rag_llm_system.domain.ports.document_store import SaveOutcome
from rag_llm_system.domain.users import UserDocument, user_id
from tests.document_stores import POSTGRES, SQLITE, Database, Store

pytest_plugins = ["tests.document_store_fixtures"]


def article(number: int, text: str = "words", *, link: str | None = None, author_id: str = "ada") -> ArticleDocument:
    return ArticleDocument(
        id=f"id-{number:04}",
        platform="test",
        link=f"https://example.com/{number}" if link is None else link,
        author_id=author_id,
        author_full_name="Ada Lovelace",
        contributors=("Bob", "Zoë Ångström"),
        metadata={"tags": ["a", None, 1.5], "nested": {"ü": "🤖"}},
        content=ArticleContent(title="T", text=text),
    )


def ids(documents: Iterator[Document]) -> list[str]:
    return [document.id for document in documents]


def test_a_saved_document_comes_back_as_it_was(store: Store) -> None:
    documents: list[Document] = [
        article(1, "tabs\tand\nlines, „quotes“, 漢字, 🤖, \u2028"),
        PostDocument(id="p", platform="x", link="", author_id="ada", author_full_name="Ada", content="a post"),
        RepositoryDocument(
            id="r",
            platform="x",
            link="l",
            author_id="a",
            author_full_name="A",
            name="n",
            content={"z.py": "1", "a": ""},
        ),
    ]
    assert store.save(documents) == SaveOutcome(n_new=3)
    assert [next(iter(store.find(category))) for category in Category] == documents
    assert [store.count(category) for category in Category] == [1, 1, 1]


def test_saving_again_counts_new_changed_and_unchanged(store: Store) -> None:
    store.save([article(1), article(2)])
    assert store.save([article(1), article(2, "other"), article(3)]) == SaveOutcome(1, 1, 1)
    assert store.save([article(1), article(2, "other"), article(3)]) == SaveOutcome(0, 0, 3)
    assert store.save([]) == SaveOutcome()


def test_a_known_link_keeps_its_id_and_takes_the_new_content(store: Store) -> None:
    store.save([article(1)])
    newer = article(99, "newer", link="https://example.com/1")
    assert store.save([newer]) == SaveOutcome(n_changed=1)
    assert list(store.find(Category.ARTICLES)) == [newer.model_copy(update={"id": "id-0001"})]
    assert store.save([newer]) == SaveOutcome(n_unchanged=1)


def test_documents_without_a_link_are_told_apart_by_id(store: Store) -> None:
    assert store.save([article(1, link=""), article(2, link="")]) == SaveOutcome(n_new=2)
    assert store.save([article(2, "changed", link="")]) == SaveOutcome(n_changed=1)
    assert store.count(Category.ARTICLES) == 2


def test_of_two_documents_with_one_link_in_a_call_the_last_counts(store: Store) -> None:
    assert store.save([article(1, "first"), article(2, "second", link="https://example.com/1")]) == SaveOutcome(1, 1)
    (kept,) = store.find(Category.ARTICLES)
    assert (kept.id, kept.content.text) == ("id-0001", "second")  # type: ignore[union-attr]


def test_a_link_that_moved_to_another_document_is_free_for_a_new_one(store: Store) -> None:
    store.save([article(1)])
    assert store.save([article(1, link="https://moved"), article(2, link="https://example.com/1")]) == SaveOutcome(1, 1)
    assert ids(store.find(Category.ARTICLES)) == ["id-0001", "id-0002"]


def test_one_link_may_stand_in_two_categories(store: Store) -> None:
    post = PostDocument(id="p", platform="x", link=article(1).link, author_id="a", author_full_name="A", content="c")
    assert store.save([article(1), post]) == SaveOutcome(n_new=2)


def test_documents_come_in_the_order_of_their_ids(store: Store) -> None:
    store.save([article(number) for number in (7, 3, 1200, 5, 1)])
    assert ids(store.find(Category.ARTICLES)) == ["id-0001", "id-0003", "id-0005", "id-0007", "id-1200"]


def test_find_leaves_out_unknown_ids_and_gives_each_once(store: Store) -> None:
    store.save([article(number) for number in range(5)])
    wanted = ["id-0003", "unknown", "id-0001", "id-0003"]
    assert ids(store.find(Category.ARTICLES, ids=wanted)) == ["id-0001", "id-0003"]
    assert ids(store.find(Category.ARTICLES, ids=[])) == []
    assert ids(store.find(Category.ARTICLES, author_ids=[])) == []


def test_find_holds_both_conditions_and_takes_thousands_of_ids(store: Store) -> None:
    store.save([article(number, author_id="ada" if number % 2 else "bob") for number in range(1300)])
    wanted = [f"id-{number:04}" for number in reversed(range(1300))]
    expected = [f"id-{number:04}" for number in range(1, 1300, 2)]
    assert ids(store.find(Category.ARTICLES, ids=wanted, author_ids=["ada", "nobody"])) == expected


def test_find_by_author_gives_many_and_no_others(store: Store) -> None:
    store.save([article(number, author_id="ada" if number % 2 else "bob") for number in range(200)])
    assert ids(store.find(Category.ARTICLES, author_ids=["bob"])) == [f"id-{number:04}" for number in range(0, 200, 2)]


def test_reading_streams_and_may_stop_at_any_time(store: Store) -> None:
    store.save([article(number, "x" * 1000) for number in range(200)])
    for n_read in range(60):
        found = store.find(Category.ARTICLES)
        first = [next(found).id for _ in range(n_read % 3)]
        assert first == [f"id-{number:04}" for number in range(n_read % 3)]
    assert store.save([article(999)]) == SaveOutcome(n_new=1)


def test_what_is_saved_while_reading_does_not_disturb_the_reader(database: Database, store: Store) -> None:
    store.save([article(number) for number in range(300)])
    found = store.find(Category.ARTICLES)
    read = [next(found)]
    store.save([article(number, "changed") for number in range(200, 320)])
    read += found
    texts = [document.content.text for document in read]  # type: ignore[union-attr]
    assert [document.id for document in read[:300]] == [f"id-{number:04}" for number in range(300)]
    assert texts[:200] == ["words"] * 200
    assert {*texts[200:]} <= {"words", "changed"}
    if database.reads_one_state:
        assert texts == ["words"] * 300


def test_what_any_database_finds_hard_comes_back_to_the_letter(store: Store) -> None:
    deep: object = "bottom"
    for _ in range(90):
        deep = [{"in": deep}]
    hard = {
        "integers": [0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**40],
        "floats": [0.0, -0.0, 1.0, 1e308, 5e-324, 0.1],
        "truth": [True, False, None],
        "texts": ["", "\0", "a\0b", "\x1f\x7f", "é", "e\u0301", "🤖", "$where", "\\u0000", "NaN"],
        "$ref": "articles",
        "$id": {"$oid": "x", "": 1, "a.b": {".": "..", "$": 2}},
        "NUL\0in a key": {"_id": 1},
        "deep": deep,
    }
    paths = {"src/a.py": "x = 1\r\n\0", ".github/$ci.yml": "", "$": "$", "": "nameless", "a.b.c": "1\t\n"}
    documents: list[Document] = [
        article(1, "NUL \0 and more").model_copy(update={"metadata": hard}),
        RepositoryDocument(
            id="r", platform="x", link="l", author_id="a", author_full_name="A", name="n", content=paths
        ),
    ]
    store.save(documents)
    found = [*store.find(Category.ARTICLES), *store.find(Category.REPOSITORIES)]
    assert [document.model_dump_json() for document in found] == [d.model_dump_json() for d in documents]
    assert [digest.content_hash for digest in store.digests(Category.ARTICLES)] == [documents[0].content_hash()]
    assert store.save(documents) == SaveOutcome(n_unchanged=2)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(metadata=st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=3), text=st.text())
def test_any_text_and_any_metadata_come_back_to_the_letter(store: Store, metadata: dict[str, Any], text: str) -> None:
    document = article(1, text).model_copy(update={"metadata": metadata})
    store.save([document])
    (found,) = store.find(Category.ARTICLES)
    assert found.model_dump_json() == document.model_dump_json()


def test_reading_takes_a_few_documents_into_memory(store: Store) -> None:
    n_documents, size_bytes = 200, 100_000
    for start in range(0, n_documents, 50):
        store.save([article(number, "x" * size_bytes) for number in range(start, start + 50)])
    tracemalloc.start()
    n_read = sum(1 for _ in store.find(Category.ARTICLES))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_read == n_documents
    assert peak_bytes < n_documents * size_bytes / 2


def test_links_may_move_in_one_call_in_any_way(store: Store) -> None:
    store.save([article(1, link="a"), article(2, link="b")])
    moves = [article(1, link="x"), article(2, link="a"), article(1, link="b"), article(3, link="x")]
    assert store.save(moves) == SaveOutcome(1, 3)
    assert [(d.id, d.link) for d in store.find(Category.ARTICLES)] == [
        ("id-0001", "b"),
        ("id-0002", "a"),
        ("id-0003", "x"),
    ]


def test_digests_tell_what_changed(store: Store) -> None:
    documents = [article(2, author_id="bob"), article(1)]
    store.save(documents)
    expected = [
        DocumentDigest(id=d.id, category=d.category, author_id=d.author_id, content_hash=d.content_hash(), link=d.link)
        for d in reversed(documents)
    ]
    assert timeless(store.digests(Category.ARTICLES)) == expected
    assert timeless(store.digests(Category.ARTICLES, author_ids=["bob"])) == expected[1:]
    assert list(store.digests(Category.POSTS)) == []


def timeless(digests: Iterator[DocumentDigest]) -> list[DocumentDigest]:
    return [digest.model_copy(update={"saved_at": ""}) for digest in digests]


def test_delete_says_how_many_there_were(store: Store) -> None:
    store.save([article(1), article(2)])
    assert store.delete(Category.ARTICLES, ["id-0001", "id-0001", "unknown"]) == 1
    assert store.delete(Category.POSTS, ["id-0002"]) == 0
    assert store.delete(Category.ARTICLES, []) == 0
    assert ids(store.find(Category.ARTICLES)) == ["id-0002"]
    assert store.save([article(1)]) == SaveOutcome(n_new=1)


def test_a_call_that_cannot_save_one_document_saves_none(store: Store) -> None:
    broken = article(2).model_copy(update={"metadata": {"half": "\ud800"}})
    with pytest.raises(InputError, match="document id-0002 holds text that is not Unicode"):
        store.save([article(1), broken])
    assert store.count(Category.ARTICLES) == 0


def test_a_reopened_store_holds_everything(database: Database, store: Store) -> None:
    store.save([article(1)])
    user = store.get_or_create("Ada Lovelace")
    store.close()
    reopened = database.open()
    assert list(reopened.find(Category.ARTICLES)) == [article(1)]
    assert reopened.users() == [user]
    reopened.close()


def test_a_store_that_is_opened_to_look_makes_nothing(database: Database) -> None:
    for _ in range(2):
        if database.kind in (SQLITE, POSTGRES):
            with pytest.raises(NotFoundError, match=r"yet: run \./poe quickstart"):
                database.open(create=False)
        else:  # collections are made when something is written
            assert n_articles_seen(database) == 0
    writer = database.open()
    writer.save([article(1)])
    writer.close()
    assert n_articles_seen(database) == 1


def n_articles_seen(database: Database) -> int:
    store = database.open(create=False)
    n_articles = store.count(Category.ARTICLES)
    store.close()
    return n_articles


def test_a_user_is_made_once_whatever_case_and_spaces(store: Store) -> None:
    first = store.get_or_create("Sebastián Ramírez")
    assert store.get_or_create("  sebastián   RAMÍREZ ") == first
    assert first == UserDocument(
        id=user_id("Sebastián Ramírez"), first_name="Sebastián", last_name="Ramírez", full_name="Sebastián Ramírez"
    )
    assert store.users() == [first]


def test_a_user_is_made_once_whether_accents_are_composed_or_not(store: Store) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Sebastián Ramírez") for form in ("NFC", "NFD"))
    first = store.get_or_create(decomposed)
    assert composed != decomposed
    assert store.get_or_create(composed) == first
    assert user_id(composed) == first.id


def test_an_imported_user_keeps_its_own_id(store: Store) -> None:
    imported = UserDocument(id="from-elsewhere", first_name="Paul", last_name="Iusztin")
    store.save_users([imported, UserDocument(id="a", first_name="", last_name="Acme")])
    assert store.get_or_create("paul iusztin") == imported
    store.save_users([imported.model_copy(update={"last_name": "I.", "full_name": "Paul I."})])
    assert [user.full_name for user in store.users()] == ["Acme", "Paul I."]


def test_a_blank_name_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="must not be blank"):
        store.get_or_create("  ")


def test_threads_may_write_and_read_at_once(store: Store) -> None:
    start = threading.Barrier(6)

    def work(thread: int) -> int:
        start.wait()
        for number in range(10):
            store.save([article(thread * 100 + number), article(9999, f"{thread} {number}")])
            store.get_or_create(f"Author {number}")
            store.count(Category.ARTICLES)
        return len(list(store.find(Category.ARTICLES)))

    with ThreadPoolExecutor(6) as pool:
        counts = list(pool.map(work, range(6)))
    assert max(counts) <= 61
    assert store.count(Category.ARTICLES) == 61
    assert len(store.users()) == 10


def test_one_link_that_many_save_at_once_becomes_one_document(store: Store) -> None:
    start = threading.Barrier(6)

    def work(thread: int) -> None:
        start.wait()
        for number in range(10):
            store.save([article(thread * 100 + number, f"{thread}", link=f"https://example.com/one/{number}")])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert store.count(Category.ARTICLES) == 10


def test_two_processes_that_open_and_write_at_once_lose_nothing(database: Database) -> None:
    command = [sys.executable, "-m", "tests.contracts.document_writer", database.url]
    writers = [
        subprocess.Popen([*command, name, "25"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in ("left", "right")
    ]
    outputs = [writer.communicate(timeout=60) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], outputs
    store = database.open()
    assert ids(store.find(Category.ARTICLES)) == sorted("".join(out for out, _ in outputs).split())
    assert (store.count(Category.ARTICLES), len(store.users())) == (50, 1)
    store.close()


def test_what_was_acknowledged_survives_a_killed_writer(database: Database) -> None:
    command = [sys.executable, "-m", "tests.contracts.document_writer", database.url, "doomed", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip() for _ in range(20)]
        writer.kill()
        acknowledged += writer.stdout.read().split()
    store = database.open()
    saved = ids(store.find(Category.ARTICLES))
    assert saved[: len(acknowledged)] == acknowledged
    assert len(saved) - len(acknowledged) <= 1
    store.close()
