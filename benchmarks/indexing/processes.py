"""Which processes work on an index, and what each kind of them consumes while somebody looks."""

import psutil

_ROLES = {"pool_worker": "embedding", "qdrant_edge.worker": "writing"}
_ITSELF = "cutting and the rest"


class FamilyWatch:
    """A process and all that it starts, by what they are for.

    Args:
        pid: the process.
    """

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._roles: dict[psutil.Process, str] = {}
        self._cpu_s: dict[psutil.Process, float] = {}
        self._rss_bytes: dict[psutil.Process, int] = {}

    def look(self) -> None:
        """Notes what the processes that are there have consumed until now."""
        try:
            family = [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return
        for process in family:
            try:
                if process not in self._roles:
                    self._roles[process] = self._role(process)
                times, rss = process.cpu_times(), process.memory_info().rss
            except psutil.Error:  # it ended meanwhile
                continue
            self._cpu_s[process] = times.user + times.system
            self._rss_bytes[process] = max(self._rss_bytes.get(process, 0), rss)

    def seen(self) -> dict[str, dict[str, float]]:
        """Gives for each kind how many there were, their CPU seconds together, and the most that one had resident.

        What a process did after the last look is missing.
        """
        found: dict[str, dict[str, float]] = {}
        for process, cpu_s in self._cpu_s.items():
            kind = found.setdefault(self._roles[process], {"n": 0, "cpu_s": 0.0, "peak_rss_mb": 0.0})
            kind["n"] += 1
            kind["cpu_s"] = round(kind["cpu_s"] + cpu_s, 2)
            kind["peak_rss_mb"] = max(kind["peak_rss_mb"], round(self._rss_bytes[process] / 1e6, 1))
        return found

    def _role(self, process: psutil.Process) -> str:
        if process == self._process:
            return _ITSELF
        command = " ".join(process.cmdline())
        return next((role for part, role in _ROLES.items() if part in command), "other")
