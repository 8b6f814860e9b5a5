"""Who may open an index directory: one process at a time, by an advisory lock that dies with its holder."""

import fcntl
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rag_llm_system.domain.errors import BackendError, IndexBusyError

LOCK_NAME = ".lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: its process, what it does there, and since when (ISO 8601, UTC)."""

    pid: int
    purpose: str
    since: str


class IndexLock:
    """The exclusive lock (flock) on an index directory, which is made if it does not exist.

    The kernel lets go of it when the last process that inherited `fileno` is gone: a killed holder leaves no stale
    lock, and a writer's child keeps others out until it has closed the shards. Where the holder is dead already but its
    child still ends, the lock is waited for.

    Args:
        path: the index directory.
        purpose: what this process does with the index; others are told.
        dead_holder_wait_s: how long to wait for the child of a dead holder, in seconds.

    Raises:
        IndexBusyError: another process, or another index object of this one, holds it.
        BackendError: the directory cannot be made or written to.
    """

    def __init__(self, path: Path, *, purpose: str, dead_holder_wait_s: float = 30.0) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise BackendError(f"cannot open the index directory {path} ({error.strerror}): check its owner") from error
        try:
            self._acquire(path, time.monotonic() + dead_holder_wait_s)
            self._sign(Holder(os.getpid(), purpose, datetime.now(UTC).isoformat(timespec="seconds")))
        except BaseException:
            os.close(self._fd)
            raise

    def fileno(self) -> int:
        """The file descriptor that carries the lock, to be inherited by a child."""
        return self._fd

    def release(self) -> None:
        """Lets go; a child that inherited the lock keeps it until it ends."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _acquire(self, path: Path, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                holder = _read_holder(self._fd)
                if holder is None or _is_alive(holder.pid) or time.monotonic() > deadline:
                    raise IndexBusyError(_busy_message(path, holder)) from None
                time.sleep(0.05)

    def _sign(self, holder: Holder) -> None:
        text = json.dumps({"pid": holder.pid, "purpose": holder.purpose, "since": holder.since})
        os.ftruncate(self._fd, 0)
        try:
            os.pwrite(self._fd, text.encode(), 0)
        except OSError:
            # A full disk must not keep a reader out; the lock holds, only its holder stays unnamed.
            return


def _read_holder(fd: int) -> Holder | None:
    try:
        fields = json.loads(os.pread(fd, 4096, 0))
        return Holder(int(fields["pid"]), str(fields["purpose"]), str(fields["since"]))
    except (ValueError, KeyError, TypeError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _busy_message(path: Path, holder: Holder | None) -> str:
    if holder is None:
        return f"the index at {path} is in use by another process: stop it, or wait until it has ended"
    whose = f"process {holder.pid} ({holder.purpose}, since {holder.since})"
    return f"the index at {path} is in use by {whose}: stop it, or wait until it has ended"
