"""The export of the LLM Engineer's Handbook, from its JSON files to a cited answer, on the embedded default."""

import json
import os
import shutil
from pathlib import Path

import pytest

from rag_llm_system.application.indexing.indexer import select_documents
from rag_llm_system.application.indexing.selection import IndexingReport
from rag_llm_system.bootstrap.answering import open_answering
from rag_llm_system.bootstrap.indexing import open_indexing
from rag_llm_system.bootstrap.ingestion import open_ingestion
from rag_llm_system.domain.answers import Answer
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS, LEDGER_COLLECTION
from rag_llm_system.domain.documents import Category
from rag_llm_system.settings import Settings, load_settings

EXPORT = Path(os.environ["RAG_TEST_DATA_DIR"], "llm_engineers_handbook", "data_warehouse_raw_data")

pytestmark = [pytest.mark.e2e, pytest.mark.real_data, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home into which every fourth article of the export was imported; to embed all takes a minute."""
    some = Path(shutil.copytree(EXPORT, tmp_path_factory.mktemp("export") / "some"))
    articles = json.loads((some / "ArticleDocument.json").read_text())
    (some / "ArticleDocument.json").write_text(json.dumps(articles[::4]))
    settings = load_settings(rag_home=tmp_path_factory.mktemp("home"))
    with open_ingestion(settings) as services:
        services.warehouse.import_from(some)
    return settings


def index_all(settings: Settings) -> IndexingReport:
    with open_indexing(settings) as services:
        selection = select_documents(services.documents, services.users)
        report = services.indexer.load_embedded_chunks(services.indexer.load_cleaned_documents(selection))
        services.draft.publish()
        return report


def ask(settings: Settings, question: str) -> Answer:
    with open_answering(settings, own_engine=True) as services:
        return services.answering.answer(question)


def test_all_of_the_export_is_imported(tmp_path: Path) -> None:
    with open_ingestion(load_settings(rag_home=tmp_path)) as services:
        report = services.warehouse.import_from(EXPORT)
    assert report.saved[Category.ARTICLES].n_new == 76


def test_every_article_is_indexed_once_and_a_second_run_embeds_nothing(settings: Settings) -> None:
    first = index_all(settings)
    assert (first.n_documents, first.totals[LEDGER_COLLECTION]) == (19, 19)
    assert first.totals[CHUNK_COLLECTIONS[Category.ARTICLES]] == first.n_windows > 500
    second = index_all(settings)
    assert (second.n_documents, second.n_windows, second.n_unchanged) == (0, 0, 19)


def test_a_question_about_an_author_is_answered_from_his_articles_alone_with_links(settings: Settings) -> None:
    answer = ask(settings, "What does Maxime Labonne say about quantization?")
    assert not answer.refused
    assert "quantization" in answer.text
    assert {citation.author_full_name for citation in answer.citations} == {"Maxime Labonne"}
    assert {passage.author_full_name for passage in answer.passages} == {"Maxime Labonne"}
    assert all(citation.link.startswith("https://") for citation in answer.citations)


def test_what_the_articles_do_not_hold_is_refused(settings: Settings) -> None:
    assert ask(settings, "Which ferry leaves Mallaig for Skye on Sundays?").refused
