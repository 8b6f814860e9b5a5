"""The home that questions are asked of: Wikipedia paragraphs, indexed by the product, kept for the next time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from math import ceil
from pathlib import Path

from benchmarks.measured_data import data_folder
from benchmarks.stores.material import Tell
from rag_llm_system.application.evaluation.beir_files import QUERIES, read_corpus, read_questions
from rag_llm_system.application.evaluation.data_set import half_of
from rag_llm_system.application.evaluation.harness import bring_in
from rag_llm_system.application.indexing.indexer import select_documents
from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.evaluation_home import evaluation_home
from rag_llm_system.bootstrap.indexing import open_indexing
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.errors import InputError
from rag_llm_system.settings import Settings

_COLLECTION = "squad_rag"
_KNOWN = "asked_home.json"
_WINDOWS_PER_DOCUMENT = 1.74
_SPARE = 1.01


@contextmanager
def asked_home(n_windows: int, tell: Tell) -> Iterator[tuple[Settings, int]]:
    """Gives the settings of a home whose index holds at least so many windows, and how many it holds.

    Raises:
        InputError: the collection has fewer, or is not there.
    """
    with evaluation_home({}, keep_as=f"query-{n_windows}") as settings:
        known = settings.home / _KNOWN
        if not known.is_file():
            known.write_text(json.dumps({"n_windows": _fill(settings, n_windows, tell)}) + "\n", encoding="utf-8")
        yield settings, json.loads(known.read_text(encoding="utf-8"))["n_windows"]


def development_questions(n: int) -> list[str]:
    """Gives the first `n` questions of the collection's development half."""
    questions = read_questions(_folder(), QUERIES).values()
    return [question.text for question in questions if half_of(question.id) == "dev"][:n]


def _fill(settings: Settings, n_windows: int, tell: Tell) -> int:
    n_documents = ceil(n_windows / _WINDOWS_PER_DOCUMENT * _SPARE)
    while True:
        with open_document_store(settings) as store:
            n_saved = bring_in(islice(read_corpus(_folder()), n_documents), store, store, lambda _n: None)
        tell(f"indexing {n_saved:,} paragraphs, once; kept in {settings.home}")
        with open_indexing(settings, tell=tell) as services:
            selection = select_documents(services.documents, services.users)
            cleaning = services.indexer.load_cleaned_documents(selection)
            indexing = services.indexer.load_embedded_chunks(cleaning)
            services.draft.publish(switch=True)
        n_indexed = sum(indexing.totals[name] for name in CHUNK_COLLECTIONS.values())
        if n_indexed >= n_windows:
            return n_indexed
        if n_saved < n_documents:
            raise InputError(f"{_COLLECTION} has {n_indexed:,} windows: give a smaller --windows")
        n_documents = ceil(n_documents * n_windows / n_indexed * _SPARE)


def _folder() -> Path:
    folder = data_folder(_COLLECTION)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: set RAG_TEST_DATA_DIR to where {_COLLECTION} lies")
    return folder
