"""Which files of a repository are brought, and how."""

import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.crawlers.git.fetching import Version
from rag_llm_system.infrastructure.crawlers.git.links import GitLink
from rag_llm_system.infrastructure.crawlers.git.repository import FILE_MODES, SUBMODULE_MODE, SYMLINK_MODE, Blobs, Entry
from rag_llm_system.infrastructure.crawlers.git.secrets import is_secret_name, secret_in
from rag_llm_system.infrastructure.crawlers.machine_made import (
    is_build_file,
    is_machine_made_file,
    is_machine_made_folder,
)
from rag_llm_system.infrastructure.crawlers.media_types import (
    PLAIN_TEXT,
    is_code,
    is_never_text,
    is_text,
    media_type_of,
)

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_MOST_BYTES_OF_A_TARGET = 4096
_NOT_ALLOWED = {b"", b".", b"..", b".git"}
_MOST_PARTS = 100
_MOST_FOLDERS_KNOWN = 1_000


class RepositoryFiles:
    """Chooses among the entries of a commit, and reads those that are writing or code.

    Args:
        link: the repository.
        version: what of it was fetched.
        entries: all that there is, in the order in which it is given.
        max_file_bytes: larger files are reported and not read.
    """

    def __init__(self, link: GitLink, version: Version, entries: Sequence[Entry], *, max_file_bytes: int) -> None:
        self.left_out: Counter[str] = Counter()
        self._link = link
        self._version = version
        self._entries = entries
        self._max_file_bytes = max_file_bytes
        self._folders = _MachineMadeFolders(entries, n_parts_of_root=len(PurePosixPath(version.folder).parts))

    def read(self, blobs: Blobs) -> Iterator[Fetched | FetchFailure]:
        """Gives the files; what is left out without a word is counted in `left_out`."""
        for entry in self._entries:
            path = PurePosixPath(_readable(entry.path))
            if _is_impossible(path, entry.path):
                yield self._failure(entry, "has a path that git itself does not allow, or is too deep within folders")
            elif reason := self._reason_to_pass_over(entry, path):
                self.left_out[reason] += 1
            elif doubt := self._doubt_about(entry, path, blobs):
                yield self._failure(entry, doubt)
            elif entry.mode in FILE_MODES:
                yield from self._file(entry, path, blobs)

    def _reason_to_pass_over(self, entry: Entry, path: PurePosixPath) -> str:
        if self._folders.hold(entry.path):
            return "machine-made"
        if is_secret_name(path):
            return ""
        if any(part.startswith(".") for part in self._folders.below_root(path)):
            return "hidden"
        if is_machine_made_file(path.name):
            return "machine-made"
        return "not text" if is_never_text(path) else ""

    def _doubt_about(self, entry: Entry, path: PurePosixPath, blobs: Blobs) -> str:
        """Gives why an entry is not even read, in words."""
        if entry.mode == SUBMODULE_MODE:
            return "is a submodule, another repository: give its own address"
        if entry.mode == SYMLINK_MODE:
            return self._doubt_about_symlink(entry, blobs)
        if is_secret_name(path):
            return "is a file for keys or passwords by its name, and was not read"
        if entry.size_bytes is None:
            return f"has more than {self._max_file_bytes} bytes, which is the limit"
        if entry.size_bytes > self._max_file_bytes:
            return f"has {entry.size_bytes} bytes; the limit is {self._max_file_bytes}"
        return ""

    def _doubt_about_symlink(self, entry: Entry, blobs: Blobs) -> str:
        """Gives "" for a symbolic link to something within the repository: that is read in its own place."""
        is_short = entry.size_bytes is not None and entry.size_bytes <= _MOST_BYTES_OF_A_TARGET
        target = (blobs.read(entry.blob) or b"") if is_short else b"/"
        place = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), target))
        if place.startswith(b"/") or place.split(b"/")[0] == b"..":
            return "is a symbolic link that leads out of the repository"
        self.left_out["symbolic links"] += 1
        return ""

    def _file(self, entry: Entry, path: PurePosixPath, blobs: Blobs) -> Iterator[Fetched | FetchFailure]:
        body = blobs.read(entry.blob)
        media_type = media_type_of(path)
        if body is None:
            yield self._failure(entry, "is not among what the server has sent: try again")
        elif not body:
            self.left_out["empty"] += 1
        elif body.startswith(_LFS_POINTER):
            yield self._failure(entry, "is a Git LFS pointer, and its content lies elsewhere: give the file itself")
        elif secret := secret_in(body):
            yield self._failure(entry, f"holds what looks like {secret}, and was left out: take it out and revoke it")
        elif not is_text(body, name_is_known=media_type is not None):
            self.left_out["not text"] += 1
        else:
            yield self._fetched(entry, path, body, media_type or PLAIN_TEXT)

    def _fetched(self, entry: Entry, path: PurePosixPath, body: bytes, media_type: str) -> Fetched:
        return Fetched(
            link=self._link_of(entry),
            body=body,
            media_type=media_type,
            platform=self._link.platform,
            path=str(path),
            category=Category.REPOSITORIES if is_code(media_type) else None,
            # Not the commit: a document whose metadata differ counts as changed, and all would with every commit.
            metadata={
                "folder": self._link.name,
                "repository": self._link.shown,
                "branch": self._version.ref,
                "blob": entry.blob,
                "size_bytes": len(body),
            },
        )

    def _failure(self, entry: Entry, reason: str) -> FetchFailure:
        return FetchFailure(self._link_of(entry), reason)

    def _link_of(self, entry: Entry) -> str:
        return self._link.link_of(entry.path, self._version.ref, self._version.kind)


class _MachineMadeFolders:
    """Knows which folders tools have made, from the names of all files. The folder that was asked for is never one."""

    def __init__(self, entries: Sequence[Entry], *, n_parts_of_root: int) -> None:
        self._n_parts_of_root = n_parts_of_root
        self._built: set[bytes] = set()
        self._environments: set[bytes] = set()
        self._known: dict[bytes, bool] = {}
        for entry in entries:
            folder, _, name = entry.path.rpartition(b"/")
            if is_build_file(_readable(name)):
                self._built.add(folder)
            if name == b"pyvenv.cfg":
                self._environments.add(folder)

    def below_root(self, path: PurePosixPath) -> tuple[str, ...]:
        """Gives the parts of a path below the folder that was asked for; the name alone of a file that was."""
        return path.parts[self._n_parts_of_root :] or (path.name,)

    def hold(self, path: bytes) -> bool:
        """Says whether a path lies within such a folder."""
        folder, _, _ = path.rpartition(b"/")
        around, _, name = folder.rpartition(b"/")
        if len(folder.split(b"/")) <= self._n_parts_of_root or not folder:
            return False
        if folder not in self._known:
            # Paths come in order, so few folders are asked for again; a small repository can name millions.
            if len(self._known) >= _MOST_FOLDERS_KNOWN:
                self._known.clear()
            self._known[folder] = self.hold(folder) or is_machine_made_folder(
                _readable(name),
                is_built_here=around in self._built,
                names_within=["pyvenv.cfg"] if folder in self._environments else [],
            )
        return self._known[folder]


def _is_impossible(path: PurePosixPath, path_bytes: bytes) -> bool:
    return len(path.parts) > _MOST_PARTS or any(part.lower() in _NOT_ALLOWED for part in path_bytes.split(b"/"))


def _readable(path: bytes) -> str:
    """Gives the path with what is not UTF-8 or not printable in it replaced; git allows any bytes."""
    text = path.decode("utf-8", "replace")
    return (
        text
        if text.isprintable()
        else "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    )
