"""A file that says which process serves, and where."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from rag_llm_system.domain.errors import AccessError

_SAME_START_S = 2.0  # the time at which a process began is reckoned from a clock that is set now and then
_SHUTDOWN_S = 15.0


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A process that serves. A number is given anew after a while, and tells one process only with its start."""

    pid: int
    started_s: float
    url: str


class ProcessRecord:
    """Reads and writes such a file.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def kept(self, url: str) -> Iterator[None]:
        """Says that this process serves at that address, as long as it does so, to the owner of the file alone."""
        running = RunningProcess(os.getpid(), psutil.Process().create_time(), url)
        descriptor, written = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.stem}.")  # mode 0600
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(running), file)
        Path(written).replace(self._path)
        try:
            yield
        finally:
            self.remove()

    def read(self) -> RunningProcess | None:
        """Gives what the file says; nothing where there is none, or one that is of no use."""
        try:
            return RunningProcess(**json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def remove(self) -> None:
        """Deletes the file; that there is none is no error."""
        self._path.unlink(missing_ok=True)

    def end(self, running: RunningProcess) -> bool:
        """Ends that very process, gracefully or else at once; False where it is gone, and another has its number.

        Raises:
            AccessError: it belongs to somebody else.
        """
        try:
            process = psutil.Process(running.pid)
            if abs(process.create_time() - running.started_s) > _SAME_START_S:
                return False
            process.terminate()
            if not _has_ended(process, _SHUTDOWN_S):
                process.kill()
                _has_ended(process, _SHUTDOWN_S)
        except psutil.AccessDenied:
            raise AccessError(f"Process {running.pid} belongs to somebody else: ask them to stop it.") from None
        except psutil.NoSuchProcess:
            return False
        self.remove()
        return True


def _has_ended(process: psutil.Process, timeout_s: float) -> bool:
    """Waits for the end of a process; one whose starter has not taken note of it yet has ended too."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False
