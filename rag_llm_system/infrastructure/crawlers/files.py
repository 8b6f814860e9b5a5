"""Files and folders of this machine."""

import codecs
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import NotFoundError
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.crawlers.media_types import PLAIN_TEXT, is_code, media_type_of

_MACHINE_MADE = {"__pycache__", "bower_components", "node_modules", "site-packages", "venv"}
_BUILD_OUTPUT = {"_build", "build", "dist", "out", "target"}
_BUILD_FILES = {
    "build.gradle",
    "build.gradle.kts",
    "cargo.toml",
    "cmakelists.txt",
    "conf.py",
    "makefile",
    "package.json",
    "pom.xml",
    "pyproject.toml",
    "setup.py",
}
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_SNIFFED_BYTES = 64 * 1024
_CONTROL_BYTES = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")


class FileCrawler:
    """Brings a file, or the files of a folder and all below it in the order of their paths.

    Left out without a word: what is hidden, what tools have made (`__pycache__`, `node_modules`, virtual
    environments, and folders like `build` beside a build file), and symbolic links to what is read in its own place.
    Given as failures: files that are empty, too large, unreadable or not text, and links that lead out of the folder.

    Args:
        max_file_bytes: larger files are reported and not read.
    """

    def __init__(self, *, max_file_bytes: int = 100 * 1024 * 1024) -> None:
        self._max_file_bytes = max_file_bytes

    def crawl(self, link: str) -> Iterator[Fetched | FetchFailure]:
        """Gives each file; `link` is a path or a file:// URL, "~" is the home folder.

        Raises:
            NotFoundError: there is no such file or folder.
        """
        path = _local_path(link)
        if path.is_dir():
            for found in _walk(path, path):
                yield found if isinstance(found, FetchFailure) else self._fetch(found, path)
        else:
            yield self._fetch(path, path.parent)

    def _fetch(self, path: Path, root: Path) -> Fetched | FetchFailure:
        try:
            facts = path.stat()
            if not stat.S_ISREG(facts.st_mode):
                return FetchFailure(path.as_uri(), "is not a regular file")
            if facts.st_size > self._max_file_bytes:
                return FetchFailure(path.as_uri(), f"has {facts.st_size} bytes; the limit is {self._max_file_bytes}")
            body = path.read_bytes()
        except OSError as error:
            return _unreadable(path, error)
        if not body:
            return FetchFailure(path.as_uri(), "is empty")
        if not _is_text(body, name_is_known=media_type_of(path) is not None):
            return FetchFailure(path.as_uri(), f"is not text, and there is no parser for '{path.suffix}' files yet")
        media_type = media_type_of(path) or PLAIN_TEXT
        return Fetched(
            link=path.as_uri(),
            body=body,
            media_type=media_type,
            platform="file",
            path=_readable(path.relative_to(root).as_posix()),
            category=Category.REPOSITORIES if is_code(media_type) else None,
            metadata={"folder": _readable(root.name), "size_bytes": len(body)},
        )


def _local_path(link: str) -> Path:
    text = link
    if link.lower().startswith("file:"):
        parts = urlsplit(link)
        if parts.netloc not in ("", "localhost"):
            raise NotFoundError(f"{link} names another machine: give a path on this one")
        text = url2pathname(parts.path)
    try:
        return Path(text).expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise NotFoundError(f"there is no file or folder {text!r} that can be read: check the path") from None


def _walk(folder: Path, root: Path) -> Iterator[Path | FetchFailure]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        yield _unreadable(folder, error)
        return
    is_built_here = any(entry.name.lower() in _BUILD_FILES for entry in entries)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            mode = entry.lstat().st_mode
        except OSError as error:  # a folder may be listed and yet not be entered
            yield _unreadable(entry, error)
            continue
        if stat.S_ISLNK(mode):
            yield from _doubts_about_symlink(entry, root)
        elif not stat.S_ISDIR(mode):
            yield entry
        elif not _is_machine_made(entry, is_built_here):
            yield from _walk(entry, root)


def _is_machine_made(folder: Path, is_built_here: bool) -> bool:
    name = folder.name.lower()
    if name in _MACHINE_MADE or name.endswith(".egg-info") or (is_built_here and name in _BUILD_OUTPUT):
        return True
    return os.path.lexists(folder / "pyvenv.cfg")


def _doubts_about_symlink(entry: Path, root: Path) -> Iterator[FetchFailure]:
    """Gives nothing for a symbolic link to something within the folder: that is read in its own place."""
    try:
        target = entry.resolve(strict=True)
    except (OSError, RuntimeError):
        yield FetchFailure(entry.absolute().as_uri(), "is a symbolic link that leads nowhere")
        return
    if not target.is_relative_to(root):
        yield FetchFailure(entry.absolute().as_uri(), "is a symbolic link that leads out of the folder")


def _is_text(body: bytes, *, name_is_known: bool) -> bool:
    start = body[:_SNIFFED_BYTES]
    if start.startswith(_BOMS):
        return True
    if b"\0" in start or start.startswith(b"%PDF-"):
        return False
    return name_is_known or len(_CONTROL_BYTES.findall(start)) * 100 <= len(start)


def _unreadable(path: Path, error: OSError) -> FetchFailure:
    return FetchFailure(path.as_uri(), f"cannot be read ({error.strerror or type(error).__name__})")


def _readable(name: str) -> str:
    """Gives the name with what is not UTF-8 in it replaced; file systems allow any bytes."""
    return os.fsencode(name).decode("utf-8", "replace")
