import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rag_llm_system.domain.errors import IntegrityError
from rag_llm_system.infrastructure.api.loading import Loading, NotReadyError


def test_services_are_there_once_open_and_gone_once_closed() -> None:
    ready = threading.Event()
    threads: list[int] = []

    @contextmanager
    def open_services() -> Iterator[str]:
        threads.append(threading.get_ident())
        yield "services"
        threads.append(threading.get_ident())

    loading = Loading(open_services)
    loading.on_ready = ready.set
    with pytest.raises(NotReadyError, match="still being opened"):
        loading.services()
    loading.start()
    assert ready.wait(5)
    assert loading.services() == "services"
    loading.close()
    with pytest.raises(NotReadyError):
        loading.services()
    assert len(threads) == 2
    assert len(set(threads)) == 1, "closing happens in the thread that opened"
    assert threading.get_ident() not in threads


def test_a_failure_is_kept_and_told() -> None:
    failed = threading.Event()

    @contextmanager
    def open_services() -> Iterator[str]:
        raise IntegrityError("The index is damaged.")
        yield

    loading = Loading(open_services)
    loading.on_failure = failed.set
    loading.start()
    assert failed.wait(5)
    assert isinstance(loading.error, IntegrityError)
    with pytest.raises(NotReadyError, match="its log"):
        loading.services()


def test_a_failure_to_close_is_kept_too() -> None:
    ready = threading.Event()

    @contextmanager
    def open_services() -> Iterator[str]:
        yield "services"
        raise IntegrityError("Not everything was written.")

    loading = Loading(open_services)
    loading.on_ready = ready.set
    loading.start()
    assert ready.wait(5)
    loading.close()
    assert isinstance(loading.error, IntegrityError)


def test_closing_does_not_wait_for_ever_for_services_that_never_open() -> None:
    never = threading.Event()

    @contextmanager
    def open_services() -> Iterator[str]:
        never.wait(10)
        yield "services"

    loading = Loading(open_services)
    loading.start()
    loading.close(opening_timeout_s=0.05)
    never.set()
