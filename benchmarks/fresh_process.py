"""Work that is measured runs in an interpreter of its own, so that memory and CPU are that work's alone."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from rag_llm_system.domain.errors import BackendError

_T = TypeVar("_T")


def in_fresh_process(work: Callable[..., _T], *arguments: Any) -> _T:
    """Gives what the function gives, called in a new interpreter that ends with it.

    Raises:
        BackendError: the process died.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool:
            raise BackendError("a process that was measured died, as it may for want of memory: lower --n") from None
