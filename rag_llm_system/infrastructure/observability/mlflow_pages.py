"""MLflow's own pages, served from this very process.

`mlflow server` starts processes of its own, some of which outlive it when it is killed, and asks its makers' server for
news. The same application runs here in one process, without either.
"""

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from rag_llm_system.domain.errors import BackendError, MissingExtraError
from rag_llm_system.infrastructure.observability.mlflow_store import MlflowStore, set_mlflow_environment

if TYPE_CHECKING:
    import socket

    import uvicorn

_HOST = "127.0.0.1"
_DRAIN_S = 3


def serve_mlflow_pages(store: MlflowStore, *, port: int, announce: Callable[[str], None]) -> None:
    """Serves the runs of a store to this machine until Ctrl-C or SIGTERM.

    Args:
        port: a free one.
        announce: is given the address as soon as it answers.

    Raises:
        MissingExtraError: MLflow is not installed.
        BackendError: the store or the port cannot be opened.
    """
    _set_server_environment(store)
    server = _server(port, announce)
    with suppress(KeyboardInterrupt, SystemExit):  # uvicorn passes the signal on, or exits where it cannot start
        server.run()
    if not server.started:
        raise BackendError(f"MLflow's pages could not be served on port {port}: is it free? --port names another.")


def _set_server_environment(store: MlflowStore) -> None:
    set_mlflow_environment()
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # offline it hangs, waiting for a package index
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow.server import constants
    except ModuleNotFoundError:
        raise MissingExtraError("MLflow's pages", "tracking") from None
    os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = store.uri
    if store.artifacts is not None:
        os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = store.artifacts.as_uri()


def _server(port: int, announce: Callable[[str], None]) -> "uvicorn.Server":
    import uvicorn

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecations within MLflow
        from mlflow.server.fastapi_app import app

    class AnnouncedServer(uvicorn.Server):
        async def startup(self, sockets: "list[socket.socket] | None" = None) -> None:
            await super().startup(sockets)
            if self.started:
                announce(f"http://{_HOST}:{port}")

    return AnnouncedServer(
        uvicorn.Config(
            app, host=_HOST, port=port, log_config=None, server_header=False, timeout_graceful_shutdown=_DRAIN_S
        )
    )
