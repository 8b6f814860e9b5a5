"""What is left of an index when the writer, its child, or both are stopped at a bad moment."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from rag_llm_system.domain.errors import BackendError, IndexBusyError
from rag_llm_system.domain.index_points import DenseQuery, KeywordQuery
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.lock import IndexLock
from tests.integration.qdrant_edge_writer import (
    BATCH_POINTS,
    COLLECTION,
    batch,
    open_draft,
    workers_of,
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
_WORKER = "rag_llm_system.infrastructure.vector_stores.qdrant_edge.worker"


def start_writer(path: Path, first: int = 0, n_batches: int = 10_000) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.qdrant_edge_writer", str(path), str(first), str(n_batches)]
    # A session of its own, so that a signal to its process group is what a Ctrl-C in its terminal would be.
    writer = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "open\n"
    return writer


def only_child(pid: int, path: Path) -> psutil.Process:
    """Gives the child of a process that has this index open."""
    (child,) = workers_of(path, pid)
    return child


def wait_for_end(process: psutil.Process) -> None:
    """Waits until the process is over, whether or not somebody has collected its exit status."""
    for _ in range(400):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    pytest.fail(f"process {process.pid} is still running")


def last_acknowledged(output: str, before: int) -> int:
    numbers = [int(line) for line in output.split() if line.isdigit()]
    return numbers[-1] if numbers else before


def assert_holds_batches(path: Path, last: int) -> None:
    """All points up to the last acknowledged batch, nothing twice, and both halves answer for them."""
    index = open_draft(path)
    try:
        found = [UUID(point.id).int for point in index.scroll(COLLECTION)]
        assert found[: (last + 1) * BATCH_POINTS] == list(range((last + 1) * BATCH_POINTS))
        assert len(found) == len(set(found)) == index.count(COLLECTION)
        assert len(found) <= (last + 2) * BATCH_POINTS
        if last >= 0:
            newest = batch(last)[-1]
            assert newest.vector is not None
            dense, words = index.search(
                COLLECTION, [DenseQuery(newest.vector, 1), KeywordQuery(f"batch{last}", 10 * BATCH_POINTS)]
            )
            assert [hit.id for hit in dense] == [newest.id]
            assert [hit.id for hit in words] == sorted(point.id for point in batch(last))
    finally:
        index.close()


def test_a_writer_killed_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(11)
    last = -1
    for _ in range(6):
        writer = start_writer(tmp_path, first=last + 1)
        child = only_child(writer.pid, tmp_path)
        time.sleep(rng.uniform(0.0, 1.0))
        victims = rng.sample([writer.pid, child.pid], k=rng.choice([1, 2]))
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        output, _ = writer.communicate(timeout=60)
        last = last_acknowledged(output, last)

        assert_holds_batches(tmp_path, last)
        wait_for_end(child)
    assert last > 0


def test_a_killed_child_is_an_error_in_one_line_and_the_next_call_goes_on(tmp_path: Path) -> None:
    index = open_draft(tmp_path)
    index.upsert(COLLECTION, batch(0))
    only_child(os.getpid(), tmp_path).kill()

    with pytest.raises(BackendError, match="killed by SIGKILL") as caught:
        index.upsert(COLLECTION, batch(1))
    assert "\n" not in str(caught.value)

    index.upsert(COLLECTION, batch(1))
    index.close()
    assert_holds_batches(tmp_path, 1)


def test_an_index_whose_child_was_killed_can_be_closed(tmp_path: Path) -> None:
    index = open_draft(tmp_path)
    index.upsert(COLLECTION, batch(0))
    child = only_child(os.getpid(), tmp_path)
    child.kill()
    wait_for_end(child)
    with pytest.raises(BackendError):
        index.count(COLLECTION)
    index.close()

    assert_holds_batches(tmp_path, 0)


def test_the_child_ends_when_its_parent_is_killed_and_leaves_a_clean_index(tmp_path: Path) -> None:
    writer = start_writer(tmp_path, n_batches=1)
    writer.communicate(timeout=60)
    writer = start_writer(tmp_path, first=1)
    child = only_child(writer.pid, tmp_path)
    writer.kill()
    output, _ = writer.communicate(timeout=60)

    wait_for_end(child)
    assert '"clean": true' in (tmp_path / "draft" / "manifest.json").read_text()
    assert_holds_batches(tmp_path, last_acknowledged(output, 0))


def test_the_child_keeps_the_index_locked_as_long_as_it_lives(tmp_path: Path) -> None:
    index = open_draft(tmp_path)
    assert str(tmp_path / ".lock") in [file.path for file in only_child(os.getpid(), tmp_path).open_files()]
    index.close()


def test_the_child_of_a_dead_holder_is_waited_for(tmp_path: Path) -> None:
    code = f"""
import os, subprocess
from pathlib import Path
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.lock import IndexLock
lock = IndexLock(Path({str(tmp_path)!r}), purpose="a holder that dies")
subprocess.Popen(["sleep", "2"], pass_fds=(lock.fileno(),))
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

    with pytest.raises(IndexBusyError, match="a holder that dies"):
        IndexLock(tmp_path, purpose="a test", dead_holder_wait_s=0.1)
    IndexLock(tmp_path, purpose="a test", dead_holder_wait_s=30.0).release()


def test_the_child_ends_though_a_fork_of_its_parent_keeps_the_pipe_open(tmp_path: Path) -> None:
    code = f"""
import os, time
from pathlib import Path
from tests.integration.qdrant_edge_writer import open_draft
index = open_draft(Path({str(tmp_path)!r}))
fork = os.fork()
if fork:
    print(fork, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        fork = psutil.Process(int(parent.stdout.readline()))
        (child,) = (process for process in psutil.Process(parent.pid).children() if process != fork)
        parent.kill()
        try:
            wait_for_end(child)
            assert fork.is_running()
        finally:
            fork.kill()


def test_ctrl_c_lets_the_child_finish_its_batch_without_a_traceback(tmp_path: Path) -> None:
    writer = start_writer(tmp_path)
    child = only_child(writer.pid, tmp_path)
    time.sleep(0.3)
    assert os.getpgid(child.pid) != os.getpgid(writer.pid)
    child.send_signal(signal.SIGINT)
    os.killpg(writer.pid, signal.SIGINT)
    output, errors = writer.communicate(timeout=60)

    wait_for_end(child)
    assert "interrupted" in output
    assert errors == ""
    assert '"clean": true' in (tmp_path / "draft" / "manifest.json").read_text()
    assert_holds_batches(tmp_path, last_acknowledged(output, -1))


def test_an_impatient_second_ctrl_c_leaves_a_clean_index_too(tmp_path: Path) -> None:
    writer = start_writer(tmp_path)
    child = only_child(writer.pid, tmp_path)
    time.sleep(0.3)
    for _ in range(2):
        os.killpg(writer.pid, signal.SIGINT)
        time.sleep(0.02)
    output, _ = writer.communicate(timeout=60)

    wait_for_end(child)
    assert '"clean": true' in (tmp_path / "draft" / "manifest.json").read_text()
    assert_holds_batches(tmp_path, last_acknowledged(output, -1))
