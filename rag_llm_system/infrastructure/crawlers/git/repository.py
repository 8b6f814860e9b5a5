"""A bare repository on this disk, read object by object: no file of it is ever written into the file system."""

import os
import selectors
import subprocess
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rag_llm_system.domain.errors import BackendError, IntegrityError
from rag_llm_system.infrastructure.crawlers.git.process import GitProgram, stop_group

FILE_MODES = {"100644", "100755", "100664"}
SYMLINK_MODE = "120000"
SUBMODULE_MODE = "160000"

_BLOCK_BYTES = 1 << 16
_MOST_BYTES_OF_A_LINE = 8192
"""No file system of today takes a path that long."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a symbolic link or a submodule of a commit.

    Args:
        mode: what it is: one of `FILE_MODES`, `SYMLINK_MODE`, `SUBMODULE_MODE`.
        blob: the id of its content.
        size_bytes: the content's size; None where the content was too large to be fetched, and for submodules.
        path: its path as git has it: bytes, with "/" between folders. Nothing says that it is a sensible one.
    """

    mode: str
    blob: str
    size_bytes: int | None
    path: bytes


class FetchedRepository:
    """Reads a bare repository.

    Args:
        git: the program.
        folder: the repository.
        timeout_s: how long git may be silent.
    """

    def __init__(self, git: GitProgram, folder: Path, *, timeout_s: float) -> None:
        self._git = git
        self._folder = folder
        self._timeout_s = timeout_s

    def entries(self, commit: str, folder: str) -> Generator[Entry, None, None]:
        """Gives everything below a folder, or the one file of that path, in the order of the paths' bytes.

        Raises:
            IntegrityError: git cannot read the commit.
            BackendError: git was silent for too long.
        """
        arguments = ["ls-tree", "-r", "-z", "-l", "--full-tree", commit, *(["--", folder] if folder else [])]
        with self._process(["--literal-pathspecs", *arguments]) as process, closing(self._output(process)) as output:
            while line := output.read_to(b"\0"):
                yield _entry(line)
            if process.wait():
                raise IntegrityError("git cannot read the repository that it has fetched: try again")

    @contextmanager
    def blobs(self) -> Iterator["Blobs"]:
        """Gives a reader of contents, open until the block ends."""
        with self._process(["cat-file", "--batch"]) as process, closing(self._output(process)) as output:
            yield Blobs(process, output)

    @contextmanager
    def _process(self, arguments: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
        process = self._git.start([f"--git-dir={self._folder}", *arguments], folder=self._folder, stdin=subprocess.PIPE)
        try:
            yield process
        finally:
            stop_group(process)
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()

    def _output(self, process: "subprocess.Popen[bytes]") -> "_Output":
        assert process.stdout is not None
        return _Output(process.stdout.fileno(), self._timeout_s)


class Blobs:
    """Contents by their ids, one in memory at a time."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: "_Output") -> None:
        self._process = process
        self._output = output

    def read(self, blob: str) -> bytes | None:
        """Gives a content to the byte; None where it was not fetched.

        Raises:
            BackendError: git was silent for too long, or ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{blob}\n".encode("ascii"))
        except OSError:
            raise BackendError("git ended while it read a repository: try again") from None
        header = self._output.read_to(b"\n").split()
        if len(header) != 3:
            return None
        return self._output.read_exactly(int(header[2]) + 1)[:-1]


class _Output:
    """Reads a pipe, and does not wait for ever."""

    def __init__(self, descriptor: int, timeout_s: float) -> None:
        self._descriptor = descriptor
        self._timeout_s = timeout_s
        self._selector = selectors.DefaultSelector()
        self._selector.register(descriptor, selectors.EVENT_READ)
        self._waiting = bytearray()

    def close(self) -> None:
        self._selector.close()

    def read_to(self, end: bytes) -> bytes:
        """Gives what comes up to the next `end`, without it; nothing where the pipe is at its end."""
        at = self._waiting.find(end)
        while at < 0 and len(self._waiting) <= _MOST_BYTES_OF_A_LINE:
            searched = len(self._waiting)
            if not self._read_more():
                return b""
            at = self._waiting.find(end, searched)
        if at < 0 or at > _MOST_BYTES_OF_A_LINE:
            raise IntegrityError("the repository holds a path that is too long to be read")
        found = bytes(self._waiting[:at])
        del self._waiting[: at + 1]
        return found

    def read_exactly(self, size_bytes: int) -> bytes:
        while len(self._waiting) < size_bytes:
            if not self._read_more():
                raise BackendError("git ended while it read a repository: try again")
        found = bytes(self._waiting[:size_bytes])
        del self._waiting[:size_bytes]
        return found

    def _read_more(self) -> bool:
        if not self._selector.select(self._timeout_s):
            raise BackendError(f"git said nothing for {self._timeout_s:g} s while it read a repository: try again")
        block = os.read(self._descriptor, _BLOCK_BYTES)
        self._waiting += block
        return bool(block)


def _entry(line: bytes) -> Entry:
    facts, _, path = line.partition(b"\t")
    mode, _kind, blob, size = facts.decode("ascii").split()
    return Entry(mode, blob, int(size) if size.isdigit() else None, path)
