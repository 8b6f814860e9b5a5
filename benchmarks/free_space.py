"""Room on the disk for what a benchmark writes."""

import shutil
from pathlib import Path

from rag_llm_system.domain.errors import DiskFullError


def require_free_space(work: Path, n_bytes: int) -> None:
    """Makes the folder, where it is not there.

    Raises:
        DiskFullError: its disk has fewer bytes free.
    """
    work.mkdir(parents=True, exist_ok=True)
    n_free = shutil.disk_usage(work).free
    if n_free < n_bytes:
        raise DiskFullError(
            f"{work} has {n_free / 1e9:,.1f} GB free, {n_bytes / 1e9:,.1f} GB are needed: make room or lower --n"
        )
