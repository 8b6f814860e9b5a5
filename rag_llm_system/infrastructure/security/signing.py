"""Signatures by Ed25519 (RFC 8032), with a key of this home."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rag_llm_system.domain.errors import BackendError, ConfigurationError
from rag_llm_system.infrastructure.security.safe_files import write_safely

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Ed25519Signer:
    """`ReceiptSigner` with a private key in a file (PEM, PKCS #8) that its owner alone can read.

    Args:
        path: of the key; made at first use.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def public_key(self, *, create: bool = False) -> str:
        """See the port.

        Raises:
            ConfigurationError: the key's file cannot be read or holds something else.
        """
        if not create and not self._path.exists():
            return ""
        return self._key().public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> str:
        """See the port.

        Raises:
            ConfigurationError: the key's file cannot be read or holds something else.
        """
        return self._key().sign(message).hex()

    def holds(self, public_key: str, signature: str, message: bytes) -> bool:
        """See the port."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _key(self) -> "Ed25519PrivateKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if not self._path.exists():
            self._make_key()
        try:
            key = load_pem_private_key(self._path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            what = f"{self._path} cannot be read as a key for signing receipts"
            raise ConfigurationError(f"{what}: bring it back from a backup, or move it away and a new one is made.")
        return key

    def _make_key(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_safely(self._path, pem, replace=False)
        except FileExistsError:  # another process made one meanwhile
            return
        except OSError as error:
            what = f"{self._path} cannot be made ({error.strerror or os.strerror(error.errno or 0)})"
            raise BackendError(f"{what}: make room, or make the folder writable.") from None
