"""Fingerprints: found wherever the piece stands, and nowhere else."""

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

from rag_llm_system.domain.fingerprints import FingerprintMatcher, fingerprints_of

SALT = "00112233445566778899aabbccddeeff"
PIECE = b"a piece of text that is deleted."
SHORT = b"0123456789abcdef"


@given(before=st.binary(max_size=300), after=st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_a_piece_is_found_at_every_place(before: bytes, after: bytes) -> None:
    fingerprints = fingerprints_of(SALT, {"text": [PIECE], "ids": [SHORT]})
    matcher = FingerprintMatcher(fingerprints)
    assert matcher.find(before + PIECE + after) >= {*fingerprints.by_kind["text"]}
    assert matcher.find(before + SHORT + after) >= {*fingerprints.by_kind["ids"]}


@given(st.binary(max_size=2_000))
@settings(max_examples=50, deadline=None)
def test_what_holds_no_piece_holds_no_fingerprint(content: bytes) -> None:
    fingerprints = fingerprints_of(SALT, {"text": [PIECE], "ids": [SHORT]})
    if PIECE not in content and SHORT not in content:
        assert FingerprintMatcher(fingerprints).find(content) == set()


@pytest.mark.parametrize("start", [65_536 - 33, 65_536 - 32, 65_536 - 16, 65_536 - 1, 65_536, 131_072 - 5])
def test_a_piece_is_found_where_two_slices_meet(start: int) -> None:
    fingerprints = fingerprints_of(SALT, {"text": [PIECE]})
    content = b"x" * start + PIECE + b"y" * 70_000
    assert FingerprintMatcher(fingerprints).find(content) == {*fingerprints.by_kind["text"]}


def test_many_pieces_are_told_apart() -> None:
    pieces = [f"{number:032d}".encode() for number in range(0, 4_000, 2)]
    fingerprints = fingerprints_of(SALT, {"text": pieces})
    content = b"\n".join(f"{number:032d}".encode() for number in range(1, 4_000, 2))
    assert FingerprintMatcher(fingerprints).find(content) == set()
    assert len(FingerprintMatcher(fingerprints).find(b"\n".join([content, pieces[7], pieces[99]]))) == 2


def test_another_salt_gives_other_fingerprints() -> None:
    one = fingerprints_of(SALT, {"text": [PIECE]}).by_kind["text"]
    other = fingerprints_of(SALT[::-1], {"text": [PIECE]}).by_kind["text"]
    assert not {*one} & {*other}


def test_a_fingerprint_does_not_hold_its_piece() -> None:
    (fingerprint,) = fingerprints_of(SALT, {"text": [PIECE]}).by_kind["text"]
    assert len(bytes.fromhex(fingerprint)) == 13
    assert not any(PIECE[i : i + 4] in bytes.fromhex(fingerprint) for i in range(28))


def test_fingerprints_can_be_taken_away() -> None:
    fingerprints = fingerprints_of(SALT, {"text": [PIECE, PIECE[::-1]], "ids": [SHORT]})
    left = fingerprints.without(FingerprintMatcher(fingerprints).find(PIECE + SHORT))
    assert left.n_by_kind() == {"text": 1}
