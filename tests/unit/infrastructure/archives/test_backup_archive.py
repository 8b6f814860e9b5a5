"""The archive file: what goes in comes out, and nothing that was changed, cut off or added passes for sound."""

import hashlib
import io
import json
import random
import tarfile
from pathlib import Path

import pytest
import zstandard

from rag_llm_system.domain.backups import BackupDescription
from rag_llm_system.domain.errors import (
    AccessError,
    CapabilityError,
    ConfigurationError,
    InputError,
    IntegrityError,
    RagError,
)
from rag_llm_system.infrastructure.archives.backup_archive import (
    BackupArchiveReader,
    BackupArchiveWriter,
    is_encrypted,
)
from rag_llm_system.infrastructure.archives.encryption import EncryptedSink, EncryptedSource
from rag_llm_system.infrastructure.archives.ending import EndedSink
from rag_llm_system.infrastructure.archives.tar_blocks import END, header, padding, read_header

DESCRIPTION = BackupDescription(
    program="0.1.0", created_at="2026-01-02T03:04:05+00:00", schemas={"home": 2}, counts={"articles": 3}
)
MEMBERS = {
    "users.jsonl": b"",
    "index/chunks/payload_index/a-b.dat": random.Random(1).randbytes(3_000),
    "documents/articles-00001.jsonl": b"{}\n" * 700,
}
PASSPHRASE = "correct horse battery staple"
CHEAP = 1 << 4


def written(passphrase: str | None = None, members: dict[str, bytes] = MEMBERS) -> bytes:
    file = io.BytesIO()
    archive = BackupArchiveWriter(file, passphrase=passphrase, scrypt_cost=CHEAP)
    for name, body in members.items():
        archive.add(name, body)
    archive.complete(DESCRIPTION)
    return file.getvalue()


def read(path: Path, passphrase: str | None = None) -> tuple[dict[str, bytes], BackupDescription]:
    reader = BackupArchiveReader(path, passphrase=passphrase)
    members = {member.name: b"".join(member.blocks()) for member in reader.members()}
    return members, reader.description


@pytest.fixture(params=[None, PASSPHRASE], ids=["plain", "encrypted"])
def passphrase(request: pytest.FixtureRequest) -> str | None:
    passphrase: str | None = request.param
    return passphrase


