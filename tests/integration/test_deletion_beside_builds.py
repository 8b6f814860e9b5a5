"""Deletions beside builds that were not finished, generations that are not live, and somebody who switches."""

from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from rag_llm_system.application.deletion.targets import n_held
from rag_llm_system.application.indexing.indexer import Indexer, select_documents
from rag_llm_system.application.indexing.ledger import Ledger, document_point_id
from rag_llm_system.application.preprocessing.embedding_data_handlers import index_point
from rag_llm_system.bootstrap.deletion import open_deletion
from rag_llm_system.bootstrap.home import open_home
from rag_llm_system.domain.chunks import EmbeddedWindow, Window
from rag_llm_system.domain.collections import CLEANED_COLLECTIONS
from rag_llm_system.domain.deletions import Criterion, DocumentReference
from rag_llm_system.domain.documents import ArticleDocument, Category
from rag_llm_system.domain.errors import InputError, NotFoundError
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
from rag_llm_system.settings import Settings
from tests.deletion_home import DIMENSION, RECIPE, Home, article, clean, cut, words

pytestmark = pytest.mark.slow
FIRST, SECOND = article("first", words(1)), article("second", words(2))
GOING = [Criterion(kind="document", value=FIRST.id)]
CLEANED = CLEANED_COLLECTIONS[Category.ARTICLES]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings.model_validate({"rag_home": tmp_path / "home", "rag_min_free_mb": 0})
    open_home(settings)
    return settings


@pytest.fixture
def home(settings: Settings) -> Home:
    return Home(settings.home)


def build_half(home: Home, *documents: ArticleDocument) -> None:
    """Stores documents and indexes them up to the first embedding, as a build that is stopped there."""

    def stop(_: Sequence[Window]) -> list[EmbeddedWindow]:
        raise KeyboardInterrupt

    with home.store() as store:
        store.save(documents)
        draft = home.catalogue.open_draft()
        indexer = Indexer(
            documents=store,
            index=draft,
            ledger=Ledger(draft, settings_fingerprint="a"),
            clean=clean,
            cut=cut,
            embed=stop,
            to_point=index_point,
        )
        with pytest.raises(KeyboardInterrupt):
            indexer.load_embedded_chunks(indexer.load_cleaned_documents(select_documents(store, store)))
        draft.close()


def build_beside(home: Home) -> None:
    """Makes a generation that nobody switches to."""
    draft = home.catalogue.open_draft(fresh=True)
    point = IndexPoint(document_point_id(Category.ARTICLES, FIRST.id), {"id": FIRST.id, "text": "x"})
    draft.upsert(CLEANED, [point])
    draft.publish(switch=False)


def test_half_of_a_first_build_is_not_made_live_and_holds_nothing_of_it(home: Home, settings: Settings) -> None:
    build_half(home, FIRST, SECOND)
    with open_deletion(settings) as deletion:
        receipt, _ = deletion.delete(GOING)
    assert home.catalogue.generations() == []
    draft = home.catalogue.open_draft()
    assert [point.payload["id"] for point in draft.scroll(CLEANED)] == [SECOND.id]
    draft.close()
    assert receipt.n_left == 0


def test_a_draft_with_half_of_a_changed_document_is_refused(home: Home, settings: Settings) -> None:
    home.fill(FIRST, SECOND)
    build_half(home, article("second", words(3)))
    with open_deletion(settings) as deletion, pytest.raises(InputError, match="half way in"):
        deletion.delete(GOING)
    assert [generation.number for generation in home.catalogue.generations()] == [1]


def test_a_generation_that_stands_beside_is_dropped_and_counted(home: Home, settings: Settings) -> None:
    with home.store() as store:
        store.save([FIRST, SECOND])
    build_beside(home)
    with open_deletion(settings) as deletion:
        receipt, _ = deletion.delete(GOING)
    assert home.catalogue.generations() == []
    assert receipt.generations_dropped == (1,)
    counted = {count.store: (count.before, count.after) for count in receipt.stores}
    assert counted[f"index: {CLEANED}"] == (1, 0)
    assert receipt.n_left == 0


def test_a_deletion_that_finds_nothing_leaves_a_build_by_other_settings_alone(home: Home, settings: Settings) -> None:
    home.fill(FIRST)
    other = QdrantEdgeCatalogue(
        home.path / "index", dimension=DIMENSION, embedder="another", min_free_bytes=0, shard_copies=0.0
    )
    draft = other.open_draft(fresh=True)
    draft.upsert(CLEANED, [IndexPoint("00000000-0000-4000-8000-000000000001", {"id": "x", "text": "x"})])
    draft.close()
    for value in ("no-such-id", FIRST.id):
        with open_deletion(settings) as deletion, pytest.raises(InputError, match="other settings is in the way"):
            deletion.delete([Criterion(kind="document", value=value)])
    draft = other.open_draft(fresh=True)
    assert draft.count(CLEANED) == 1
    draft.close()


def test_a_deletion_that_finds_nothing_begins_no_draft(home: Home, settings: Settings) -> None:
    home.fill(FIRST)
    with open_deletion(settings) as deletion, pytest.raises(NotFoundError):
        deletion.delete([Criterion(kind="document", value="no-such-id")])
    assert not (home.path / "index" / "draft").exists()


def test_what_somebody_makes_live_meanwhile_is_cleaned_as_well(tmp_path: Path) -> None:
    steps: list[str] = []

    def switch_once(step: str) -> None:
        steps.append(step)
        if step == "generations" and "publish" in steps and "switched" not in steps:
            steps.append("switched")
            QdrantEdgeCatalogue(tmp_path / "index", **RECIPE).switch(1)

    home = Home(tmp_path, switch_once)
    home.fill(FIRST, SECOND)
    with home.deletion() as deletion:
        receipt, _ = deletion.delete(GOING)
    (live,) = QdrantEdgeCatalogue(tmp_path / "index", **RECIPE).generations()
    assert live.is_live
    assert receipt.generations_dropped == (1,)
    with home.generation(live.number) as index:
        assert not any(n_held(index, [DocumentReference(category=Category.ARTICLES, id=FIRST.id)]).values())
        assert index.count(CLEANED) == 1
