"""Files and folders of this machine."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import NotFoundError
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.crawlers.folder_territory import FolderTerritory
from rag_llm_system.infrastructure.crawlers.machine_made import (
    is_build_file,
    is_machine_made_file,
    is_machine_made_folder,
)
from rag_llm_system.infrastructure.crawlers.media_types import PLAIN_TEXT, is_code, is_text, media_type_of


class FileCrawler:
    """Brings a file, or the files of a folder and all below it in the order of their paths.

    Left out without a word: what is hidden, what tools have made (`__pycache__`, `node_modules`, virtual
    environments, lock files, and folders like `build` beside a build file), and symbolic links to what is read in its
    own place.
    Given as failures: files that are empty, too large, unreadable or not text, and links that lead out of the folder.
    All of these are there nevertheless: see `FolderTerritory` for what is not.

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

    def territory(self, link: str) -> FolderTerritory | None:
        """Gives what lies within a folder; None for a file.

        Raises:
            NotFoundError: there is no such file or folder.
        """
        path = _local_path(link)
        return FolderTerritory(path) if path.is_dir() else None

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
        if not is_text(body, name_is_known=media_type_of(path) is not None):
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
    is_built_here = any(is_build_file(entry.name) for entry in entries)
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
            if not is_machine_made_file(entry.name):
                yield entry
        elif not _is_machine_made(entry, is_built_here):
            yield from _walk(entry, root)


def _is_machine_made(folder: Path, is_built_here: bool) -> bool:
    names_within = ["pyvenv.cfg"] if os.path.lexists(folder / "pyvenv.cfg") else []
    return is_machine_made_folder(folder.name, is_built_here=is_built_here, names_within=names_within)


def _doubts_about_symlink(entry: Path, root: Path) -> Iterator[FetchFailure]:
    """Gives nothing for a symbolic link to something within the folder: that is read in its own place."""
    try:
        target = entry.resolve(strict=True)
    except (OSError, RuntimeError):
        yield FetchFailure(entry.absolute().as_uri(), "is a symbolic link that leads nowhere")
        return
    if not target.is_relative_to(root):
        yield FetchFailure(entry.absolute().as_uri(), "is a symbolic link that leads out of the folder")


def _unreadable(path: Path, error: OSError) -> FetchFailure:
    return FetchFailure(path.as_uri(), f"cannot be read ({error.strerror or type(error).__name__})")


def _readable(name: str) -> str:
    """Gives the name with what is not UTF-8 in it replaced; file systems allow any bytes."""
    return os.fsencode(name).decode("utf-8", "replace")
