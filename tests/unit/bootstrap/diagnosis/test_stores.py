"""Documents are counted where they are; where there are none yet, nothing is made to find that out."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, inspect

from rag_llm_system.application.diagnosis.findings import Level
from rag_llm_system.bootstrap.diagnosis.stores import documents, reranker
from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.settings import load_settings
from tests.document_stores import Database

pytest_plugins = ["tests.document_store_fixtures"]


def test_a_fresh_postgresql_holds_none_yet_and_stays_as_it_is(
    postgres_database: Database, postgres_engine: Engine, tmp_path: Path
) -> None:
    settings = load_settings(rag_home=tmp_path, database_url=SecretStr(postgres_database.url))
    for _ in range(2):
        finding = documents(settings)
        assert (finding.level, finding.found) == (Level.INFO, "none yet (PostgreSQL)")
    assert inspect(postgres_engine).get_table_names() == []
    with open_document_store(settings) as store:
        store.get_or_create("Ada Lovelace")
    assert documents(settings).found == "none yet (PostgreSQL)"


@pytest.mark.parametrize("written", ["sqlite:///{}", "sqlite+pysqlite:///{}", "sqlite:///{}?timeout=3"])
def test_an_sqlite_file_that_is_not_there_is_not_made(written: str, tmp_path: Path) -> None:
    url = written.format(tmp_path / "state" / "documents.sqlite")
    finding = documents(load_settings(rag_home=tmp_path / "home", database_url=SecretStr(url)))
    assert (finding.level, finding.found) == (Level.INFO, "none yet (SQLite)")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "nonsense"])
def test_an_address_that_names_no_file_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        documents(load_settings(rag_home=tmp_path, database_url=SecretStr(url)))


def test_a_cross_encoder_without_weights_says_where_they_belong(tmp_path: Path) -> None:
    asked = load_settings(rag_home=tmp_path, rag_rerank="cross-encoder", rag_allow_download=False)
    with pytest.raises(ConfigurationError, match="RERANKING_CROSS_ENCODER_MODEL_ID"):
        reranker(asked)
    assert list(tmp_path.iterdir()) == []
