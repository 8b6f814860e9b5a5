"""The manifest of an index directory."""

from dataclasses import replace
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import ConfigurationError, IntegrityError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import (
    Manifest,
    read_manifest,
    stored_recipe,
    write_manifest,
)
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe

RECIPE = Recipe(384, "model v1", 1.2, 0.75, 60.0, "english")


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest = Manifest(RECIPE, clean=False, counts={"cleaned_posts": 3})
    write_manifest(tmp_path, Manifest(RECIPE))
    write_manifest(tmp_path, manifest)

    assert read_manifest(tmp_path, RECIPE) == manifest
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.json"]


def test_a_directory_without_a_manifest_is_an_empty_index(tmp_path: Path) -> None:
    assert read_manifest(tmp_path, RECIPE) == Manifest(RECIPE, clean=True, counts={})


@pytest.mark.parametrize(
    "asked",
    [
        replace(RECIPE, dimension=768),
        replace(RECIPE, embedder="model v2"),
        replace(RECIPE, bm25_k1=1.0),
        replace(RECIPE, bm25_b=0.5),
        replace(RECIPE, bm25_avg_len=61.0),
        replace(RECIPE, bm25_language="german"),
    ],
    ids=str,
)
def test_each_part_of_the_recipe_must_agree(tmp_path: Path, asked: Recipe) -> None:
    write_manifest(tmp_path, Manifest(RECIPE))

    with pytest.raises(ConfigurationError, match="settings now say"):
        read_manifest(tmp_path, asked)


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "recipe": {}}', b"\xff"])
def test_a_damaged_manifest_is_noticed(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(damaged)

    with pytest.raises(IntegrityError, match="damaged"):
        read_manifest(tmp_path, RECIPE)


def test_the_recipe_of_an_index_can_be_asked_for_without_knowing_it(tmp_path: Path) -> None:
    assert stored_recipe(tmp_path) is None
    write_manifest(tmp_path, Manifest(RECIPE))

    assert stored_recipe(tmp_path) == RECIPE
