"""What a process and its children have resident."""

import subprocess
import sys

import psutil
import pytest

from benchmarks.life.resident_memory import MemoryPeaks

_WITH_A_CHILD = """
import subprocess, sys
child = "held = bytearray(b'x' * 60_000_000); print('ready', flush=True); input()"
process = subprocess.Popen([sys.executable, "-c", child], stdin=sys.stdin)
process.wait()
"""


def test_the_memory_of_a_child_counts_and_its_peak_is_kept_after_its_end() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WITH_A_CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        peaks = MemoryPeaks(process.pid)
        process.stdout.readline()
        peaks.look()
        at_once = peaks.rss_mb
        process.stdin.write("end\n")
        process.stdin.close()
        process.wait()
        peaks.look()

    assert 60 < at_once == peaks.rss_mb
    if psutil.LINUX:
        assert peaks.pss_mb == pytest.approx(at_once, rel=0.5)
