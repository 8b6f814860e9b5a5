"""Documents go from any kind of store into any other, by way of an archive, and stay the same to the byte."""

from contextlib import closing
from pathlib import Path

from rag_llm_system.application.backup.backing_up import BackingUp, BackupFacts
from rag_llm_system.application.backup.restoring import check_archive, restore_archive
from rag_llm_system.domain.documents import Category
from rag_llm_system.infrastructure.archives.backup_archive import BackupArchiveReader, BackupArchiveWriter
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from tests.backup_homes import documents, users
from tests.document_stores import Database, Store

pytest_plugins = ["tests.document_store_fixtures"]

FACTS = BackupFacts(program="0", created_at="2026-01-02T03:04:05+00:00", schemas={"documents": 1}, settings={})


def archived(store: Store, path: Path) -> BackupArchiveReader:
    with path.open("wb") as file:
        BackingUp(store, store, None).run(BackupArchiveWriter(file), FACTS)
    return BackupArchiveReader(path)


def held(store: Store) -> list[str]:
    lines = [one.model_dump_json() for category in Category for one in store.find(category)]
    return [*(user.model_dump_json() for user in store.users()), *lines]


def test_documents_of_every_store_are_restored_into_every_other(database: Database, tmp_path: Path) -> None:
    with closing(database.open()) as first, closing(SqlDocumentStore(f"sqlite:///{tmp_path}/b.sqlite")) as second:
        first.save_users(users())
        first.save(documents(9))
        there = archived(first, tmp_path / "there")
        assert check_archive(there, {"documents": 1}).counts["articles"] == 9
        restore_archive(there, documents=second, users=second, index=None)
        assert held(second) == held(first)

        for category in Category:
            first.delete(category, [one.id for one in first.find(category)])
        back = archived(second, tmp_path / "back")
        check_archive(back, {"documents": 1})
        restore_archive(back, documents=first, users=first, index=None)
        restore_archive(back, documents=first, users=first, index=None)
        assert held(first) == held(second)
