"""A JSON array in a file, item by item, so that its size does not matter."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from rag_llm_system.domain.errors import ConfigurationError, DiskFullError, InputError

_BLOCK_CHARS = 1 << 18
_DISK_FULL = 28  # ENOSPC on every system
_SPACE = " \t\r\n"


def read_objects(path: Path) -> Iterator[dict[str, Any]]:
    """Gives the objects of the array in the file, a few in memory at a time.

    Raises:
        InputError: the file is not a JSON array of objects; the message names the line or the item.
        ConfigurationError: the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _Reader(file, path.name).objects()
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}): check its permissions") from None


def write_objects(path: Path, objects: Iterable[Mapping[str, Any]]) -> int:
    """Writes an array of the objects, one item after the other, and gives their number.

    The file is whole or as it was before: it is written under another name, flushed to the disk, and renamed.

    Raises:
        DiskFullError: there is no room; the old file is as it was.
        ConfigurationError: the folder cannot be written to.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            n_objects = _write(file, objects)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        if error.errno == _DISK_FULL:
            raise DiskFullError(f"the disk that holds {path.parent} is full: make room there") from None
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}): choose another folder") from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return n_objects


def _write(file: TextIOWrapper, objects: Iterable[Mapping[str, Any]]) -> int:
    n_objects = 0
    for n_objects, item in enumerate(objects, start=1):
        text = json.dumps(item, ensure_ascii=False, indent=2).replace("\n", "\n  ")
        file.write(("[\n  " if n_objects == 1 else ",\n  ") + text)
    file.write("\n]\n" if n_objects else "[]\n")
    return n_objects


class _Reader:
    """Holds the part of the file that was read and not yet given: the text from `_at` on."""

    def __init__(self, file: TextIOWrapper, name: str) -> None:
        self._file = file
        self._name = name
        self._text = ""
        self._at = 0
        self._n_lines_before = 0
        self._decoder = json.JSONDecoder(parse_constant=_refuse)

    def objects(self) -> Iterator[dict[str, Any]]:
        if self._next_sign() != "[":
            raise self._error("must be a JSON array, [...]")
        self._at += 1
        sign = self._next_sign()
        while sign != "]":
            if sign != "{":
                raise self._error("must hold objects, {...}, alone")
            yield self._object()
            sign = self._next_sign()
            if sign == ",":
                self._at += 1
                sign = self._next_sign()
                if sign == "]":
                    raise self._error("has a comma after its last object")
            elif sign != "]":
                raise self._error("lacks a comma or the closing bracket")
        self._at += 1
        if self._next_sign():
            raise self._error("goes on after the closing bracket")

    def _object(self) -> dict[str, Any]:
        n_chars = _BLOCK_CHARS
        while True:
            try:
                item, self._at = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                # The object may go on in the next block. Blocks that double keep a very long one from taking
                # quadratic time.
                if not self._read_more(n_chars):
                    raise self._error(f"is not JSON ({error.msg})", at=error.pos) from None
                n_chars *= 2
            except (RecursionError, ValueError):
                raise self._error("holds NaN, a number too long, or something nested too deep") from None
            else:
                return dict(item)

    def _next_sign(self) -> str:
        """Gives the next character that is no space, "" at the end; it stays to be read."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or not self._read_more(_BLOCK_CHARS):
                return self._text[self._at : self._at + 1]

    def _read_more(self, n_chars: int) -> bool:
        more = self._file.read(n_chars)
        self._n_lines_before += self._text.count("\n", 0, self._at)
        self._text = self._text[self._at :] + more
        self._at = 0
        return bool(more)

    def _error(self, what: str, at: int | None = None) -> InputError:
        line = self._n_lines_before + self._text.count("\n", 0, self._at if at is None else at) + 1
        return InputError(f"{self._name} {what}, line {line}: mend the file, then import again")


def _refuse(constant: str) -> None:
    raise ValueError(constant)
