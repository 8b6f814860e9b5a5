"""What an index directory says of itself: how it was made, and how many points it held when it was closed."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rag_llm_system.domain.errors import ConfigurationError, IntegrityError

_NAME = "manifest.json"
_FORMAT = 1
REBUILD = "delete the index folder and run ./poe run-feature-engineering-pipeline"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the stored numbers depend on; an index made by another recipe must be made anew."""

    dimension: int
    embedder: str
    bm25_k1: float
    bm25_b: float
    bm25_avg_len: float
    bm25_language: str


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
    try:
        fields = json.loads((path / _NAME).read_bytes())
        if fields["format"] != _FORMAT:
            raise ConfigurationError(f"the index at {path} has format {fields['format']}, not {_FORMAT}: {REBUILD}")
        stored = Manifest(Recipe(**fields["recipe"]), bool(fields["clean"]), dict(fields["counts"]))
    except FileNotFoundError:
        return Manifest(recipe)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"the manifest of the index at {path} is damaged: {REBUILD}") from error
    _compare(path, asdict(stored.recipe), asdict(recipe))
    return stored


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


def _compare(path: Path, stored: dict[str, Any], asked: dict[str, Any]) -> None:
    for name, value in stored.items():
        if value != asked[name]:
            differs = f"was made with {name} {value!r}, the settings now say {asked[name]!r}"
            raise ConfigurationError(f"the index at {path} {differs}: set it back, or {REBUILD}")
