"""Which index the settings mean."""

from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.application.preprocessing.embedding_data_handlers import MEAN_KEYWORD_TERMS
from rag_llm_system.bootstrap.vector_index import index_path, open_catalogue, open_index, recipe_options, server_options
from rag_llm_system.domain.errors import CapabilityError, ConfigurationError, DiskFullError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.settings import Settings


def settings(tmp_path: Path, **fields: Any) -> Settings:
    return Settings(rag_home=tmp_path, **fields)


class Embedder:
    """Of the two things that an index asks of an embedder."""

    dimension = 4
    fingerprint = "an embedder"


def test_without_a_server_the_index_is_embedded(tmp_path: Path) -> None:
    plain = settings(tmp_path)

    assert server_options(plain) is None
    assert index_path(plain) == tmp_path / "index"
    with open_index(plain, Embedder()) as index:  # type: ignore[arg-type]
        assert isinstance(index, QdrantEdgeIndex)
        assert index.count("post_chunks_embedded") == 0
        with pytest.raises(CapabilityError):
            index.search("cleaned_posts", [])


def test_what_a_generation_is_made_by_are_the_settings_and_the_embedder(tmp_path: Path) -> None:
    told = settings(tmp_path, rag_bm25_k1=1.5, rag_bm25_b=0.5, rag_vector_compression="float16", rag_min_free_mb=0)

    recipe = recipe_options(told, Embedder())  # type: ignore[arg-type]
    assert recipe.pop("chunking")
    assert recipe == {
        "dimension": 4,
        "embedder": "an embedder",
        "bm25_k1": 1.5,
        "bm25_b": 0.5,
        "bm25_avg_len": MEAN_KEYWORD_TERMS,
        "bm25_language": "english",
        "compression": "float16",
    }
    catalogue = open_catalogue(told, Embedder(), purpose="a test")  # type: ignore[arg-type]
    generation = catalogue.open_draft().publish()
    assert generation is not None
    assert {name: generation.recipe[name] for name in recipe} == recipe


def test_a_draft_leaves_the_free_space_that_the_settings_say(tmp_path: Path) -> None:
    greedy = settings(tmp_path, rag_min_free_mb=10**12)
    with pytest.raises(DiskFullError, match=r"1,000,000,000,000\.0 MB are needed"):
        open_catalogue(greedy, Embedder(), purpose="a test").open_draft()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("vectors", "http://vectors:6444"),
        (" vectors ", "http://vectors:6444"),
        ("10.0.0.7", "http://10.0.0.7:6444"),
        ("http://vectors", "http://vectors:6444"),
        ("https://vectors/", "https://vectors:6444"),
        ("https://vectors:443", "https://vectors:443"),
        ("vectors:7000", "http://vectors:7000"),
        ("::1", "http://[::1]:6444"),
        ("[::1]:7000", "http://[::1]:7000"),
    ],
)
def test_a_host_is_a_server_at_the_port_unless_it_names_its_own(tmp_path: Path, host: str, url: str) -> None:
    options = server_options(settings(tmp_path, qdrant_database_host=host, qdrant_database_port=6444))

    assert options == {"url": url, "api_key": None, "timeout_s": 30.0}


def test_a_host_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="QDRANT_DATABASE_HOST"):
        server_options(settings(tmp_path, qdrant_database_host="vectors:port"))


def test_the_cloud_comes_before_the_host_and_brings_its_key(tmp_path: Path) -> None:
    cloud = settings(
        tmp_path,
        use_qdrant_cloud=True,
        qdrant_cloud_url="https://name.cloud.qdrant.io",
        qdrant_database_host="vectors",
        qdrant_apikey="k",
        rag_qdrant_timeout_s=5,
    )

    assert server_options(cloud) == {"url": "https://name.cloud.qdrant.io", "api_key": "k", "timeout_s": 5.0}


def test_the_cloud_without_its_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="QDRANT_CLOUD_URL"):
        server_options(settings(tmp_path, use_qdrant_cloud=True))
