"""Processes that are started, waited for and killed: each phase of a round runs in a fresh one.

They are forks of a server that has imported everything and opened nothing, so that a round does not take seconds.
"""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import psutil

from rag_llm_system.domain.errors import BackendError, RagError
from tools.command_line import set_up_logging

Work = Generator[None, None, Any]
"""Work that has got ready at its first `yield`."""

_PHASE_TIMEOUT_S = 180.0
_READY_MESSAGE = ("ready", None)
_IMPORTED = (
    "onnxruntime",
    "tokenizers",
    "sqlalchemy.dialects.sqlite",
    "rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue",
    "rag_llm_system.infrastructure.vector_stores.factory",
    "rag_llm_system.infrastructure.db.sql",
    "rag_llm_system.model.embeddings.onnx_embedder",
    "tools.crash_testing.operations",
)


class Processes:
    """Starts processes, and ends at last what is left of them."""

    def __init__(self) -> None:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import, which comes with the server
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(_IMPORTED))
        self._left: list[psutil.Process] = []

    def end_all(self) -> None:
        """Kills what still runs."""
        for process in self._left:
            with suppress(psutil.NoSuchProcess):
                for each in [*process.children(recursive=True), process]:
                    each.kill()

    def run(self, function: Callable[..., Any], *arguments: Any) -> "Running":
        """Starts a plain function in a fresh process."""
        return self.start(partial(_at_once, function), *arguments)

    def start(self, operate: Callable[..., Work], *arguments: Any) -> "Running":
        """Starts a generator function in a fresh process; up to its first `yield` it gets ready."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_main, args=(theirs, operate, arguments), daemon=False)
        # Cut off half way by a Ctrl-C, the new process would complain, or outlive this one.
        with _signals_held_back():
            process.start()
            running = Running(process, ours)
            self._left = [each for each in self._left if each.is_running()]
            self._left.append(running.process)
        theirs.close()
        running.begin()
        return running

    def watch(self, processes: list[psutil.Process]) -> None:
        """Remembers processes that have lost their parent, to end them at the end."""
        self._left += processes


class Running:
    """A process that was started. It says that it is ready, and at last what came of it."""

    def __init__(self, process: Any, connection: Connection) -> None:
        self._process = process
        self._connection = connection
        self._end: tuple[str, Any] | None = None
        self.process = psutil.Process(process.pid)

    def begin(self) -> None:
        """Lets the process begin: not before it is known, since one that has ended already cannot be looked up."""
        with suppress(BrokenPipeError):  # somebody has killed it; what comes of it says so
            self._connection.send(None)

    def wait_until_ready(self) -> None:
        """Waits until the function has got ready.

        Raises:
            BackendError: it failed before, or takes too long.
        """
        message = self._message(_PHASE_TIMEOUT_S)
        if message != _READY_MESSAGE:
            self._end = message
            self.result()

    def ends_within(self, seconds: float) -> bool:
        """Waits so long at the most for a process that is ready, and says whether it has come to its end by itself."""
        if self._end is None:
            self._end = self._message(seconds)
        return self._end is not None

    def kill(self, *, with_children: bool) -> list[psutil.Process]:
        """Kills the process by SIGKILL, and with it its children or not; gives the children that are left."""
        children = self._children()
        for each in [*children, self.process] if with_children else [self.process]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self._process.join()
        return [] if with_children else children

    def result(self) -> Any:
        """Waits for the end and gives what the function gave.

        Raises:
            BackendError: it raised an error, was killed, or did not come to an end.
        """
        kind, value = self.wait_for_end()
        if kind != "result":
            raise BackendError(value)
        return value

    def wait_for_end(self) -> tuple[str, Any]:
        """Waits for the end and gives "result" or "error" with what came of it; what does not end is killed."""
        while self._end is None or self._end == _READY_MESSAGE:
            self._end = self._message(_PHASE_TIMEOUT_S)
            if self._end is None:
                self.kill(with_children=True)
                self._end = "error", f"it did not come to an end within {_PHASE_TIMEOUT_S:.0f} s"
        self._process.join()
        return self._end

    def _message(self, seconds: float) -> tuple[str, Any] | None:
        if not self._connection.poll(seconds):
            return None
        try:
            message: tuple[str, Any] = self._connection.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode or 0
            return "error", f"it was ended by signal {-code}" if code < 0 else f"it ended by itself with code {code}"
        return message

    def _children(self) -> list[psutil.Process]:
        try:
            return self.process.children(recursive=True)
        except psutil.NoSuchProcess:
            return []


@contextmanager
def _signals_held_back() -> Iterator[None]:
    # By handlers: a mask holds for one thread only, and the libraries have threads that would take the signal instead.
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda came, _: held.append(came))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for came in held:
            signal.raise_signal(came)


def _at_once(function: Callable[..., Any], *arguments: Any) -> Work:
    yield
    return function(*arguments)


def _main(connection: Connection, operate: Callable[..., Work], arguments: tuple[Any, ...]) -> None:
    os.setsid()  # a Ctrl-C in the terminal is the parent's business
    set_up_logging("CRITICAL")
    with connection, suppress(BrokenPipeError, EOFError):  # the parent may have ended
        connection.recv()  # `Running.begin`
        connection.send(_end_of(operate, arguments, lambda: connection.send(_READY_MESSAGE)))


def _end_of(
    operate: Callable[..., Work], arguments: tuple[Any, ...], tell_ready: Callable[[], None]
) -> tuple[str, Any]:
    try:
        work = operate(*arguments)
        next(work)
        tell_ready()
        while True:
            next(work)
    except StopIteration as end:
        return "result", end.value
    except RagError as error:
        return "error", f"{type(error).__name__}: {error.message}"
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return "error", f"{type(error).__name__} in {os.path.basename(where.filename)}:{where.lineno}: {error}"
