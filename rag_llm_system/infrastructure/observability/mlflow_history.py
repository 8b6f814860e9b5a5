"""What MLflow keeps of runs in a store of ours, looked through and forgotten in its file: without loading MLflow."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, DiskFullError
from rag_llm_system.domain.needles import Needles
from rag_llm_system.infrastructure.observability.mlflow_store import MlflowStore

_TIMEOUT_S = 30.0
_RUN = "run_uuid"


class MlflowRunHistory:
    """`RunHistory` over an SQLite store of MLflow. A run is forgotten as a whole, with its files.

    Args:
        store: with a file and a folder of its own.
    """

    name = "MLflow runs"

    def __init__(self, store: MlflowStore) -> None:
        self._database = store.file
        self._artifacts = store.artifacts

    def count(self, needles: Sequence[str]) -> int:
        """See the port."""
        if self._database is None or not self._database.is_file():
            return 0
        with _opened(self._database) as connection:
            return len(self._naming_runs(connection, Needles(needles)))

    def forget(self, needles: Sequence[str]) -> int:
        """See the port. Files go before the rows that lead to them.

        Raises:
            BackendUnavailableError: the store is used all the time.
            DiskFullError: there is no room to write it anew.
        """
        if self._database is None or not self._database.is_file():
            return 0
        with _opened(self._database) as connection:
            runs = self._naming_runs(connection, Needles(needles))
            for run in runs:
                if self._artifacts is not None and (self._artifacts / run).exists():
                    shutil.rmtree(self._artifacts / run)
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for table in _run_tables(connection):
                    connection.executemany(f'DELETE FROM "{table}" WHERE {_RUN} = ?', [(run,) for run in runs])
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return len(runs)

    def _naming_runs(self, connection: sqlite3.Connection, needles: Needles) -> list[str]:
        runs = {run for table in _run_tables(connection) for run in _naming_rows(connection, table, needles)}
        folder = self._artifacts
        for path in _regular_files(folder):
            if folder is not None and needles.stand_in(path.read_bytes()):
                runs.add(path.relative_to(folder).parts[0])
        return sorted(runs)


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(database, timeout=_TIMEOUT_S, isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            yield connection
    except sqlite3.Error as error:
        kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            what = f"MLflow's store {database} is in use"
            raise BackendUnavailableError(f"{what}: stop its pages and running pipelines.") from None
        if kind == sqlite3.SQLITE_FULL:
            raise DiskFullError(f"the disk of {database} is full: make room for it twice over.") from None
        raise BackendError(f"MLflow's store {database} cannot be used ({error}): see to the file.") from None
    except OSError as error:
        raise BackendError(f"the files beside {database} cannot be looked through ({error.strerror}).") from None


def _run_tables(connection: sqlite3.Connection) -> list[str]:
    """Gives the tables that say something of runs, that of the runs themselves last."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    of_runs = [name for name in names if _RUN in {row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')}]
    return sorted(of_runs, key=lambda name: (name == "runs", name))


def _naming_rows(connection: sqlite3.Connection, table: str, needles: Needles) -> Iterator[str]:
    for run, *values in connection.execute(f'SELECT {_RUN}, * FROM "{table}"').fetchall():
        if any(isinstance(value, str | bytes) and needles.stand_in(value) for value in values):
            yield run


def _regular_files(folder: Path | None) -> Iterator[Path]:
    if folder is not None and folder.is_dir():
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
