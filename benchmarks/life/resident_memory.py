"""What a process and all that it started have resident: the peaks while somebody looks."""

import contextlib

import psutil


class MemoryPeaks:
    """The most that a process and whatever it starts had resident together while `look` was called.

    Args:
        pid: the process.
    """

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._rss_bytes = 0
        self._pss_bytes = 0

    def look(self) -> None:
        """Counts what is resident now; processes that are just ending are left out."""
        rss = pss = 0
        with contextlib.suppress(psutil.Error):
            for process in [self._process, *self._process.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    memory = process.memory_full_info()
                    rss += memory.rss
                    pss += getattr(memory, "pss", 0)
        self._rss_bytes = max(self._rss_bytes, rss)
        self._pss_bytes = max(self._pss_bytes, pss)

    @property
    def rss_mb(self) -> float:
        """A page that several processes have, or one has twice, counts each time."""
        return round(self._rss_bytes / 1e6, 1)

    @property
    def pss_mb(self) -> float | None:
        """Each page counts once; None where the system does not tell."""
        return round(self._pss_bytes / 1e6, 1) if self._pss_bytes else None
