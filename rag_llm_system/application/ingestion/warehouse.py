"""All raw documents and users as JSON files, and back."""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from loguru import logger
from pydantic import BaseModel, ConfigDict

from rag_llm_system.application.ingestion.json_array import read_objects, write_objects
from rag_llm_system.application.ingestion.warehouse_items import document_of, item_of, item_of_user, user_of
from rag_llm_system.domain.documents import Category, Document
from rag_llm_system.domain.errors import ConfigurationError, InputError, NotFoundError
from rag_llm_system.domain.ports.document_store import DocumentStore, SaveOutcome, UserStore
from rag_llm_system.domain.users import UserDocument

DOCUMENT_FILES = {
    Category.ARTICLES: "ArticleDocument.json",
    Category.POSTS: "PostDocument.json",
    Category.REPOSITORIES: "RepositoryDocument.json",
}
USER_FILE = "UserDocument.json"
_N_PER_BATCH = 64


class ExportReport(BaseModel):
    """What an export wrote: how many items stand in each file."""

    model_config = ConfigDict(frozen=True)

    n_items: dict[str, int]
    seconds: float

    def __str__(self) -> str:
        return "\n".join(f"{name}: {n_items}" for name, n_items in self.n_items.items())


class ImportReport(BaseModel):
    """What an import saved, by category, and what a reader of the files may wonder about."""

    model_config = ConfigDict(frozen=True)

    saved: dict[Category, SaveOutcome]
    n_users: int
    notes: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        lines = [
            f"{category}: {saved.n_new} new, {saved.n_changed} changed, {saved.n_unchanged} unchanged"
            for category, saved in self.saved.items()
        ]
        return "\n".join([*lines, f"users: {self.n_users}", *(f"note: {note}" for note in self.notes)])


class Warehouse:
    """Exports and imports the whole document store.

    The files are those of the LLM Engineer's Handbook, with keys in lower case: items in the order of their ids, so
    that export, import and export again give the same bytes. Its own files are read too; keys that have no place here
    are kept in the document's metadata.

    Args:
        documents: where documents are read and saved.
        users: where authors are read and saved.
        clock: gives seconds.
    """

    def __init__(
        self, documents: DocumentStore, users: UserStore, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._documents = documents
        self._users = users
        self._clock = clock

    def export_to(self, folder: Path) -> ExportReport:
        """Writes one file a category and one of the users; the folder is made where it is missing.

        Raises:
            ConfigurationError: the folder cannot be made or written to.
            DiskFullError: there is no room; each file is whole or as it was before.
        """
        started = self._clock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{folder} cannot be made ({error.strerror}): choose another folder") from None
        n_items = {
            name: write_objects(folder / name, map(item_of, self._documents.find(category)))
            for category, name in DOCUMENT_FILES.items()
        }
        n_items[USER_FILE] = write_objects(folder / USER_FILE, map(item_of_user, self._users.users()))
        report = ExportReport(n_items=n_items, seconds=self._clock() - started)
        logger.info("warehouse_exported n_items={} seconds={:.1f}", sum(n_items.values()), report.seconds)
        return report

    def import_from(self, folder: Path) -> ImportReport:
        """Saves what the files hold. All of them are checked before anything is saved.

        A file that is missing is skipped with a note. Authors that no file of users names are made from the documents.

        Raises:
            NotFoundError: there is no such folder.
            InputError: none of the files is there, or one cannot be read; nothing is imported.
        """
        started = self._clock()
        if not folder.is_dir():
            raise NotFoundError(f"there is no folder {folder}: give the one that holds {USER_FILE}")
        missing = [name for name in (*DOCUMENT_FILES.values(), USER_FILE) if not (folder / name).is_file()]
        if len(missing) == len(DOCUMENT_FILES) + 1:
            raise InputError(f"{folder} holds none of {', '.join(missing)}: give the folder of an export")
        users, notes = _checked_users(folder, missing)
        authors = self._checked_authors(folder, users)
        self._users.save_users([*users.values(), *authors])
        saved = {category: self._save(_documents(folder, category, users)) for category in DOCUMENT_FILES}
        report = ImportReport(
            saved=saved,
            n_users=len(users) + len(authors),
            notes=(*(f"{name} is not there and was skipped" for name in missing), *notes),
            seconds=self._clock() - started,
        )
        n_documents = sum(o.n_new + o.n_changed + o.n_unchanged for o in saved.values())
        logger.info("warehouse_imported n_documents={} seconds={:.1f}", n_documents, report.seconds)
        return report

    def _checked_authors(self, folder: Path, users: dict[str, UserDocument]) -> list[UserDocument]:
        """Reads every document once, and gives the authors whom neither the files nor the store know."""
        known = {*users, *(user.id for user in self._users.users())}
        authors: dict[str, UserDocument] = {}
        for category in DOCUMENT_FILES:
            for document in _documents(folder, category, users):
                if document.author_id not in known and document.author_full_name.strip():
                    user = UserDocument.from_full_name(document.author_full_name)
                    authors.setdefault(document.author_id, user.model_copy(update={"id": document.author_id}))
        return list(authors.values())

    def _save(self, documents: Iterator[Document]) -> SaveOutcome:
        saved = SaveOutcome()
        while batch := list(islice(documents, _N_PER_BATCH)):
            saved += self._documents.save(batch)
        return saved


def _documents(folder: Path, category: Category, users: dict[str, UserDocument]) -> Iterator[Document]:
    path = folder / DOCUMENT_FILES[category]
    if path.is_file():
        for number, item in enumerate(read_objects(path), start=1):
            yield document_of(category, item, users, place=f"{path.name}, item {number}")


def _checked_users(folder: Path, missing: list[str]) -> tuple[dict[str, UserDocument], list[str]]:
    users: dict[str, UserDocument] = {}
    left_out: dict[str, None] = {}
    items: Iterator[dict[str, Any]] = iter(()) if USER_FILE in missing else read_objects(folder / USER_FILE)
    for number, item in enumerate(items, start=1):
        user, unknown_keys = user_of(item, place=f"{USER_FILE}, item {number}")
        users[user.id] = user
        left_out.update(dict.fromkeys(unknown_keys))
    notes = [f"{USER_FILE}: users have no place for {', '.join(left_out)}, left out"] if left_out else []
    return users, notes
