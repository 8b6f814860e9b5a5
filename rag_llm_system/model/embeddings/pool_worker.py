"""The child process that embeds for another one.

Over its standard input come the class of an embedder with its arguments, then lists of texts, as pickles; over its
standard output goes for each an answer, in order: None or the vectors, or an error of ours. It ends when the pipe
closes or its parent is gone.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from rag_llm_system.domain.errors import BackendError, RagError
from rag_llm_system.domain.ports.embedder import Embedder

_PARENT_CHECK_S = 1.0


def main(parent_pid: int) -> None:
    """Serves the process that started this one, until it closes the pipe or is gone."""
    # A Ctrl-C in the terminal is the parent's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints must not end up among the answers.
    answers = Connection(os.dup(1), readable=False)
    os.dup2(2, 1)
    requests = Connection(os.dup(0), writable=False)
    try:
        made = _outcome(partial(_embedder, *requests.recv()))
        answers.send(made if isinstance(made, RagError) else None)
        while not isinstance(made, RagError) and _has_request(requests, parent_pid):
            answers.send(_outcome(partial(made.embed, requests.recv())))
    except (EOFError, OSError):
        pass


def _embedder(class_name: str, arguments: Mapping[str, Any]) -> Embedder:
    module, _, name = class_name.partition(":")
    embedder: Embedder = getattr(importlib.import_module(module), name)(**arguments)
    return embedder


def _has_request(requests: Connection, parent_pid: int) -> bool:
    # A process that the parent forked may keep the pipe open after its death, so that no end of file comes.
    while not requests.poll(_PARENT_CHECK_S):
        if os.getppid() != parent_pid:
            return False
    return True


def _outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except RagError as error:
        return error
    except Exception as error:
        return BackendError(f"an embedding process failed ({type(error).__name__}): this is a defect, report it")


if __name__ == "__main__":
    main(int(sys.argv[1]))
