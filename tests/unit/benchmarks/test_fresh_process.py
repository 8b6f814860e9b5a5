"""Work in an interpreter of its own."""

import os

import pytest

from benchmarks.fresh_process import in_fresh_process
from rag_llm_system.domain.errors import BackendError


def test_the_work_is_done_elsewhere_and_its_result_comes_back() -> None:
    assert in_fresh_process(os.getpid) != os.getpid()


def test_what_the_work_raises_is_raised_here() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        in_fresh_process(int, "no number")


def test_a_process_that_dies_is_said_in_one_line() -> None:
    with pytest.raises(BackendError, match="died, as it may for want of memory: lower --n"):
        in_fresh_process(os._exit, 3)
