"""Encryption of a stream in chunks: AES-256-GCM (NIST SP 800-38D), with a key from a passphrase by scrypt (RFC 7914).

A chunk's nonce holds its number and whether it is the last one (STREAM: Hoang, Reyhanitabar, Rogaway, Vizar 2015), so
that chunks that are changed, missing, doubled or in another order are noticed. The header says how the key is made. It
ends with a checksum, by which damage to the header can be told from a wrong passphrase, and every chunk is bound to it.
"""

import base64
import hashlib
import json
import os
import struct
from typing import TYPE_CHECKING, Any

from rag_llm_system.domain.errors import AccessError, ConfigurationError
from rag_llm_system.infrastructure.archives.ending import Sink, Source

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"RAGBKENC"
_FORMAT = 1
_CHUNK_BYTES = 1 << 20
_TAG_BYTES = 16
_CHECK_BYTES = 16
_MAX_HEADER_BYTES = 4096
_COST = 1 << 17
_MAX_COST = 1 << 20
"""scrypt takes 1 KB of memory a unit: 128 MB for our own, 1 GB for what is accepted."""


class EncryptedSink:
    """Encrypts what is written.

    Args:
        sink: takes the header at once, then the chunks.
        passphrase: what the key is made from.
        cost: scrypt's N; memory and time that a guess at the passphrase takes.
    """

    def __init__(self, sink: Sink, passphrase: str, *, cost: int = _COST) -> None:
        salt = os.urandom(16)
        key, check = _derive(passphrase, salt, cost)
        fields = {"format": _FORMAT, "scrypt_n": cost, "salt": _text(salt), "check": _text(check)}
        header = json.dumps({**fields, "chunk_bytes": _CHUNK_BYTES}).encode()
        head = MAGIC + struct.pack("<I", len(header)) + header
        self._chunks = _Chunks(key, hashlib.sha256(head).digest())
        self._sink = sink
        self._sink.write(head + self._chunks.binding)
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        """Takes the bytes; a chunk goes on once it is known not to be the last."""
        self._held += data
        while len(self._held) > _CHUNK_BYTES:
            self._sink.write(self._chunks.encrypt(bytes(self._held[:_CHUNK_BYTES]), is_last=False))
            del self._held[:_CHUNK_BYTES]
        return len(data)

    def finish(self) -> None:
        """Writes the last chunk."""
        self._sink.write(self._chunks.encrypt(bytes(self._held), is_last=True))
        self._held.clear()


class EncryptedSource:
    """Decrypts what is read.

    Args:
        source: from its beginning.
        passphrase: what the key was made from.
        keys: those that were made before, by the binding of their stream: making one takes half a second.

    Raises:
        ConfigurationError: a newer version wrote it.
        AccessError: the passphrase is another one.
        EOFError: the header is cut short.
        ValueError: the header is damaged.
    """

    def __init__(self, source: Source, passphrase: str, keys: dict[bytes, tuple[bytes, bytes]] | None = None) -> None:
        fields, binding = _read_header(source)
        cost = int(fields["scrypt_n"])
        if fields["format"] > _FORMAT or not 2 <= cost <= _MAX_COST:
            raise ConfigurationError("the backup was encrypted by a newer version: update rag_llm_system")
        keys = {} if keys is None else keys
        if binding not in keys:
            keys[binding] = _derive(passphrase, base64.b64decode(fields["salt"]), cost)
        key, check = keys[binding]
        if check != base64.b64decode(fields["check"]):
            raise AccessError("the passphrase is not the one that the backup was encrypted with: try another one")
        self._chunks = _Chunks(key, binding)
        self._source = source
        self._n_bytes = min(int(fields["chunk_bytes"]), 1 << 26) + _TAG_BYTES
        self._next: bytes | None = _exactly(source, self._n_bytes)
        self._plain = b""

    def read(self, n_bytes: int = -1) -> bytes:
        """Gives up to that many bytes, none at the end.

        Raises:
            EOFError: the last chunk is missing.
            ValueError: a chunk is not what was written.
        """
        while not self._plain and self._next is not None:
            self._plain = self._decrypt_next()
        n_bytes = n_bytes if n_bytes >= 0 else len(self._plain)
        data, self._plain = self._plain[:n_bytes], self._plain[n_bytes:]
        return data

    def _decrypt_next(self) -> bytes:
        chunk, after = self._next, _exactly(self._source, self._n_bytes)
        assert chunk is not None
        self._next = after or None
        if after:
            return self._chunks.decrypt(chunk, is_last=False)
        if self._chunks.is_another_than_last(chunk):
            raise EOFError
        return self._chunks.decrypt(chunk, is_last=True)


class _Chunks:
    """Encrypts and decrypts chunks, one after the other.

    Args:
        key: 32 bytes, used for this stream alone: its salt is random.
        binding: what every chunk is bound to.
    """

    def __init__(self, key: bytes, binding: bytes) -> None:
        self.binding = binding
        self._cipher = _cipher(key)
        self._number = 0

    def encrypt(self, plain: bytes, *, is_last: bool) -> bytes:
        """Gives the chunk with its tag."""
        chunk = self._cipher.encrypt(self._nonce(is_last), plain, self.binding)
        self._number += 1
        return chunk

    def decrypt(self, chunk: bytes, *, is_last: bool) -> bytes:
        """Gives what was encrypted.

        Raises:
            ValueError: it is not what was written at this place.
        """
        from cryptography.exceptions import InvalidTag

        try:
            plain = self._cipher.decrypt(self._nonce(is_last), chunk, self.binding)
        except (InvalidTag, ValueError):
            raise ValueError("a chunk is not what was written") from None
        self._number += 1
        return plain

    def is_another_than_last(self, chunk: bytes) -> bool:
        """Says whether more was written behind this chunk."""
        number = self._number
        try:
            self.decrypt(chunk, is_last=False)
        except ValueError:
            return False
        finally:
            self._number = number
        return True

    def _nonce(self, is_last: bool) -> bytes:
        return struct.pack(">7xI?", self._number, is_last)


def _read_header(source: Source) -> tuple[dict[str, Any], bytes]:
    start = _exactly(source, len(MAGIC) + 4)
    if len(start) < len(MAGIC) + 4:
        raise EOFError
    (size,) = struct.unpack("<I", start[len(MAGIC) :])
    if size > _MAX_HEADER_BYTES:
        raise ValueError("no header is as long as that")
    header, checksum = _exactly(source, size), _exactly(source, 32)
    if len(checksum) < 32:
        raise EOFError
    if hashlib.sha256(start + header).digest() != checksum:
        raise ValueError("the header is not what was written")
    return json.loads(header), checksum


def _exactly(source: Source, n_bytes: int) -> bytes:
    """Gives that many bytes; fewer at the end."""
    data = bytearray()
    while len(data) < n_bytes and (more := source.read(n_bytes - len(data))):
        data += more
    return bytes(data)


def _derive(passphrase: str, salt: bytes, cost: int) -> tuple[bytes, bytes]:
    """Gives a key, and beside it what says whether a passphrase is the right one without saying anything of the key."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    derived = Scrypt(salt=salt, length=32 + _CHECK_BYTES, n=cost, r=8, p=1).derive(passphrase.encode())
    return derived[:32], derived[32:]


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
