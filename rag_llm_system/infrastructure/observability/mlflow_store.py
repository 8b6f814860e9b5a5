"""Where MLflow keeps runs, known without loading MLflow, which takes more than a second."""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from rag_llm_system.domain.errors import BackendError, ConfigurationError

EXPERIMENT = "rag_llm_system"

_QUIET_AND_SHORT = {
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
}


@dataclass(frozen=True, slots=True)
class MlflowStore:
    """A tracking server, or a database with a folder for files beside it.

    Args:
        uri: http:// or https:// of a server, or an SQLAlchemy URL.
        artifacts: folder for files; a server has its own.
        file: the SQLite database behind the URL, where it is one.
    """

    uri: str
    artifacts: Path | None
    file: Path | None = None

    @property
    def place(self) -> str:
        """Names the store in messages, without user or password."""
        if self.file is not None:
            return str(self.file)
        parts = urlsplit(self.uri)
        try:
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            port = ""
        return f"{parts.scheme}://{parts.hostname or ''}{port}"

    @property
    def is_server(self) -> bool:
        """Whether it is asked over HTTP."""
        return _is_http(self.uri)

    def n_runs(self) -> int:
        """Counts the runs in an SQLite store; 0 while there is none.

        Raises:
            BackendError: the file is there and cannot be read.
        """
        if self.file is None or not self.file.is_file():
            return 0
        try:
            with closing(sqlite3.connect(f"file:{quote(str(self.file))}?mode=ro", uri=True, timeout=2.0)) as database:
                return int(database.execute("SELECT count(*) FROM runs").fetchone()[0])
        except sqlite3.Error as error:
            if "no such table" in str(error):  # it is being made right now
                return 0
            raise BackendError(f"{self.file} cannot be read: move it away, and a new one is made.") from None


def own_store(folder: Path) -> MlflowStore:
    """Gives the store in a folder of ours: one SQLite file, and files beside it.

    MLflow's older store of many small files (file:) is refused by MLflow itself since 3.x.
    """
    file = folder / "mlflow.db"
    return MlflowStore(uri=f"sqlite:///{quote(str(file))}", artifacts=folder / "artifacts", file=file)


def named_store(uri: str, folder: Path) -> MlflowStore:
    """Gives the store that somebody named; files of a database go into `folder`.

    Raises:
        ConfigurationError: MLflow does not write to such a store.
    """
    if _is_http(uri):
        return MlflowStore(uri=uri, artifacts=None)
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme not in ("sqlite", "postgresql", "mysql", "mssql"):
        raise ConfigurationError(
            "RAG_MLFLOW_URI cannot be used: give the http(s):// address of a server, or a database such as "
            "sqlite:////path/mlflow.db (MLflow no longer writes folders)."
        )
    file = Path(unquote(uri.partition(":///")[2].partition("?")[0])).absolute() if scheme == "sqlite" else None
    return MlflowStore(uri=uri, artifacts=folder / "artifacts", file=file)


def set_mlflow_environment() -> None:
    """Sets what MLflow reads when it is imported, where the caller has not: no telemetry, no noise, no long waits."""
    for key, value in _QUIET_AND_SHORT.items():
        os.environ.setdefault(key, value)


def _is_http(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))
