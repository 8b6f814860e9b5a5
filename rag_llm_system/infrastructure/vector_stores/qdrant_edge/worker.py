"""The child process that owns the shards while they are written to.

A full disk kills the process that has the shards open (SIGBUS), and optimising holds the interpreter's lock for
seconds: neither may happen to the process that does the work. Requests are (method, arguments), sent as pickles over
the child's standard input; answers are results or errors of ours over its standard output, one for each request, in
order. The child ends by itself, shards closed, when the pipe closes or its parent is gone.
"""

import os
import select
import signal
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from rag_llm_system.domain.errors import BackendError, RagError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.shards import ShardOptions, ShardSet
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.wire import receive, send

_PARENT_CHECK_S = 1.0


def main(parent_pid: int) -> None:
    """Serves the process that started this one, until it closes the index, closes the pipe, or is gone."""
    # A Ctrl-C in the terminal is the parent's to answer; a batch that is being written is finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints must not end up among the answers.
    answers = Connection(os.dup(1), readable=False)
    os.dup2(2, 1)
    requests = Connection(os.dup(0), writable=False)
    try:
        _serve(requests, answers, parent_pid)
    except (EOFError, OSError):
        sys.exit(1)


def _serve(requests: Connection, answers: Connection, parent_pid: int) -> None:
    options: ShardOptions = receive(requests)
    opened = _outcome(partial(ShardSet, options))
    if not isinstance(opened, ShardSet):
        send(answers, opened)
        return
    send(answers, None)
    waiting = select.poll()  # made once: `Connection.poll` makes a selector for each request
    waiting.register(requests.fileno(), select.POLLIN)
    try:
        while _has_request(waiting, parent_pid):
            method, arguments = receive(requests)
            send(answers, _outcome(partial(getattr(opened, method), *arguments)))
            if method == "finish":
                return
    except (EOFError, OSError):
        pass
    # The parent is gone or was interrupted: what it was told is durable, so only the shards are left to be closed.
    _outcome(partial(opened.finish, optimize=False))


def _has_request(waiting: select.poll, parent_pid: int) -> bool:
    # A process that the parent forked may keep the pipe open after its death, so that no end of file comes.
    while not waiting.poll(1000 * _PARENT_CHECK_S):
        if os.getppid() != parent_pid:
            return False
    return True


def _outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except RagError as error:
        return error
    except Exception as error:
        return BackendError(f"the index worker failed ({type(error).__name__}): this is a defect, report it")


if __name__ == "__main__":
    main(int(sys.argv[1]))
