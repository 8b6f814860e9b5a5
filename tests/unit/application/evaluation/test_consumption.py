"""What child processes consume counts."""

import subprocess
import sys

from rag_llm_system.application.evaluation.consumption import MemoryWatch, metered

BURNING = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
LARGE = "held = bytearray(b'x') * 60_000_000\nprint(flush=True)\ninput()"


def child(code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_until_ready(process: "subprocess.Popen[str]") -> None:
    assert process.stdout
    process.stdout.readline()


def test_the_cpu_time_of_a_living_and_of_an_ended_child_counts_once() -> None:
    with metered() as with_living:
        process = child(BURNING)
        wait_until_ready(process)
    assert 0.25 < with_living.cpu_seconds < 1.5
    with metered() as idle:
        process.communicate("\n")
    assert idle.cpu_seconds < 0.2
    with metered() as with_ended, child(BURNING) as process:
        wait_until_ready(process)
        process.communicate("\n")
    assert 0.25 < with_ended.cpu_seconds < 1.5
    assert with_ended.seconds > 0.2


def test_the_memory_of_a_child_counts() -> None:
    with MemoryWatch() as before:
        pass
    with MemoryWatch() as watch:
        process = child(LARGE)
        wait_until_ready(process)
        watch.look()
        process.communicate("\n")
    assert 50 < watch.peak_mb - before.peak_mb < 200
