"""Where a number was measured."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil


def machine() -> dict[str, str | int | float]:
    """Gives what a number depends on beside the code; no name of the machine."""
    return {
        "cpu": _cpu_name(),
        "architecture": platform.machine(),
        "n_cores": os.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_average_1_min": round(os.getloadavg()[0], 2),
    }


def n_usable_cores() -> int:
    """Gives how many cores this process may use, by its affinity and by the limit of its container (cgroup v2)."""
    try:
        n_cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no such thing
        n_cores = os.cpu_count() or 1
    try:
        quota_us, period_us = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(n_cores, int(quota_us) // int(period_us)))
    except (OSError, ValueError):  # no container, or "max": no limit
        return n_cores


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Gives the versions of Python and of those of these packages that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
