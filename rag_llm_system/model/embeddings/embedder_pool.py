"""Embedding on all cores: one process for each, with one thread each."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger
from numpy.typing import NDArray

from rag_llm_system.domain.errors import BackendError, RagError
from rag_llm_system.domain.ports.embedder import Embedder

_WORKER_MODULE = "rag_llm_system.model.embeddings.pool_worker"
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[3])
_TEXTS_PER_TASK = 4
_TASKS_PER_WORKER = 2
"""One that is embedded, and one that waits in the pipe, so that no worker waits for this process."""
_TRIES = 2
_END_TIMEOUT_S = 10.0

Task = list[int]
"""The numbers of the texts that are embedded in one go."""


class EmbedderPool:
    """An `Embedder` port that hands its texts to child processes, once they have become many.

    Threads of one process hold each other up (the interpreter's lock, caches, waiting in a busy loop), processes do
    not. Long texts go first, so that all processes end together. One that dies is replaced, and what it had to do is
    done again; at the second death over the same texts the call fails. No vector depends on who computed it where the
    embedder reads its texts one by one.

    Args:
        embedder: embeds the first texts in this process, and all where there is one worker.
        class_name: of that embedder, as "module:Class".
        arguments: what each worker calls that class with: plain values.
        n_workers: how many processes.
        n_texts_alone: with how many texts it does not pay to start them.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        class_name: str,
        arguments: Mapping[str, Any],
        n_workers: int,
        n_texts_alone: int = 256,
    ) -> None:
        self._embedder = embedder
        self._made_by = (class_name, dict(arguments))
        self._n_workers = n_workers
        self._n_texts_left_alone = n_texts_alone
        self._turn = threading.Lock()
        self._workers: list[_Worker] = []

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    @property
    def fingerprint(self) -> str:
        return self._embedder.fingerprint

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See the port; callers take turns.

        Raises:
            RagError: what the embedder raises.
            BackendError: processes died over the same texts, one after the other.
        """
        with self._turn:
            self._n_texts_left_alone -= len(texts)
            if self._n_workers < 2 or self._n_texts_left_alone >= 0:
                return self._embedder.embed(texts)
            try:
                return self._spread(texts)
            except BaseException:
                # Interrupted in the middle, a pipe may hold answers that nobody asks for any more.
                self._end_workers()
                raise

    def close(self) -> None:
        """Ends the processes; the next call starts others."""
        with self._turn:
            self._end_workers()

    def _spread(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        todo = _tasks(texts)
        deaths: dict[int, int] = {}
        while todo or any(worker.tasks for worker in self._workers):
            self._start_missing(len(todo))
            for worker in self._workers:
                while todo and len(worker.tasks) < _TASKS_PER_WORKER and not worker.is_dead:
                    worker.give(todo.popleft(), texts)
            for worker in _with_answers(self._workers):
                for task, rows in worker.answers():
                    vectors[task] = rows
            for worker in [worker for worker in self._workers if worker.is_dead]:
                self._workers.remove(worker)
                self._note_death(worker, deaths)
                todo.extendleft(reversed(worker.tasks))
        return vectors

    def _start_missing(self, n_tasks: int) -> None:
        n_wanted = min(self._n_workers, n_tasks)
        while len(self._workers) < n_wanted:
            self._workers.append(_Worker(self._made_by))

    def _note_death(self, worker: "_Worker", deaths: dict[int, int]) -> None:
        how = worker.end()
        logger.warning("embedding_process_died how={} n_tasks={}", how, len(worker.tasks))
        if not worker.tasks:
            return
        first = worker.tasks[0][0]
        deaths[first] = deaths.get(first, 0) + 1
        if deaths[first] >= _TRIES:
            raise BackendError(
                f"two embedding processes died over the same texts (the last {how}): free memory, or set "
                "RAG_EMBED_PROCESSES=1, and run it again; what was stored before is kept"
            )

    def _end_workers(self) -> None:
        for worker in self._workers:
            worker.hang_up()
        while self._workers:
            self._workers.pop().end()


@dataclass(slots=True)
class _Worker:
    """The parent's end of a child process.

    Args:
        made_by: the class of the embedder and its arguments.
    """

    made_by: tuple[str, Mapping[str, Any]]
    process: "subprocess.Popen[bytes]" = field(init=False)
    requests: Connection = field(init=False)
    replies: Connection = field(init=False)
    tasks: deque[Task] = field(default_factory=deque)
    is_ready: bool = False
    is_dead: bool = False

    def __post_init__(self) -> None:
        paths = [_PACKAGE_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        # In a process group of its own, a Ctrl-C in the terminal does not reach it.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", _WORKER_MODULE, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            process_group=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.process.stdin as requests, self.process.stdout as replies:
            self.requests = Connection(os.dup(requests.fileno()), readable=False)
            self.replies = Connection(os.dup(replies.fileno()), writable=False)
        self._send(self.made_by)

    def give(self, task: Task, texts: Sequence[str]) -> None:
        """Sends the texts of these numbers; a dead worker keeps the task too, so that another one gets it."""
        self.tasks.append(task)
        self._send([texts[number] for number in task])

    def answers(self) -> list[tuple[Task, NDArray[np.float32]]]:
        """Gives the tasks that are done, with their vectors.

        Raises:
            RagError: what the embedder raised.
        """
        done: list[tuple[Task, NDArray[np.float32]]] = []
        try:
            while self.replies.poll():
                answer = self.replies.recv()
                if isinstance(answer, RagError):
                    raise answer
                if self.is_ready:
                    done.append((self.tasks.popleft(), answer))
                self.is_ready = True
        except (EOFError, OSError):
            self.is_dead = True
        return done

    def hang_up(self) -> None:
        """Closes the pipes: the child ends after the texts that it is at."""
        self.requests.close()
        self.replies.close()

    def end(self) -> str:
        """Waits for the end, hastens it where it takes long, and says how it came."""
        self.hang_up()
        try:
            code = self.process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    def _send(self, request: Any) -> None:
        with contextlib.suppress(OSError):  # a dead one is found out when its answers are read
            self.requests.send(request)


def _tasks(texts: Sequence[str]) -> deque[Task]:
    order = sorted(range(len(texts)), key=lambda number: (-len(texts[number]), number))
    return deque(order[start : start + _TEXTS_PER_TASK] for start in range(0, len(order), _TEXTS_PER_TASK))


def _with_answers(workers: Sequence[_Worker]) -> list[_Worker]:
    readable = wait([worker.replies for worker in workers])
    return [worker for worker in workers if worker.replies in readable]
