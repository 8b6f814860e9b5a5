"""From what Qdrant Edge raises to the errors of this system."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from rag_llm_system.domain.errors import BackendError, DiskFullError, IndexBusyError, RagError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import REBUILD


@contextmanager
def engine_errors(
    doing: str,
    otherwise: type[RagError] = BackendError,
    advice: str = f"try again; where that does not help, {REBUILD}",
) -> Iterator[None]:
    """Turns whatever the engine raises within into one line of ours; `otherwise` is the error where no other fits.

    The engine raises plain `Exception`s, and when its Rust code panics a `PanicException`, which is a `BaseException`.
    """
    try:
        yield
    except (RagError, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:
        reason = _first_line(error)
        if any(sign in str(error) for sign in ("No space left", "os error 28")):  # may stand behind a long path
            raise DiskFullError(f"{doing}: the disk is full: make room and run it again") from error
        if "WouldBlock" in reason:
            raise IndexBusyError(f"{doing}: a process that takes no lock has it open: stop that process") from error
        raise otherwise(f"{doing}: the engine failed ({reason}): {advice}") from error


def disk_error(error: OSError, what: str) -> BackendError:
    """Gives the error of ours for one of the operating system's; `what` says what could not be done, and where."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"{what}: the disk is full: make room and run it again; what was written is kept")
    return BackendError(f"{what} ({error.strerror}): see to the disk and run it again; what was written is kept")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"
