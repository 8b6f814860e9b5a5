"""Signing receipts, and the files that deletions are kept in."""

from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from rag_llm_system.application.deletion.receipts import hashed, is_signed, signed
from rag_llm_system.domain.deletions import Criterion, Intent, Receipt, Targets
from rag_llm_system.domain.errors import ConfigurationError, IndexBusyError, IntegrityError
from rag_llm_system.domain.fingerprints import Fingerprints
from rag_llm_system.infrastructure.security.deletion_files import DeletionFiles, read_receipt
from rag_llm_system.infrastructure.security.signing import Ed25519Signer

FINGERPRINTS = Fingerprints(salt="00" * 16)
INTENT = Intent(
    id="a",
    begun_at="2026-11-21T12:00:00+00:00",
    criteria=(),
    targets=Targets(documents=()),
    fingerprints=FINGERPRINTS,
    before={},
    generations=(),
    scans_before=(),
)
RECEIPT = Receipt(
    id="a",
    deleted_at="2026-11-21T12:00:00+00:00",
    version="1",
    criteria=(),
    documents=(),
    author_ids=(),
    windows={},
    stores=(),
    generations_dropped=(),
    fingerprints=FINGERPRINTS,
    scans_before=(),
    scans_after=(),
    public_key="",
)


def signer(path: Path) -> Ed25519Signer:
    return Ed25519Signer(path / "keys" / "receipts.ed25519")


def test_a_signed_receipt_is_known_and_a_changed_one_is_not(tmp_path: Path) -> None:
    receipt = signed(RECEIPT, signer(tmp_path))
    assert is_signed(receipt, signer(tmp_path))
    assert not is_signed(receipt.model_copy(update={"version": "2"}), signer(tmp_path))
    assert not is_signed(receipt.model_copy(update={"signature": "00"}), signer(tmp_path))
    assert not is_signed(receipt.model_copy(update={"public_key": "no key"}), signer(tmp_path))


def test_a_key_is_made_once_and_its_owner_alone_reads_it(tmp_path: Path) -> None:
    assert signer(tmp_path).public_key() == ""
    assert not (tmp_path / "keys").exists()
    first = signer(tmp_path).public_key(create=True)
    assert first == signer(tmp_path).public_key(create=True) == signer(tmp_path).public_key()
    assert (tmp_path / "keys" / "receipts.ed25519").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["receipts.ed25519"]


def test_a_damaged_key_is_an_error_in_a_line(tmp_path: Path) -> None:
    signer(tmp_path).public_key(create=True)
    (tmp_path / "keys" / "receipts.ed25519").write_text("-----BEGIN")
    with pytest.raises(ConfigurationError, match="cannot be read as a key"):
        signer(tmp_path).sign(b"message")


def test_a_criterion_stands_in_a_receipt_without_its_words() -> None:
    kind, value = hashed(Criterion(kind="author", value="Ada Lovelace"), "00" * 16)
    assert kind == "author"
    assert len(value) == 64
    assert value != hashed(Criterion(kind="author", value="Ada Lovelace"), "01" * 16)[1]


def test_a_deletion_is_at_work_until_its_receipt_is_kept(tmp_path: Path) -> None:
    records = DeletionFiles(tmp_path / "deletions")
    assert records.pending() == []
    records.begin(INTENT)
    assert DeletionFiles(tmp_path / "deletions").pending() == [INTENT]
    path = records.end(RECEIPT)
    assert records.pending() == []
    assert read_receipt(path) == RECEIPT


def test_two_processes_do_not_delete_at_once(tmp_path: Path) -> None:
    with (
        DeletionFiles(tmp_path).alone(),
        pytest.raises(IndexBusyError, match="another process"),
        DeletionFiles(tmp_path).alone(),
    ):
        pass


def test_what_is_no_receipt_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text('{"format": 1, "id": "a"}')
    with pytest.raises(IntegrityError, match="no receipt"):
        read_receipt(tmp_path / "file")
    with pytest.raises(IntegrityError, match="cannot be read"):
        read_receipt(tmp_path / "none")
