"""A load that fails makes the pipeline red: nothing that was not loaded looks as if it were."""

import os
from pathlib import Path

import pytest

from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category, document_id
from rag_llm_system.domain.users import user_id
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from tests.forked_commands import ForkedCommands

pytestmark = pytest.mark.slow
SCRIPT = """
from rag_llm_system.domain.errors import DiskFullError
from steps.zenml_environment import create_zenml_store_once, set_zenml_environment
from tools.pipeline_runs import run_feature_engineering
try:
    run_feature_engineering()
except DiskFullError as error:
    print("raised", error.message)
from zenml.client import Client
run = Client().list_pipeline_runs(sort_by="desc:created", size=1).items[0]
print("run", run.status.value)
for name, step in run.steps.items():
    print(name, step.status.value)
"""


def test_a_load_that_finds_no_room_fails_its_step_and_the_run(forked: ForkedCommands, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    store = SqlDocumentStore(f"sqlite:///{home / 'documents.sqlite'}")
    store.save(
        [
            ArticleDocument(
                id=document_id(Category.ARTICLES, "l"),
                platform="test",
                link="l",
                author_id=user_id("Ada Lovelace"),
                author_full_name="Ada Lovelace",
                content=ArticleContent(title="On engines", text="The engine weaves patterns. " * 20),
            )
        ]
    )
    store.close()
    script = tmp_path / "script.py"  # ZenML wants a main module that is a file
    script.write_text(SCRIPT)
    environment = {"RAG_HOME": str(home), "RAG_MIN_FREE_MB": "1000000000", "RAG_TRACKING": "0"}
    ran = forked.run([script], environment={**os.environ, **environment})
    lines = ran.stdout.splitlines()
    assert any(line.startswith("raised ") and "MB are needed" in line for line in lines), ran.stderr
    assert {"run failed", "query_data_warehouse completed", "load_cleaned_documents failed"} <= set(lines)
    assert "load_embedded_chunks completed" not in lines
