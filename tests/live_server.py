"""Serves an app on loopback from a thread of the test's process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from rag_llm_system.infrastructure.api.serving import listening_socket


@contextmanager
def live_server(app: FastAPI, *, until_ready: bool = True) -> Iterator[str]:
    """Gives the URL of the app, served until the block ends."""
    with listening_socket("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            if until_ready:
                wait_for_status(f"{url}/ready", 200)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def wait_for_status(url: str, status: int, timeout_s: float = 10.0) -> None:
    """Returns once the URL answers with that status."""
    deadline = time.monotonic() + timeout_s
    while httpx.get(url).status_code != status:
        assert time.monotonic() < deadline, f"{url} has not come to {status}"
        time.sleep(0.01)
