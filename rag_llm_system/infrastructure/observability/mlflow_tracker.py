"""Runs in MLflow: on a server, or in a database without one."""

from contextlib import nullcontext
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, MissingExtraError
from rag_llm_system.domain.ports.experiment_tracker import TrackedRun
from rag_llm_system.infrastructure.observability.mlflow_store import EXPERIMENT, MlflowStore, set_mlflow_environment

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_STATUS = {"finished": "FINISHED", "failed": "FAILED"}
_MOST_PER_REQUEST = 100
"""MLflow takes no more parameters or tags in one request; of metrics a thousand."""
_LONGEST_VALUE = 500
_LOCK_S = 20.0


class MlflowTracker:
    """`ExperimentTracker` over MLflow's client. MLflow is loaded and its store made at the first run.

    Args:
        store: where the runs go.
        experiment: the name under which MLflow shows them.
    """

    def __init__(self, store: MlflowStore, *, experiment: str = EXPERIMENT) -> None:
        self._store = store
        self._experiment = experiment
        self._client: MlflowClient | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return "MLflow"

    def log_run(self, run: TrackedRun) -> None:
        """Writes down a run; see the port.

        Raises:
            MissingExtraError: MLflow is not installed.
        """
        try:
            client = self._client = self._client or self._open_client()
            run_id = _create_run(client, self._experiment_id(client), run)
            _log_values(client, run_id, run)
            client.set_terminated(run_id, status=_STATUS[run.status], end_time=_ms(run.ended_at.timestamp()))
            for file, text in run.artifacts.items():
                client.log_text(run_id, text, file)
        except ModuleNotFoundError as error:
            if str(error.name).startswith("mlflow"):
                raise MissingExtraError("tracking in MLflow", "tracking") from None
            raise BackendError(f"{self._store.place} needs the package {error.name}: install it with pip.") from None
        except Timeout:
            raise BackendUnavailableError(f"{self._store.place} is held by another run that hangs: end it.") from None
        except Exception as error:
            raise self._own_error(error) from None

    def _open_client(self) -> "MlflowClient":
        set_mlflow_environment()
        from mlflow.tracking import MlflowClient

        with self._creation_lock():
            return MlflowClient(tracking_uri=self._store.uri)

    def _creation_lock(self) -> FileLock | nullcontext[None]:
        """Two first runs at a time would both make the tables, and one would fail."""
        if self._store.file is None:
            return nullcontext()
        folder = self._store.file.parent
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / ".creation.lock", timeout=_LOCK_S)

    def _experiment_id(self, client: "MlflowClient") -> str:
        from mlflow.exceptions import MlflowException

        known = client.get_experiment_by_name(self._experiment)
        if known is None:
            artifacts = self._store.artifacts.as_uri() if self._store.artifacts else None
            try:
                return str(client.create_experiment(self._experiment, artifact_location=artifacts))
            except MlflowException:  # another run made it meanwhile, or it is in MLflow's bin
                known = client.get_experiment_by_name(self._experiment)
                if known is None:
                    raise
        if known.lifecycle_stage == "deleted":
            client.restore_experiment(known.experiment_id)
        return str(known.experiment_id)

    def _own_error(self, error: Exception) -> BackendError:
        """Names what went wrong without the library's words, which may hold the address with its password."""
        place, words = self._store.place, str(error).lower()
        if "out-of-date database schema" in words:
            return BackendError(f"{place} was made by another MLflow: run `mlflow db upgrade` on it.")
        if "disk is full" in words or "no space left" in words:
            return BackendError(f"The disk of {place} is full: make room.")
        if isinstance(error, OSError) and not self._store.is_server:
            return BackendError(f"{place} cannot be written ({error.strerror or type(error).__name__}).")
        if self._store.file is not None:
            return BackendError(f"{place} took no run ({type(error).__name__}): move it away, and a new one is made.")
        if "error code 401" in words or "error code 403" in words:
            return BackendError(f"MLflow at {place} refuses: check MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN.")
        return BackendUnavailableError(f"MLflow at {place} took no run ({type(error).__name__}): is it up?")


def _create_run(client: "MlflowClient", experiment_id: str, run: TrackedRun) -> str:
    started_ms = _ms(run.started_at.timestamp())
    return str(client.create_run(experiment_id, start_time=started_ms, run_name=run.name).info.run_id)


def _log_values(client: "MlflowClient", run_id: str, run: TrackedRun) -> None:
    from mlflow.entities import Metric, Param, RunTag

    ended_ms = _ms(run.ended_at.timestamp())
    metrics = [Metric(key, float(value), ended_ms, 0) for key, value in run.metrics.items()]
    parameters = [Param(key, str(value)[:_LONGEST_VALUE]) for key, value in run.parameters.items()]
    tags = [RunTag(key, value[:_LONGEST_VALUE]) for key, value in run.tags.items()]
    for start in range(0, max(len(metrics), len(parameters), len(tags)), _MOST_PER_REQUEST):
        part = slice(start, start + _MOST_PER_REQUEST)
        client.log_batch(run_id, metrics=metrics[part], params=parameters[part], tags=tags[part])


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
