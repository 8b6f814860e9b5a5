"""Backups: what an archive says of itself."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class BackupDescription(BaseModel):
    """What was backed up, by which version, and what is not in it.

    Args:
        program: the version of this system that wrote it.
        created_at: ISO 8601, UTC.
        schemas: the versions of the home, of the lines that hold documents, and of the index's files.
        counts: how many users, documents of each category, and files of the index there are.
        documents_bytes: the length of all lines together.
        index_bytes: the space that the index's files take on the disk, holes not counted.
        generation: the number of the index's generation; None where no index was backed up.
        settings: those that were set, by key, but for secrets.
        secrets: the keys of secrets that were set: their values have to be set again.
        notes: what a person has to know who restores it, one line each.
    """

    model_config = ConfigDict(frozen=True)

    program: str
    created_at: str
    schemas: Mapping[str, int]
    counts: Mapping[str, int]
    documents_bytes: int = 0
    index_bytes: int = 0
    generation: int | None = None
    settings: Mapping[str, str] = {}
    secrets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
