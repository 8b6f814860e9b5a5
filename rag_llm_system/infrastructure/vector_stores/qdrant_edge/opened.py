"""A generation that a child process has open for this one to read."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from loguru import logger

from rag_llm_system.domain.errors import BackendError, CapabilityError, IntegrityError, RagError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.engine_reads import NothingWritten
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.shards import ShardOptions
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.views import View
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.worker_process import WorkerProcess


class OpenGeneration:
    """An `Engine` over one generation. Whoever uses it says so with `hold` and `let_go`; the last one closes it.

    Made, it is held once. Should the child die, another one is started and asked again, once. Safe to use
    from several threads.

    Args:
        generations: of the index.
        number: which one.
        options: how it is opened; `path` is the index directory.
        written: the collections that it holds; the others are empty, and the child is not asked.

    Raises:
        FileNotFoundError: the generation was dropped meanwhile.
        ConfigurationError: it was made by another recipe.
        IntegrityError: it is damaged.
        DiskFullError, BackendError: it cannot be opened.
    """

    def __init__(self, generations: Generations, number: int, options: ShardOptions, *, written: Sequence[str]) -> None:
        self.number = number
        self._view = View(options.path, number, generations.path_of(number))
        self._options = replace(options, path=self._view.path)
        self._index_path = options.path
        self._written = frozenset(written)
        self._n_holders = 1
        self._closer: threading.Thread | None = None
        self._guard = threading.Lock()
        try:
            self._worker = WorkerProcess(self._options, lock_fd=self._view.fileno())
        except IntegrityError as error:
            self._view.release()
            place = str(generations.path_of(number))  # the view is gone when somebody looks for it
            raise IntegrityError(error.message.replace(str(self._view.path), place)) from error
        except BaseException:
            self._view.release()
            raise
        self._options = replace(self._options, is_verified=True)

    def hold(self) -> None:
        """Keeps it open until `let_go`."""
        with self._guard:
            self._n_holders += 1

    def let_go(self) -> None:
        """Ends one use; after the last one the child ends and the view is removed, in a thread of their own.

        The last one may be a question that was under way during a switch, and must not wait for that.
        """
        with self._guard:
            self._n_holders -= 1
            if not self._n_holders:
                self._closer = threading.Thread(target=self._close, name="index-closer")
                self._closer.start()

    @property
    def is_closed(self) -> bool:
        """Whether nobody uses it any more, and the child has ended."""
        return self._closer is not None and not self._closer.is_alive()

    def wait(self) -> None:
        """Waits until it is closed, where nobody uses it any more."""
        with self._guard:
            closer = self._closer
        if closer is not None:
            closer.join()

    def _close(self) -> None:
        try:
            if self._worker.is_usable:
                self._worker.finish()
        except RagError as error:  # nothing was written, so whoever let go has lost nothing
            logger.warning("generation_not_closed reason={}", error.message)
        finally:
            self._view.release()

    def call(self, method: str, collection: str, *arguments: Any) -> Any:
        """As `Engine` says.

        Raises:
            CapabilityError: the collection was not opened.
        """
        if collection not in self._options.collections:
            what = f"the index at {self._index_path} was opened without {collection}"
            raise CapabilityError(f"{what}: open it with that too")
        if collection not in self._written:
            return NothingWritten().call(method, collection, *arguments)
        worker = self._usable_worker()
        try:
            return worker.call(method, collection, *arguments)
        except BackendError:
            if worker.is_usable:
                raise
            # The child died. Reading can be done twice, so whoever asks need not know.
            return self._usable_worker().call(method, collection, *arguments)

    def _usable_worker(self) -> WorkerProcess:
        with self._guard:
            if not self._n_holders:
                raise BackendError(f"the index at {self._index_path} is closed: open it again")
            if not self._worker.is_usable:
                self._worker = WorkerProcess(self._options, lock_fd=self._view.fileno())
            return self._worker
