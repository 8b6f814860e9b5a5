"""The end of an archive: how long it is and its SHA-256, so that nothing can be missing or changed unseen.

It is a skippable frame of Zstandard (RFC 8878, 3.1.2), which other programs that unpack the file pass over.
"""

import hashlib
import struct
from typing import Protocol

_MAGIC = 0x184D2A5E
_NAME = b"RAGBKEND"
_LAYOUT = struct.Struct("<II8sQ32s")
ENDING_BYTES = _LAYOUT.size


class Sink(Protocol):
    """Something that bytes are written to."""

    def write(self, data: bytes, /) -> int | None:
        """Takes the bytes."""


class Source(Protocol):
    """Something that bytes are read from."""

    def read(self, n_bytes: int = -1, /) -> bytes:
        """Gives some bytes, none at the end."""


class EndedSink:
    """Hands on what is written, and writes the ending behind it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._digest = hashlib.sha256()
        self._n_bytes = 0

    def write(self, data: bytes) -> int:
        """Takes the bytes."""
        self._digest.update(data)
        self._n_bytes += len(data)
        self._sink.write(data)
        return len(data)

    def finish(self) -> None:
        """Writes the ending."""
        size = _LAYOUT.size - 8
        self._sink.write(_LAYOUT.pack(_MAGIC, size, _NAME, self._n_bytes, self._digest.digest()))


class EndedSource:
    """Gives what stands before the ending, and compares it with the ending when that comes.

    Args:
        source: an archive, from its beginning.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._held = b""
        self._digest = hashlib.sha256()
        self._n_bytes = 0

    def read(self, n_bytes: int = 1 << 17) -> bytes:
        """Gives up to that many bytes, none at the end of what stands before the ending.

        Raises:
            EOFError: there is no ending: the file is cut short.
            ValueError: what was given is not what was written.
        """
        n_bytes = n_bytes if n_bytes >= 0 else 1 << 17
        while len(self._held) <= ENDING_BYTES:
            more = self._source.read(1 << 17)
            if not more:
                self._compare()
                return b""
            self._held += more
        n_bytes = min(n_bytes, len(self._held) - ENDING_BYTES)
        data, self._held = self._held[:n_bytes], self._held[n_bytes:]
        self._digest.update(data)
        self._n_bytes += len(data)
        return data

    def _compare(self) -> None:
        if len(self._held) < ENDING_BYTES:
            raise EOFError
        magic, size, name, n_bytes, digest = _LAYOUT.unpack(self._held)
        if (magic, size, name) != (_MAGIC, ENDING_BYTES - 8, _NAME):
            raise EOFError
        if (n_bytes, digest) != (self._n_bytes, self._digest.digest()):
            raise ValueError
