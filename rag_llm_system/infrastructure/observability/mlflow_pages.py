"""MLflow's own pages, for a server in this very process.

`mlflow server` starts processes of its own, some of which outlive it when it is killed, and asks its makers' server for
news. The same application runs in one process, without either.
"""

import os
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

from rag_llm_system.domain.errors import MissingExtraError
from rag_llm_system.infrastructure.observability.mlflow_store import MlflowStore, set_mlflow_environment

App = Callable[[Any, Any, Any], Awaitable[None]]


def mlflow_app(store: MlflowStore) -> App:
    """Gives the ASGI application that shows the runs of a store.

    It hands out files of the one who serves it, from any folder that a request has named: serve it to its owner alone.

    Raises:
        MissingExtraError: MLflow is not installed.
    """
    _set_server_environment(store)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecations within MLflow
        from mlflow.server import fastapi_app
    app: App = fastapi_app.app
    return app


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
