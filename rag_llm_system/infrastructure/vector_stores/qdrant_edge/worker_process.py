"""The parent's end of the child process: starts it, talks to it, and says in one line how it died."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from rag_llm_system.domain.errors import BackendError, DiskFullError, RagError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.shards import ShardOptions
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.wire import receive, send

_WORKER_MODULE = "rag_llm_system.infrastructure.vector_stores.qdrant_edge.worker"
_END_TIMEOUT_S = 60.0
# Else the engine maps each file twice, and a page that is touched through both counts twice as resident.
_WRITER_ENVIRONMENT = {"QDRANT_NO_MULTI_MMAP": "1"}


class WorkerProcess:
    """A running `worker`; safe to use from several threads, which take turns.

    Args:
        options: how the child opens the shards.
        lock_fd: the descriptor of the draft's or the view's lock, which the child keeps until it ends.

    Raises:
        RagError: whatever opening the shards raised.
        DiskFullError: the child died of a full disk.
        BackendError: the child died otherwise.
    """

    def __init__(self, options: ShardOptions, *, lock_fd: int) -> None:
        self._path = options.path
        self._turn = threading.Lock()
        # In a process group of its own, a Ctrl-C in the terminal does not reach it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", _WORKER_MODULE, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(lock_fd,),
            env={**os.environ, **_WRITER_ENVIRONMENT} if options.writable else None,
            process_group=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._process.stdin as requests, self._process.stdout as answers:
            self._requests = Connection(os.dup(requests.fileno()), readable=False)
            self._answers = Connection(os.dup(answers.fileno()), writable=False)
        try:
            self._exchange(options)
        except RagError:
            self._hang_up()
            raise

    @property
    def is_usable(self) -> bool:
        """Whether requests can be sent; after a death or an interruption they no longer can."""
        return not self._requests.closed

    def call(self, method: str, *arguments: Any) -> Any:
        """Gives the result of that method of the child's `ShardSet`, or raises what it raised."""
        return self._exchange((method, arguments))

    def finish(self, *, optimize: bool = False) -> None:
        """Has the child optimise where that is asked for, flush and close the shards, and waits for its end."""
        try:
            self.call("finish", optimize)
        finally:
            self._hang_up()

    def _exchange(self, request: Any) -> Any:
        with self._turn:
            try:
                send(self._requests, request)
                answer = receive(self._answers)
            except (EOFError, OSError) as error:
                self._hang_up()
                raise self._cause_of_death() from error
            except BaseException:
                # Interrupted in the middle, the pipe may hold half a message: the child finishes its batch and ends.
                self._hang_up()
                raise
        if isinstance(answer, RagError):
            raise answer
        return answer

    def _hang_up(self) -> None:
        self._requests.close()
        self._answers.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_TIMEOUT_S)

    def _cause_of_death(self) -> RagError:
        code = self._process.poll()
        if code == -signal.SIGBUS:
            return DiskFullError(
                f"the disk of the index at {self._path} ran full: make room and run it again; "
                "what was acknowledged is kept"
            )
        how = "was ended" if code is None or code >= 0 else f"was killed by {signal.Signals(-code).name}"
        return BackendError(
            f"the process that has the index at {self._path} open {how}: run it again; what was acknowledged is kept"
        )
