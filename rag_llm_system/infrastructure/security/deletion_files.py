"""Deletions at work, and receipts, as JSON files."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from rag_llm_system.domain.deletions import Intent, Receipt
from rag_llm_system.domain.errors import BackendError, DiskFullError, IndexBusyError, IntegrityError
from rag_llm_system.infrastructure.security.safe_files import remove_safely, write_safely


class DeletionFiles:
    """`DeletionRecords` in a folder: <id>.json is a receipt, pending/<id>.json a deletion at work.

    Args:
        folder: made when the first deletion begins.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pending = folder / "pending"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See the port. The system takes the lock back when the process ends, however it ends."""
        from filelock import FileLock, Timeout

        with _own_errors(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(self._folder / ".lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                what = f"another process deletes in {self._folder.parent} just now"
                raise IndexBusyError(f"{what}: wait until it is done, and run it again.") from None
        try:
            yield
        finally:
            lock.release()

    def pending(self) -> list[Intent]:
        """See the port.

        Raises:
            IntegrityError: the file of a deletion cannot be read.
        """
        intents = [_read_intent(path) for path in sorted(self._pending.glob("*.json"))]
        return sorted(intents, key=lambda intent: (intent.begun_at, intent.id))

    def begin(self, intent: Intent) -> None:
        """See the port.

        Raises:
            DiskFullError: there is no room for it.
            BackendError: it cannot be written.
        """
        with _own_errors(self._pending):
            self._pending.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_safely(self._pending / f"{intent.id}.json", intent.model_dump_json().encode())

    def end(self, receipt: Receipt) -> Path:
        """See the port.

        Raises:
            DiskFullError: there is no room for it; the deletion stays among those at work.
            BackendError: it cannot be written.
        """
        path = self._folder / f"{receipt.id}.json"
        with _own_errors(self._folder):
            write_safely(path, f"{receipt.model_dump_json(indent=1)}\n".encode())
            remove_safely(self._pending / f"{receipt.id}.json")
            for left in self._pending.glob(".*.tmp"):  # of a process that was killed while it wrote
                left.unlink(missing_ok=True)
        return path


def read_receipt(path: Path) -> Receipt:
    """Gives the receipt in a file; whether it is signed rightly is another question.

    Raises:
        IntegrityError: the file is not there, or is no receipt.
    """
    try:
        return Receipt.model_validate_json(path.read_bytes())
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read ({error.strerror}): give the file of a receipt.") from None
    except ValidationError:
        raise IntegrityError(f"{path} is no receipt of a deletion, or was changed: give the file as it was.") from None


def _read_intent(path: Path) -> Intent:
    try:
        return Intent.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        what = f"{path} says what a deletion has still to do, and cannot be read"
        raise IntegrityError(f"{what}: delete it, and ask for the same deletion again.") from None


@contextmanager
def _own_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"the disk of {folder} is full: make room and run it again.") from None
        what = f"{folder} cannot be written ({error.strerror})"
        raise BackendError(f"{what}: make it writable, and run it again.") from None
