"""Deletion where the index is on a Qdrant server: the same steps, by the server's collections and aliases."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

pytest.importorskip("cryptography")
pytest.importorskip("qdrant_client", reason="needs the extra qdrant")

from rag_llm_system.application.deletion.verification import require_nothing_left, verify
from rag_llm_system.domain.deletions import Criterion
from rag_llm_system.domain.ports.deletion import OpenedGeneration
from rag_llm_system.infrastructure.vector_stores.qdrant_adapter import QdrantAdapter
from rag_llm_system.infrastructure.vector_stores.qdrant_catalogue import QdrantCatalogue
from tests.deletion_home import RECIPE, Home, article, words
from tests.qdrant_in_process import SharedClient, in_process_connector

ADAS, GRACES = article("engines", words(1, 60)), article("compilers", words(3, 60), "Grace Hopper")


class ServerHome(Home):
    """A home whose index is elsewhere."""

    def __init__(self, path: Path, client: SharedClient) -> None:
        super().__init__(path)
        self._client = client
        self.catalogue = QdrantCatalogue(connector=in_process_connector(client), **RECIPE)

    @contextmanager
    def generation(self, number: int) -> Iterator[OpenedGeneration]:
        with closing(QdrantAdapter(connector=in_process_connector(self._client), generation=number, **RECIPE)) as index:
            yield index


def test_a_deleted_document_is_in_no_collection_of_the_server(tmp_path: Path) -> None:
    client = SharedClient()
    home = ServerHome(tmp_path / "home", client)
    home.fill(ADAS, GRACES)
    n_windows = sum(home.catalogue.generations()[-1].counts.values())
    with home.deletion() as deletion:
        receipt, _ = deletion.delete([Criterion(kind="link", value=ADAS.link)])
        with home.surroundings() as surroundings:
            require_nothing_left(verify(receipt, surroundings))
    before = {count.store: count.before for count in receipt.stores}
    assert before["index: article_chunks_embedded"] > 1
    assert receipt.fingerprints.n_by_kind()["vectors"] > 1
    (live,) = home.catalogue.generations()
    assert live.number not in receipt.generations_dropped
    assert 0 < sum(live.counts.values()) < n_windows
    for collection in client.get_collections().collections:
        points, _ = client.scroll(collection.name, limit=1_000)
        assert not any(ADAS.id in str(point.payload) for point in points)
    client.close_at_last()
