"""Ingesting: folders of files are brought in again and again, while their files come, change and go."""

import hashlib
import random
from pathlib import Path

from rag_llm_system.bootstrap.home import open_home
from rag_llm_system.bootstrap.ingestion import open_ingestion
from rag_llm_system.domain.documents import ArticleDocument, Document
from tools.crash_testing.acknowledged import Entry, State, append, read, standings
from tools.crash_testing.comparison import compare_documents
from tools.crash_testing.corpus import AUTHORS
from tools.crash_testing.findings import Findings
from tools.crash_testing.homes import home_settings, stored_documents
from tools.crash_testing.processes import Work
from tools.crash_testing.round import Operation, Round

_N_FOLDERS = 3
_N_FILES = 10
_N_STEPS = 8
_SHARE_GONE = 0.2
_NAME = "ingest"


def prepare(round_: Round) -> None:
    """Makes the folders."""
    for number in range(_N_FOLDERS):
        _folder(round_, number).mkdir(parents=True, exist_ok=True)
    open_home(home_settings(round_.home))
    with open_ingestion(home_settings(round_.home)):
        pass


def operate(round_: Round) -> Work:
    """Changes the files of a folder and ingests it, several times."""
    with open_ingestion(home_settings(round_.home)) as services:
        yield
        for step in range(_N_STEPS):
            folder = _folder(round_, step % _N_FOLDERS)
            texts = _new_texts(round_, step)
            _note(round_, "begun", texts)
            _write(texts)
            services.ingestion.ingest([str(folder)], author_full_name=AUTHORS[0])
            _note(round_, "acknowledged", texts)


def look(round_: Round) -> Findings:
    """Compares all documents in the store with the log."""
    found = ((each.link, _hash(_text(each))) for each in stored_documents(home_settings(round_.home)))
    return compare_documents(found, standings(entry for entry in read(round_.log) if entry.operation == _NAME))


def complete(round_: Round) -> Findings:
    """Ingests all folders as they are."""
    with open_ingestion(home_settings(round_.home)) as services:
        for number in range(_N_FOLDERS):
            folder = _folder(round_, number)
            services.ingestion.ingest([str(folder)], author_full_name=AUTHORS[0])
            files = {folder / _file_name(i): None for i in range(_N_FILES)}
            on_disk = {file: file.read_text() if file.exists() else None for file in files}
            _note(round_, "acknowledged", on_disk)
    return look(round_)


def _folder(round_: Round, number: int) -> Path:
    return round_.folder / "files" / f"folder{number}"


def _file_name(number: int) -> str:
    return f"note{number}.txt"


def _new_texts(round_: Round, step: int) -> dict[Path, str | None]:
    """Gives what becomes of each file of the folder: a text, or None where it goes."""
    rng = random.Random(f"{round_.corpus.seed}/ingest/{round_.number}/{step}")
    folder, version = _folder(round_, step % _N_FOLDERS), round_.number * _N_STEPS + step
    return {
        folder / _file_name(number): None
        if rng.random() < _SHARE_GONE
        else round_.corpus.text((step % _N_FOLDERS) * _N_FILES + number, version) * rng.choice((1, 1, 40))
        for number in range(_N_FILES)
    }


def _write(texts: dict[Path, str | None]) -> None:
    for file, text in texts.items():
        if text is None:
            file.unlink(missing_ok=True)
        else:
            new = file.with_name(f".{file.name}")  # replaced at once: it is the store that is tested
            new.write_text(text)
            new.replace(file)


def _note(round_: Round, state: State, texts: dict[Path, str | None]) -> None:
    hashes = {file.as_uri(): "" if text is None else _hash(text) for file, text in texts.items()}
    append(round_.log, [Entry(_NAME, state, link, text_hash, round_.number) for link, text_hash in hashes.items()])


def _text(document: Document) -> str:
    assert isinstance(document, ArticleDocument)
    return document.content.text


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


INGEST = Operation(_NAME, lambda _: "", prepare, operate, look, complete)
