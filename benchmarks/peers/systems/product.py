"""This product, as `poe evaluate` goes through it: articles, cleaning, chunks, windows, index, retriever."""

import atexit
import logging
import os
from contextlib import ExitStack
from pathlib import Path

from rag_llm_system.application.evaluation.beir_files import CorpusDocument
from rag_llm_system.application.evaluation.harness import LINK, bring_in
from rag_llm_system.application.indexing.indexer import select_documents
from rag_llm_system.bootstrap.answering import load_retrieval_models, open_answering
from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.evaluation_home import evaluation_home
from rag_llm_system.bootstrap.indexing import open_indexing
from rag_llm_system.settings import load_settings

_tell = logging.getLogger(__name__).info


class System:
    """The settings are the defaults, the home is one of its own; its models are made once, as `poe quickstart` does."""

    def __init__(self, weights: Path, folder: Path) -> None:
        del weights  # the product finds the same package by itself
        os.environ["RAG_HOME"] = str(folder)
        self._opened = ExitStack()
        atexit.register(self._opened.close)
        self._settings = self._opened.enter_context(evaluation_home({}))
        load_retrieval_models(load_settings(), _tell)

    def index(self, passages: list[dict[str, str]]) -> None:
        documents = (CorpusDocument(passage["id"], passage["title"], passage["text"]) for passage in passages)
        with open_document_store(self._settings) as store:
            bring_in(documents, store, store, lambda _: None)
        with open_indexing(self._settings, tell=_tell) as services:
            selection = select_documents(services.documents, services.users)
            cleaning = services.indexer.load_cleaned_documents(selection)
            indexing = services.indexer.load_embedded_chunks(cleaning)
            services.draft.publish(switch=True)
        if cleaning.failures or indexing.failures:
            raise RuntimeError(f"{len(cleaning.failures) + len(indexing.failures)} passages were not indexed")
        self._retriever = self._opened.enter_context(open_answering(self._settings, own_engine=True)).retriever

    def search(self, question: str, k: int) -> list[str]:
        found = self._retriever.find(question, k=k)
        return list(dict.fromkeys(candidate.link.removeprefix(LINK) for candidate in found.candidates))
