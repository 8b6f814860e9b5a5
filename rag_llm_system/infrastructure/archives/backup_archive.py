"""A backup as one file: tar in Zstandard, which `tar --zstd` unpacks too, and optionally encrypted.

The first member says what wrote it, the last one is the manifest. Behind it stands the ending, which covers all bytes.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import zstandard

from rag_llm_system.domain.backups import BackupDescription
from rag_llm_system.domain.errors import (
    AccessError,
    BackendError,
    CapabilityError,
    ConfigurationError,
    InputError,
    IntegrityError,
)
from rag_llm_system.domain.ports.backup import Progress
from rag_llm_system.infrastructure.archives import tar_blocks
from rag_llm_system.infrastructure.archives.encryption import MAGIC, EncryptedSink, EncryptedSource
from rag_llm_system.infrastructure.archives.ending import EndedSink, EndedSource, Source

_FORMAT = 1
_FIRST = "backup.json"
_LAST = "manifest.json"
_BLOCK_BYTES = 1 << 20
_LEVEL = 3
_MAX_WINDOW_BYTES = 1 << 23
_MAX_JSON_BYTES = 1 << 30
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class BackupArchiveWriter:
    """A `BackupWriter` into an open file, which the caller makes durable.

    Args:
        file: is written from where it stands.
        passphrase: encrypts with it; None leaves the archive readable by everybody.
        scrypt_cost: what making the key costs; None is the usual.
    """

    def __init__(self, file: BinaryIO, *, passphrase: str | None = None, scrypt_cost: int | None = None) -> None:
        cost = {} if scrypt_cost is None else {"cost": scrypt_cost}
        self._encrypted = None if passphrase is None else EncryptedSink(file, passphrase, **cost)
        self._ended = EndedSink(self._encrypted or file)
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._tar = compressor.stream_writer(cast("IO[bytes]", self._ended), closefd=False)
        self._members: list[dict[str, Any]] = []

    def add(self, name: str, body: bytes) -> None:
        """Adds a member; the first one is preceded by what says that this is a backup."""
        self._add(name, len(body), iter([body]))

    def add_file(self, name: str, path: Path, on_bytes: Callable[[int], None]) -> None:
        """Adds a file.

        Raises:
            BackendError: it cannot be read, or changes meanwhile.
            CapabilityError: it is longer than a tar member can be.
        """
        try:
            with path.open("rb", buffering=0) as file:
                self._add(name, os.fstat(file.fileno()).st_size, _read_blocks(file, on_bytes))
        except FileNotFoundError:
            raise BackendError(f"{path} vanished while it was backed up: back up again") from None

    def complete(self, description: BackupDescription) -> None:
        """Adds the manifest and the ending."""
        manifest = {"format": _FORMAT, "description": description.model_dump(mode="json"), "members": self._members}
        self.add(_LAST, json.dumps(manifest, indent=1).encode())
        self._tar.write(tar_blocks.END)
        self._tar.flush(zstandard.FLUSH_FRAME)
        self._ended.finish()
        if self._encrypted:
            self._encrypted.finish()

    def _add(self, name: str, size_bytes: int, blocks: Iterator[bytes]) -> None:
        if not self._members and name != _FIRST:
            self.add(_FIRST, json.dumps({"format": _FORMAT, "what": "a backup of rag_llm_system"}).encode())
        try:
            self._tar.write(tar_blocks.header(name, size_bytes))
        except ValueError:
            raise CapabilityError(f"{name} has a name or a length that a backup cannot hold: report it") from None
        digest = hashlib.sha256()
        n_written = 0
        for block in blocks:
            digest.update(block)
            self._tar.write(block)
            n_written += len(block)
        if n_written != size_bytes:
            raise BackendError(f"{name} changed while it was backed up: back up again")
        self._tar.write(tar_blocks.padding(size_bytes))
        self._members.append({"name": name, "size_bytes": size_bytes, "sha256": digest.hexdigest()})


def is_encrypted(path: Path) -> bool:
    """Says whether a passphrase is needed to read the file; of one that cannot be read, that it is not."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


class ArchiveMember:
    """A `BackupMember`; what was given of it is counted into its checksum."""

    def __init__(self, name: str, size_bytes: int, source: "_Exact") -> None:
        self.name = name
        self.size_bytes = size_bytes
        self._source = source
        self._left = size_bytes
        self._digest = hashlib.sha256()

    def blocks(self) -> Iterator[bytes]:
        """Gives its bytes, of which none were given before, a block at a time."""
        while self._left:
            block = self._source.read(min(self._left, _BLOCK_BYTES))
            self._left -= len(block)
            self._digest.update(block)
            yield block

    def body(self) -> bytes:
        """Gives all of a member that is JSON.

        Raises:
            ValueError: it is longer than that can be.
        """
        if self.size_bytes > _MAX_JSON_BYTES:
            raise ValueError("no member of that name is as long")
        return b"".join(self.blocks())

    def drained(self) -> dict[str, Any]:
        """Reads what is left and gives the line of the manifest that this member must have."""
        for _ in self.blocks():
            pass
        self._source.read(len(tar_blocks.padding(self.size_bytes)))
        return {"name": self.name, "size_bytes": self.size_bytes, "sha256": self._digest.hexdigest()}


