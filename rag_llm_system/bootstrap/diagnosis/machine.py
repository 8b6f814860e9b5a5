"""The machine: what computes, how much memory, which programs."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import psutil

from rag_llm_system.application.diagnosis.findings import Finding, info, ok, warn

_GB = 1e9
_LEAST_MEMORY_GB = 0.7
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PROGRAM_TIMEOUT_S = 5.0
_FAST_INT8 = {
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX VNNI",
    "i8mm": "I8MM",
    "asimddp": "dot products",
}


def cpu() -> Finding:
    """Says how many cores there are, and whether they compute in int8 fast."""
    cores = f"{len(_usable_cores())} cores, {platform.machine()}"
    return info(f"{cores}: {int8_support(_instruction_sets())}")


def int8_support(instruction_sets: frozenset[str]) -> str:
    """Says what these instruction sets, by their names in /proc/cpuinfo, mean for the int8 embedder."""
    for flag, name in _FAST_INT8.items():
        if flag in instruction_sets:
            return f"{name}, the int8 embedder is fast"
    if "avx2" in instruction_sets:
        return "AVX2 without VNNI, see whether RAG_EMBED_PRECISION=fp32 is as fast"
    return "nothing known that speeds int8 up"


def memory() -> Finding:
    """Says how much memory there is, and whether it is enough to prepare the embedder."""
    machine = psutil.virtual_memory()
    limit, used = _container_memory()
    total = min(machine.total, limit) / _GB
    free = min(machine.available, limit - used) / _GB
    found = f"{free:.1f} GB free of {total:.1f} GB"
    if free < _LEAST_MEMORY_GB:
        return warn(found, f"make {_LEAST_MEMORY_GB} GB free: preparing the embedder, once, takes that much")
    return ok(found)


def git() -> Finding:
    """Says which git there is."""
    version = _first_line("git", "--version")
    if version:
        return ok(version.removeprefix("git version "))
    return warn("not found: git repositories cannot be read", "install it (Debian: apt install git)")


def chromium() -> Finding:
    """Says where a browser is that can be driven."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    return info(path or "not found; nothing needs it yet")


def _usable_cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _instruction_sets() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return frozenset(next(flags, "").split())


def _container_memory() -> tuple[float, float]:
    """Gives what this container may use and what it uses, in bytes; without a limit infinity and 0."""
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return (float(limit), float(used)) if limit != "max" else (float("inf"), 0.0)
    except (OSError, ValueError):
        return float("inf"), 0.0


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PROGRAM_TIMEOUT_S, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.partition("\n")[0]
