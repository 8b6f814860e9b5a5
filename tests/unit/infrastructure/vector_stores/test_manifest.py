"""The manifest of a generation or a draft."""

from dataclasses import replace
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import ConfigurationError, IntegrityError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import Manifest, read_manifest, write_manifest
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, difference_of, require_same_recipe

RECIPE = Recipe(384, "model v1", 1.2, 0.75, 60.0, "english", "chunks", "int8")


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest = Manifest(RECIPE, {"cleaned_posts": 3}, False, True, 4, "live", "2026-01-01T00:00:00+00:00", {"a/b": "c"})
    write_manifest(tmp_path, Manifest(RECIPE))
    write_manifest(tmp_path, manifest)

    assert read_manifest(tmp_path) == manifest
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(
    "asked",
    [
        replace(RECIPE, dimension=768),
        replace(RECIPE, embedder="model v2"),
        replace(RECIPE, bm25_k1=1.0),
        replace(RECIPE, bm25_b=0.5),
        replace(RECIPE, bm25_avg_len=61.0),
        replace(RECIPE, bm25_language="german"),
        replace(RECIPE, chunking="smaller chunks"),
        replace(RECIPE, compression="float32"),
    ],
    ids=str,
)
def test_each_part_of_the_recipe_must_agree(asked: Recipe) -> None:
    with pytest.raises(ConfigurationError, match=r"the index was made with .* settings now say .* or build it"):
        require_same_recipe(RECIPE, asked, "the index", "build it")


def test_a_chunking_that_nobody_told_agrees_with_any() -> None:
    untold = replace(RECIPE, chunking="")

    assert difference_of(RECIPE, untold) == difference_of(untold, RECIPE) == difference_of(RECIPE, RECIPE) == ""


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "recipe": {}}', b"\xff"])
def test_a_damaged_manifest_is_noticed(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(damaged)

    with pytest.raises(IntegrityError, match="damaged"):
        read_manifest(tmp_path)


def test_a_manifest_that_is_not_there_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="missing"):
        read_manifest(tmp_path)


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    write_manifest(tmp_path, Manifest(RECIPE, {"cleaned_posts": 3}, created_at="2026-01-01", checksums={"a/b": "c"}))
    file = tmp_path / "manifest.json"
    whole = file.read_bytes()
    for place, byte in enumerate(whole):
        if chr(byte).isspace():
            continue  # what lies between the words says nothing
        file.write_bytes(whole[:place] + bytes([byte ^ 1]) + whole[place + 1 :])
        with pytest.raises((IntegrityError, ConfigurationError)):
            read_manifest(tmp_path)
