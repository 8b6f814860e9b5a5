"""The benchmark of indexing."""

import subprocess
import sys

from benchmarks.indexing.benchmark import indexing_lines
from benchmarks.indexing.processes import FamilyWatch


def test_processes_are_told_apart_by_what_they_are_for() -> None:
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, "a.pool_worker"], stdin=subprocess.PIPE) as process:
        watch = FamilyWatch(process.pid)
        watch.look()
        process.communicate()
    watch.look()
    (kind,) = watch.seen().items()
    assert kind[0] == "cutting and the rest"
    assert kind[1]["n"] == 1
    assert kind[1]["peak_rss_mb"] > 0


def test_the_table_has_a_line_for_each_run_and_each_kind_of_process() -> None:
    record = {
        "n_documents": 2_000,
        "n_windows": 3_443,
        "total_cpu_s": 30.0,
        "embedder_cpu_s": 25.0,
        "ratio": 1.2,
        "wall_s": 20.0,
        "chunks_per_s": 100.6,
        "load_average_after": 2.0,
        "cpu_s": {"clean": 2.0},
        "processes": {"embedding": {"n": 2, "cpu_s": 25.0, "peak_rss_mb": 170.0}},
    }
    lines = indexing_lines({"records": [record, record]})
    assert lines[2] == lines[3] == "| 2,000 | 3,443 | 30.0 | 25.0 | 1.200 | 20.0 | 101 | 2.0 |"
    assert lines[4:] == ["clean: 2.0 CPU s", "embedding: 2 processes, 25.0 CPU s, the largest 170 MB"]
