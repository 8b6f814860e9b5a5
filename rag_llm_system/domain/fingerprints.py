"""Fingerprints of deleted content: they show that it is still somewhere, and do not show what it was.

A piece is 16 or 32 bytes. Of it is kept a rolling number, cheap enough to be computed at every byte of every file, and
a keyed BLAKE2b (RFC 7693) over the piece, which decides. Both depend on a salt. Nobody can read a piece out of them;
who has the salt can test a guess.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

SHORT_BYTES = 16
LONG_BYTES = 32
Kind = Literal["text", "ids", "links", "vectors"]
KINDS: tuple[Kind, ...] = ("text", "ids", "links", "vectors")

_SLICE_BYTES = 1 << 16
"""Fits into the second-level cache: larger slices were slower."""

_MARKER_BITS = 32
_TABLE_BITS = 22
_DIGEST_BYTES = 8


class Fingerprints(BaseModel):
    """A salt (hex), and for each kind of content its fingerprints (hex: length, rolling number, digest), sorted."""

    model_config = ConfigDict(frozen=True)

    salt: str
    by_kind: Mapping[Kind, tuple[str, ...]] = Field(default_factory=dict)

    def n_by_kind(self) -> dict[Kind, int]:
        """Counts the fingerprints of each kind that there are any of."""
        return {kind: len(self.by_kind[kind]) for kind in KINDS if self.by_kind.get(kind)}

    def without(self, found: Iterable[str]) -> "Fingerprints":
        """Gives these without some of them."""
        unwanted = {*found}
        left = {kind: tuple(f for f in listed if f not in unwanted) for kind, listed in self.by_kind.items()}
        return Fingerprints(salt=self.salt, by_kind=left)


def fingerprints_of(salt: str, pieces: Mapping[Kind, Iterable[bytes]]) -> Fingerprints:
    """Gives the fingerprints of pieces of 16 or 32 bytes each."""
    rolling = _Rolling(salt)
    by_kind = {kind: tuple(sorted({rolling.fingerprint(piece) for piece in pieces.get(kind, ())})) for kind in KINDS}
    return Fingerprints(salt=salt, by_kind=by_kind)


class FingerprintMatcher:
    """Finds out which fingerprints belong to something that stands in bytes."""

    def __init__(self, fingerprints: Fingerprints) -> None:
        self._rolling = _Rolling(fingerprints.salt)
        self._lists: dict[int, _Lookup] = {}
        everything = sorted(f for listed in fingerprints.by_kind.values() for f in listed)
        for n_bytes in (SHORT_BYTES, LONG_BYTES):
            of_length = [f for f in everything if int(f[:2], 16) == n_bytes]
            if of_length:
                self._lists[n_bytes] = _Lookup(of_length)

    @property
    def overlap_bytes(self) -> int:
        """How many bytes of a block must stand at the start of the next one, so that nothing is missed between them."""
        return LONG_BYTES - 1

    def find(self, block: bytes | memoryview) -> set[str]:
        """Gives the fingerprints of the pieces that stand in the block, wherever they start."""
        values = np.frombuffer(block, dtype=np.uint8)
        found: set[str] = set()
        for start in range(0, len(values), _SLICE_BYTES):
            part = values[start : start + _SLICE_BYTES + self.overlap_bytes]
            if self._lists and part.any():
                found |= self._find(part)
        return found

    def _find(self, part: NDArray[np.uint8]) -> set[str]:
        sums = self._rolling.sums(part)
        found: set[str] = set()
        for n_bytes, lookup in self._lists.items():
            markers = self._rolling.markers(sums, n_bytes)
            for position in lookup.candidates(markers):
                piece = part[position : position + n_bytes].tobytes()
                fingerprint = self._rolling.fingerprint(piece)
                if fingerprint in lookup.known:
                    found.add(fingerprint)
        return found


class _Lookup:
    """The rolling numbers of one length: a table that most positions fail at, then the sorted list."""

    def __init__(self, fingerprints: list[str]) -> None:
        self.known = {*fingerprints}
        self._markers = np.unique(np.array([int(f[2:10], 16) for f in fingerprints], dtype=np.uint32))
        self._table = np.zeros(1 << _TABLE_BITS, dtype=np.bool_)
        self._table[self._markers >> (_MARKER_BITS - _TABLE_BITS)] = True

    def candidates(self, markers: NDArray[np.uint32]) -> list[int]:
        likely = np.flatnonzero(self._table[markers >> (_MARKER_BITS - _TABLE_BITS)])
        wanted = markers[likely]
        places = np.minimum(np.searchsorted(self._markers, wanted), len(self._markers) - 1)
        return [int(position) for position in likely[self._markers[places] == wanted]]


class _Rolling:
    """A polynomial modulo 2^64 (Karp and Rabin 1987) whose base and values of the 256 bytes come from the salt.

    Sums over all powers are taken once a block; each piece is a difference of two of them, divided by the power that
    it starts with: an odd base has an inverse modulo 2^64.
    """

    def __init__(self, salt: str) -> None:
        self._key = bytes.fromhex(salt)
        words = np.frombuffer(hashlib.shake_256(self._key).digest(257 * 8), dtype="<u8")
        self._values = words[:256].copy()
        base = int(words[256]) | 1
        n_powers = _SLICE_BYTES + LONG_BYTES
        self._powers = _powers(base, n_powers)
        self._inverse_powers = _powers(pow(base, -1, 1 << 64), n_powers)

    def sums(self, values: NDArray[np.uint8]) -> NDArray[np.uint64]:
        """Gives uint64, shape (n_bytes + 1,): the sums over all that stands before each position."""
        sums: NDArray[np.uint64] = np.zeros(len(values) + 1, dtype=np.uint64)
        np.cumsum(self._values[values] * self._powers[: len(values)], out=sums[1:])
        return sums

    def markers(self, sums: NDArray[np.uint64], n_bytes: int) -> NDArray[np.uint32]:
        """Gives uint32, shape (n_positions,): the rolling number of the piece that starts at each position."""
        differences = sums[n_bytes:] - sums[:-n_bytes]
        differences *= self._inverse_powers[: len(differences)]
        markers: NDArray[np.uint32] = (differences >> np.uint64(64 - _MARKER_BITS)).astype(np.uint32)
        return markers

    def fingerprint(self, piece: bytes) -> str:
        """Gives the fingerprint of one piece."""
        marker = int(self.markers(self.sums(np.frombuffer(piece, dtype=np.uint8)), len(piece))[0])
        digest = hashlib.blake2b(piece, key=self._key, digest_size=_DIGEST_BYTES).hexdigest()
        return f"{len(piece):02x}{marker:08x}{digest}"


def _powers(base: int, n_powers: int) -> NDArray[np.uint64]:
    powers: Any = np.ones(n_powers, dtype=np.uint64)
    powers[1:] = base & 0xFFFFFFFFFFFFFFFF
    np.cumprod(powers, out=powers)
    return powers  # type: ignore[no-any-return]
