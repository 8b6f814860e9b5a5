"""Receipts: what is signed of them, and by which hash a criterion stands in them."""

import hashlib
import json

from rag_llm_system.domain.deletions import Criterion, Receipt
from rag_llm_system.domain.ports.deletion import ReceiptSigner


def hashed(criterion: Criterion, salt: str) -> tuple[str, str]:
    """Gives a criterion's kind, and the salted SHA-256 (hex) of it."""
    parts = (bytes.fromhex(salt), criterion.kind.encode(), criterion.value.encode())
    return criterion.kind, hashlib.sha256(b"\0".join(parts)).hexdigest()


def canonical_bytes(receipt: Receipt) -> bytes:
    """Gives what is signed: all but the signature as JSON in ASCII, keys sorted, without spaces."""
    content = receipt.model_dump(mode="json", exclude={"signature"})
    if not receipt.not_looked_into:  # receipts of before there was this are signed without it
        del content["not_looked_into"]
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def signed(receipt: Receipt, signer: ReceiptSigner) -> Receipt:
    """Gives the receipt with the public key and the signature."""
    keyed = receipt.model_copy(update={"public_key": signer.public_key(create=True), "signature": ""})
    return keyed.model_copy(update={"signature": signer.sign(canonical_bytes(keyed))})


def is_signed(receipt: Receipt, signer: ReceiptSigner) -> bool:
    """Says whether the signature is that of the key which the receipt names; whose key that is, is another question."""
    return signer.holds(receipt.public_key, receipt.signature, canonical_bytes(receipt))