class BackupArchiveReader:
    """A `BackupReader` of a file.

    Args:
        path: the archive.
        passphrase: of an encrypted archive.
    """

    def __init__(self, path: Path, *, passphrase: str | None = None) -> None:
        self._path = path
        self._passphrase = passphrase
        self._keys: dict[bytes, tuple[bytes, bytes]] = {}
        self._description: BackupDescription | None = None

    @property
    def description(self) -> BackupDescription:
        """What the archive says of itself; known once all members were read."""
        assert self._description is not None, "the members were not read to the end"
        return self._description

    def members(self, on_progress: Progress | None = None) -> Iterator[ArchiveMember]:
        """Gives the members but the first and the last, which are of the archive itself; see the port."""
        with _own_errors(self._path), self._path.open("rb") as file:
            ended = EndedSource(self._decrypted(_Followed(file, self._path.stat().st_size, on_progress)))
            reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).stream_reader(
                cast("IO[bytes]", ended), closefd=False
            )
            source = _Exact(reader, self._path)
            seen: list[dict[str, Any]] = []
            self._read_first(_next_member(source), seen)
            while (member := _next_member(source)).name != _LAST:
                yield member
                seen.append(member.drained())
            description = _described(member, seen)
            if source.read(len(tar_blocks.END)) != tar_blocks.END or reader.read(1) or ended.read(1):
                raise ValueError("something stands behind the manifest")
            self._description = description

    def _read_first(self, member: ArchiveMember, seen: list[dict[str, Any]]) -> None:
        if member.name != _FIRST:
            raise InputError(self._no_backup())
        fields = json.loads(member.body())
        if int(fields["format"]) > _FORMAT:
            what = f"{self._path} has format {fields['format']}, this version reads up to {_FORMAT}"
            raise ConfigurationError(f"{what}: update rag_llm_system")
        seen.append(member.drained())

    def _decrypted(self, file: "_Followed") -> Source:
        start = file.peek(len(MAGIC))
        if not start.startswith(MAGIC):
            if not start.startswith(_ZSTD_MAGIC):
                raise InputError(self._no_backup())
            return file
        if self._passphrase is None:
            raise AccessError(
                f"{self._path} is encrypted: set RAG_BACKUP_PASSPHRASE, or restore it where you can be asked"
            )
        return EncryptedSource(file, self._passphrase, self._keys)

    def _no_backup(self) -> str:
        return f"{self._path} is no backup of this system: give a file that ./poe backup wrote"


class _Followed:
    """A file that tells how far it has been read."""

    def __init__(self, file: BufferedReader, size_bytes: int, on_progress: Progress | None) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._on_progress = on_progress

    def peek(self, n_bytes: int) -> bytes:
        """Gives the next bytes, which stay to be read."""
        return self._file.peek(n_bytes)[:n_bytes]

    def read(self, n_bytes: int = -1) -> bytes:
        """Gives some bytes, none at the end."""
        data = self._file.read(n_bytes)
        if self._on_progress:
            self._on_progress(self._file.tell(), self._size_bytes)
        return data


class _Exact:
    """Gives as many bytes as are asked for, or says in a line why it cannot: its callers are members' readers."""

    def __init__(self, source: Source, path: Path) -> None:
        self._source = source
        self._path = path

    def read(self, n_bytes: int) -> bytes:
        """Gives that many bytes."""
        parts: list[bytes] = []
        with _own_errors(self._path):
            while n_bytes:
                parts.append(self._source.read(n_bytes))
                n_bytes -= len(parts[-1])
                if not parts[-1]:
                    raise EOFError
        return b"".join(parts)


def _next_member(source: _Exact) -> ArchiveMember:
    name, size_bytes = tar_blocks.read_header(source.read(tar_blocks.BLOCK_BYTES))
    return ArchiveMember(name, size_bytes, source)


def _described(manifest: ArchiveMember, seen: list[dict[str, Any]]) -> BackupDescription:
    """Gives what the manifest says, if it lists the members that were seen."""
    fields = json.loads(manifest.body())
    manifest.drained()
    if fields["members"] != seen:
        raise ValueError("the members are not those of the manifest")
    return BackupDescription.model_validate(fields["description"])


def _read_blocks(file: FileIO, on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    while True:
        try:
            block = file.read(_BLOCK_BYTES)
        except OSError as error:
            raise BackendError(f"{file.name!s} cannot be read ({error.strerror}): check its disk") from None
        if not block:
            return
        on_bytes(len(block))
        yield block


@contextmanager
def _own_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except EOFError:
        what = f"{path} is cut short, or damaged at its end"
        raise IntegrityError(f"{what}: copy it again, or restore another backup") from None
    except (zstandard.ZstdError, ValueError, KeyError, TypeError, OverflowError, RecursionError, MemoryError):
        raise IntegrityError(f"{path} is damaged: copy it again, or restore another backup") from None
    except FileNotFoundError:
        raise InputError(f"there is no file {path}: give one that ./poe backup wrote") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder: give a file that ./poe backup wrote") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}): check its owner and its disk") from None