def test_what_goes_in_comes_out(passphrase: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(written(passphrase))
    assert read(path, passphrase) == (MEMBERS, DESCRIPTION)
    assert list(MEMBERS) == list(read(path, passphrase)[0])
    assert is_encrypted(path) == bool(passphrase)


def test_a_member_that_is_not_read_is_checked_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(written())
    reader = BackupArchiveReader(path)
    assert [member.name for member in reader.members()] == list(MEMBERS)
    assert reader.description == DESCRIPTION


def test_equal_states_give_equal_bytes() -> None:
    assert written() == written()


def test_two_encrypted_archives_share_no_bytes_to_speak_of() -> None:
    one, other = written(PASSPHRASE), written(PASSPHRASE)
    same = sum(a == b for a, b in zip(one[400:], other[400:], strict=True))
    assert same < len(one) / 50


def test_an_encrypted_archive_holds_nothing_readable() -> None:
    assert b"jsonl" not in written(PASSPHRASE)
    assert b"0.1.0" not in written(PASSPHRASE)


def test_any_byte_that_is_changed_is_noticed(passphrase: str | None, tmp_path: Path) -> None:
    whole = written(passphrase)
    path = tmp_path / "a"
    places = [*random.Random(7).sample(range(len(whole)), 250), *range(80), *range(len(whole) - 60, len(whole))]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with pytest.raises(RagError) as refused:
            read(path, passphrase)
        assert "\n" not in str(refused.value)


def test_an_archive_that_is_cut_short_is_noticed_wherever_it_is_cut(passphrase: str | None, tmp_path: Path) -> None:
    whole = written(passphrase)
    path = tmp_path / "a"
    for n_left in [*range(0, len(whole), 17), *range(len(whole) - 70, len(whole))]:
        path.write_bytes(whole[:n_left])
        with pytest.raises((IntegrityError, InputError)):
            read(path, passphrase)


def test_a_plain_archive_that_is_cut_short_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(written()[:-1])
    with pytest.raises(IntegrityError, match="cut short"):
        read(path)


def test_what_stands_behind_the_end_is_noticed(passphrase: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a"
    for more in (b"x", written(passphrase), bytes(512)):
        path.write_bytes(written(passphrase) + more)
        with pytest.raises(IntegrityError):
            read(path, passphrase)


def test_chunks_that_change_places_or_are_left_out_are_noticed() -> None:
    """Of the encrypted stream alone: the ending of the archive within would notice it too."""
    plain = random.Random(3).randbytes((4 << 20) + 99)
    whole = encrypted(plain)
    n_head, n_chunk = _head_bytes(whole), (1 << 20) + 16
    chunks = [whole[at : at + n_chunk] for at in range(n_head, len(whole), n_chunk)]
    assert decrypted(whole[:n_head] + b"".join(chunks)) == plain
    for order in ([1, 0, 2, 3, 4], [0, 0, 2, 3, 4], [0, 2, 3, 4], [0, 1, 2, 3], [0, 1, 4], [4], [0, 1, 2, 3, 4, 4], []):
        with pytest.raises((EOFError, ValueError)):
            decrypted(whole[:n_head] + b"".join(chunks[number] for number in order))


def test_chunks_of_another_stream_are_noticed() -> None:
    one, other = encrypted(b"one"), encrypted(b"two")
    with pytest.raises(ValueError, match="chunk"):
        decrypted(one[: _head_bytes(one)] + other[_head_bytes(other) :])


def encrypted(plain: bytes) -> bytes:
    file = io.BytesIO()
    sink = EncryptedSink(file, PASSPHRASE, cost=CHEAP)
    for at in range(0, len(plain), 700_000):
        sink.write(plain[at : at + 700_000])
    sink.finish()
    return file.getvalue()


def decrypted(stream: bytes) -> bytes:
    source = EncryptedSource(io.BytesIO(stream), PASSPHRASE)
    return b"".join(iter(lambda: source.read(1 << 18), b""))


def _head_bytes(whole: bytes) -> int:
    return 8 + 4 + int.from_bytes(whole[8:12], "little") + 32


def test_whole_chunks_that_are_missing_at_the_end_are_called_cut_short(tmp_path: Path) -> None:
    whole = written(PASSPHRASE, {"index/a.dat": random.Random(3).randbytes(3 << 20)})
    path = tmp_path / "a"
    path.write_bytes(whole[: _head_bytes(whole) + 2 * ((1 << 20) + 16)])
    with pytest.raises(IntegrityError, match="cut short"):
        read(path, PASSPHRASE)


def test_another_passphrase_and_damage_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a"
    whole = written(PASSPHRASE)
    path.write_bytes(whole)
    with pytest.raises(AccessError, match="passphrase is not the one"):
        read(path, "correct horse battery")
    with pytest.raises(AccessError, match="is encrypted"):
        read(path)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IntegrityError, match="damaged"):
        read(path, PASSPHRASE)
    path.write_bytes(whole[:30] + bytes([whole[30] ^ 1]) + whole[31:])
    with pytest.raises(IntegrityError, match="damaged"):
        read(path, PASSPHRASE)


@pytest.mark.parametrize("body", [b"", b"hello", b"\x28\xb5\x2f\xfd", b"RAGBKENC", b"PK\x03\x04" + bytes(100)])
def test_a_file_that_is_no_backup_is_refused(body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(body)
    with pytest.raises((InputError, IntegrityError)):
        read(path, PASSPHRASE)


def test_a_file_that_is_not_there_or_a_folder_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read(tmp_path / "none")
    with pytest.raises(InputError, match="folder"):
        read(tmp_path)


def forged(tar: bytes) -> bytes:
    """What somebody would make who knows the format."""
    file = io.BytesIO()
    ended = EndedSink(file)
    ended.write(zstandard.ZstdCompressor().compress(tar))
    ended.finish()
    return file.getvalue()


def member(name: str, body: bytes) -> bytes:
    return header(name, len(body)) + body + padding(len(body))


def odd_member(**fields: object) -> bytes:
    odd = tarfile.TarInfo("index/a")
    for name, value in fields.items():
        setattr(odd, name, value)
    return odd.tobuf(tarfile.GNU_FORMAT)


FIRST_BODY = b'{"format": 1}'
FIRST = member("backup.json", FIRST_BODY)


@pytest.mark.parametrize(
    "odd",
    [
        odd_member(name="../../etc/passwd"),
        odd_member(name="/etc/passwd"),
        odd_member(name="index/./a"),
        odd_member(name="index/a b"),
        odd_member(type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        odd_member(type=tarfile.LNKTYPE, linkname="documents"),
        odd_member(type=tarfile.DIRTYPE),
        odd_member(type=tarfile.CHRTYPE),
        odd_member(name="index/" + "a" * 300),
        odd_member(size=1 << 40),
    ],
)
def test_a_member_that_is_no_plain_file_within_its_folder_is_refused(odd: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="regular file"):
        read_header(odd[:512])
    path = tmp_path / "a"
    path.write_bytes(forged(FIRST + odd + bytes(4096) + END))
    with pytest.raises(IntegrityError):
        read(path)


def archive_with(members: list[tuple[str, bytes]]) -> bytes:
    """Gives an archive whose manifest names one member, index/a, with "x" in it."""
    line = {"name": "index/a", "size_bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    first = {"name": "backup.json", "size_bytes": len(FIRST_BODY), "sha256": hashlib.sha256(FIRST_BODY).hexdigest()}
    manifest = {"format": 1, "description": DESCRIPTION.model_dump(mode="json"), "members": [first, line]}
    body = b"".join(member(name, of_it) for name, of_it in members)
    return forged(FIRST + body + member("manifest.json", json.dumps(manifest).encode()) + END)


def test_members_that_are_not_those_of_the_manifest_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(archive_with([("index/a", b"x")]))
    assert read(path)[0] == {"index/a": b"x"}
    wrong: tuple[list[tuple[str, bytes]], ...] = (
        [],
        [("index/a", b"y")],
        [("index/b", b"x")],
        [("index/a", b"x")] * 2,
        [("index/a", b"x"), ("index/b", b"")],
    )
    for members in wrong:
        path.write_bytes(archive_with(members))
        with pytest.raises(IntegrityError, match="damaged"):
            read(path)


def test_a_newer_archive_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(forged(member("backup.json", b'{"format": 2}') + b"who knows"))
    with pytest.raises(ConfigurationError, match="format 2, this version reads up to 1: update"):
        read(path)


def test_an_archive_that_unpacks_to_more_than_it_says_stays_small_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(forged(FIRST + header("index/a", 200 << 20) + bytes(200 << 20)))
    assert path.stat().st_size < 100_000
    lengths: list[int] = []
    with pytest.raises(IntegrityError):
        lengths.extend(len(block) for big in BackupArchiveReader(path).members() for block in big.blocks())
    assert max(lengths, default=0) <= 1 << 20


def test_a_name_that_no_archive_can_hold_is_refused_when_it_is_written() -> None:
    archive = BackupArchiveWriter(io.BytesIO())
    with pytest.raises(CapabilityError):
        archive.add("index/../a", b"")


def test_a_file_with_holes_costs_next_to_nothing(tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as holes:
        holes.seek(50_000_000)
        holes.write(b"end")
    file = io.BytesIO()
    archive = BackupArchiveWriter(file)
    seen: list[int] = []
    archive.add_file("index/holes", tmp_path / "holes", seen.append)
    archive.complete(DESCRIPTION)
    assert sum(seen) == 50_000_003
    assert len(file.getvalue()) < 10_000


def test_ordinary_programs_unpack_it_too(tmp_path: Path) -> None:
    (tmp_path / "a.tar.zst").write_bytes(written())
    with zstandard.open(tmp_path / "a.tar.zst", "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        names = [entry.name for entry in tar]
    assert names == ["backup.json", *MEMBERS, "manifest.json"]
