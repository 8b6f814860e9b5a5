"""What a directory of shards says of itself: how it was made, how many points it holds, and what its files are."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from rag_llm_system.domain.errors import ConfigurationError, IntegrityError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import fsync_directory
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe

MANIFEST_NAME = "manifest.json"
FORMAT = 2
_CHECKSUM = "sha256"
REPAIR = "run ./poe index repair"
REBUILD = "run ./poe index build"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is written down beside the shards.

    Args:
        recipe: what the stored numbers depend on.
        counts: each collection's exact count at the time when it was last closed.
        clean: whether the last writer closed the directory, so that the counts hold.
        fresh: whether a draft began with nothing, rather than as a generation.
        base: the generation that a draft began as.
        completing: what becomes of a draft that is being made complete and must not be written to: "live" or "beside";
            "" for all others.
        created_at: when a generation was completed: ISO 8601, UTC.
        checksums: the files of a generation (`trees.checksums`); empty for a draft.
    """

    recipe: Recipe
    counts: Mapping[str, int] = field(default_factory=dict)
    clean: bool = True
    fresh: bool = False
    base: int | None = None
    completing: Literal["", "live", "beside"] = ""
    created_at: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)


def read_manifest(path: Path) -> Manifest:
    """Gives the manifest of the directory.

    Raises:
        ConfigurationError: it was written by a newer version of this system.
        IntegrityError: it is missing or damaged.
    """
    try:
        fields = read_json(path / MANIFEST_NAME)
        return Manifest(**{**fields, "recipe": Recipe(**fields["recipe"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"the manifest of the index at {path} is missing or damaged: {REPAIR}") from error


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replaces the manifest at once and durably.

    Raises:
        OSError: it cannot be written.
    """
    write_json(path / MANIFEST_NAME, asdict(manifest))


def read_json(file: Path) -> dict[str, Any]:
    """Gives what `write_json` wrote.

    Raises:
        ConfigurationError: a newer version of this system wrote it.
        OSError: it cannot be read.
        ValueError, KeyError, TypeError, AttributeError: it is not as it was written.
    """
    fields: dict[str, Any] = json.loads(file.read_bytes())
    written = fields.pop("format")
    if isinstance(written, int) and written > FORMAT:
        raise ConfigurationError(
            f"the index at {file.parent} has format {written}, this version reads up to {FORMAT}: update rag_llm_system"
        )
    if fields.pop(_CHECKSUM) != _checksum(fields):
        raise ValueError("the checksum differs")
    return fields


def write_json(file: Path, fields: Mapping[str, object]) -> None:
    """Replaces a file at once and durably: whoever reads it sees the old one or the new one.

    Raises:
        OSError: it cannot be written.
    """
    new = file.with_name(f".{file.name}.new")
    with new.open("w", encoding="utf-8") as opened:
        json.dump({"format": FORMAT, **fields, _CHECKSUM: _checksum(fields)}, opened, indent=1)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
    fsync_directory(file.parent)


def _checksum(fields: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
