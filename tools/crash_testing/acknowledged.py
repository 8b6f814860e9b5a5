"""The log of what was begun and what was acknowledged: it outlives the process that writes it."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

State = Literal["begun", "acknowledged"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log.

    Args:
        operation: what was done.
        state: "begun" before the product's call, "acknowledged" after it has returned.
        subject: what it was done to: a document's id or link, a writer's name.
        text_hash: of the document's text; "" where the document is gone, or there is no text.
        number: of the step or the generation.
    """

    operation: str
    state: State
    subject: str
    text_hash: str = ""
    number: int = 0


def append(path: Path, entries: Iterable[Entry]) -> None:
    """Writes the entries down durably, those of a call at once; several processes may do so."""
    lines = "".join(json.dumps(asdict(entry)) + "\n" for entry in entries)
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(fd, lines.encode())
        os.fsync(fd)
    finally:
        os.close(fd)


def read(path: Path) -> list[Entry]:
    """Gives the entries in the order in which they were written; a last line that was cut off is none."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [Entry(**json.loads(line)) for line in lines[:-1]]


@dataclass(frozen=True, slots=True)
class Standing:
    """What may be found of a subject.

    Args:
        allowed: text hashes of which one must be found: the last that was acknowledged, and what was begun since. ""
            means that it may be gone.
        replaced: text hashes that were there before.
    """

    allowed: frozenset[str]
    replaced: frozenset[str]


def standings(entries: Iterable[Entry]) -> dict[str, Standing]:
    """Gives what may be found of every subject of the log."""
    allowed: dict[str, set[str]] = {}
    seen: dict[str, set[str]] = {}
    for entry in entries:
        open_ = allowed.setdefault(entry.subject, {""})
        if entry.state == "acknowledged":
            open_.clear()
        open_.add(entry.text_hash)
        seen.setdefault(entry.subject, set()).add(entry.text_hash)
    return {
        subject: Standing(frozenset(hashes), frozenset(seen[subject] - hashes - {""}))
        for subject, hashes in allowed.items()
    }
