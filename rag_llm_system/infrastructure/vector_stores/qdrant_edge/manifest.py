"""What an index directory says of itself: how it was made, and how many points it held when it was closed."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rag_llm_system.domain.errors import ConfigurationError, IntegrityError
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, require_same_recipe

_NAME = "manifest.json"
_FORMAT = 1
REBUILD = "delete the index folder and run ./poe run-feature-engineering-pipeline"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The recipe, whether the last writer closed the index, and each collection's exact count at that time."""

    recipe: Recipe
    clean: bool = True
    counts: Mapping[str, int] = field(default_factory=dict)


def read_manifest(path: Path, recipe: Recipe) -> Manifest:
    """Gives the manifest of the index directory; a fresh one with no collections where nothing was written yet.

    Raises:
        ConfigurationError: the index was made by another recipe or another version of this system.
        IntegrityError: the manifest is damaged.
    """
    stored = _stored_manifest(path)
    if stored is None:
        return Manifest(recipe)
    require_same_recipe(stored.recipe, recipe, f"the index at {path}", REBUILD)
    return stored


def stored_recipe(path: Path) -> Recipe | None:
    """Gives the recipe that the index directory was made by; None where nothing was written yet.

    Raises:
        ConfigurationError: the index was made by another version of this system.
        IntegrityError: the manifest is damaged.
    """
    stored = _stored_manifest(path)
    return stored.recipe if stored else None


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replaces the manifest at once and durably: whoever reads it sees the old one or the new one.

    Raises:
        OSError: it cannot be written.
    """
    fields = {"format": _FORMAT, **asdict(manifest)}
    new = path / f"{_NAME}.new"
    with new.open("w", encoding="utf-8") as file:
        json.dump(fields, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path / _NAME)
    fsync_directory(path)


def fsync_directory(path: Path) -> None:
    """Makes renames within the directory durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _stored_manifest(path: Path) -> Manifest | None:
    try:
        fields = json.loads((path / _NAME).read_bytes())
        if fields["format"] != _FORMAT:
            raise ConfigurationError(f"the index at {path} has format {fields['format']}, not {_FORMAT}: {REBUILD}")
        return Manifest(Recipe(**fields["recipe"]), bool(fields["clean"]), dict(fields["counts"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"the manifest of the index at {path} is damaged: {REBUILD}") from error
