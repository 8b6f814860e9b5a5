"""A file system that is soon full, for tests that may mount one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CAP_SYS_ADMIN = 1 << 21


def may_mount() -> bool:
    """Says whether this process has the capability that mounting takes (Linux)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return any(int(line.split()[1], 16) & _CAP_SYS_ADMIN for line in lines if line.startswith("CapEff:"))


@contextmanager
def mounted_disk(folder: Path, *, size_mb: int) -> Iterator[None]:
    """Makes a folder a disk in memory for a while."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def make_room(folder: Path, *, size_mb: int) -> None:
    """Gives the disk another size."""
    subprocess.run(["mount", "-o", f"remount,size={size_mb}m", folder], check=True)
