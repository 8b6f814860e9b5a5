"""What ZenML wrote down about runs, looked through and forgotten in its files: without importing it, in its own tables.

A run is forgotten as a whole: its row, its steps, its artifacts and logs with their files. What a deletion has to take
out stands in the parameters (links, names), in the metadata (left out documents, authors) and in the artifacts (ids).
"""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, DiskFullError
from rag_llm_system.domain.needles import Needles

_TIMEOUT_S = 30.0
_STORE = "default_zen_store"
_KEPT = {"alembic_version", "artifact", "flavor", "pipeline", "project", "server_settings", "stack", "user"}
"""Tables that say nothing about a run."""

# From a row to the runs that it belongs to, by table.
_RUNS_OF = {
    "pipeline_run": "SELECT t.id",
    "step_run": "SELECT t.pipeline_run_id",
    "pipeline_snapshot": "SELECT id FROM pipeline_run WHERE snapshot_id = t.id",
    "step_configuration": "SELECT id FROM pipeline_run WHERE snapshot_id = t.snapshot_id",
    "artifact_version": "SELECT s.pipeline_run_id FROM step_run_output_artifact o JOIN step_run s ON s.id = o.step_id"
    " WHERE o.artifact_id = t.id",
    "run_metadata": "SELECT COALESCE(s.pipeline_run_id, v.pipeline_run_id, r.resource_id) FROM run_metadata_resource r"
    " LEFT JOIN step_run s ON s.id = r.resource_id"
    " LEFT JOIN step_run_output_artifact o ON o.artifact_id = r.resource_id LEFT JOIN step_run v ON v.id = o.step_id"
    " WHERE r.run_metadata_id = t.id",
    "logs": "SELECT COALESCE(t.pipeline_run_id, (SELECT pipeline_run_id FROM step_run WHERE id = t.step_run_id))",
}
_STEPS = "SELECT id FROM step_run WHERE pipeline_run_id = :run"
_OUTPUTS = f"SELECT artifact_id FROM step_run_output_artifact WHERE step_id IN ({_STEPS})"
_URIS = (
    f"SELECT uri FROM artifact_version WHERE id IN ({_OUTPUTS})"
    f" UNION SELECT uri FROM logs WHERE pipeline_run_id = :run OR step_run_id IN ({_STEPS})"
)
_FORGET_A_RUN = (
    "DELETE FROM run_metadata WHERE id IN (SELECT run_metadata_id FROM run_metadata_resource"
    f" WHERE resource_id = :run OR resource_id IN ({_STEPS}) OR resource_id IN ({_OUTPUTS}))",
    f"DELETE FROM artifact_version WHERE id IN ({_OUTPUTS})",
    "DELETE FROM pipeline_snapshot WHERE id = (SELECT snapshot_id FROM pipeline_run WHERE id = :run)"
    " AND NOT EXISTS (SELECT 1 FROM pipeline_run r WHERE r.snapshot_id = pipeline_snapshot.id AND r.id <> :run)",
    "DELETE FROM pipeline_run WHERE id = :run",
)


def is_on_a_server(folder: Path) -> bool:
    """Says whether ZenML with this configuration folder asks a server for its runs."""
    try:
        lines = (folder / "config.yaml").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return False
    return any(line.strip() == "type: rest" for line in lines)


class ZenmlRunHistory:
    """`RunHistory` over ZenML's own folder.

    Args:
        folder: ZenML's configuration folder, with its SQLite file and its artifacts below `local_stores`.
    """

    name = "ZenML runs"

    def __init__(self, folder: Path) -> None:
        self._files = folder / "local_stores"
        self._database = self._files / _STORE / "zenml.db"

    def count(self, needles: Sequence[str]) -> int:
        """See the port."""
        if not self._database.is_file():
            return 0
        with self._opened() as connection:
            found = _Found(connection, self._files, Needles(needles))
            return len(found.runs) + len(found.rows) + len(found.files)

    def forget(self, needles: Sequence[str]) -> int:
        """See the port. Files go before the rows that lead to them, so that what was stopped is ended the next time.

        Raises:
            BackendUnavailableError: ZenML's store is used all the time.
            DiskFullError: there is no room to write it anew.
        """
        if not self._database.is_file():
            return 0
        with self._opened() as connection:
            found = _Found(connection, self._files, Needles(needles))
            for path in (*found.files, *(path for run in found.runs for path in self._paths_of(connection, run))):
                _remove(path)
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for table, row in found.rows:
                    connection.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (row,))
                for run in found.runs:
                    for statement in _FORGET_A_RUN:
                        connection.execute(statement, {"run": run})
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return len(found.runs) + len(found.rows) + len(found.files)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._database, timeout=_TIMEOUT_S, isolation_level=None)) as connection:
                connection.execute("PRAGMA foreign_keys=ON")
                connection.execute("PRAGMA secure_delete=ON")
                yield connection
        except sqlite3.Error as error:
            kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                what = f"ZenML's store {self._database} is in use"
                raise BackendUnavailableError(f"{what}: stop ./poe dashboard and running pipelines.") from None
            if kind == sqlite3.SQLITE_FULL:
                raise DiskFullError(f"the disk of {self._database} is full: make room for it twice over.") from None
            raise BackendError(f"ZenML's store {self._database} cannot be used ({error}): see to the file.") from None
        except OSError as error:
            raise BackendError(f"{self._files} cannot be looked through ({error.strerror}): see to it.") from None

    def _paths_of(self, connection: sqlite3.Connection, run: str) -> Iterator[Path]:
        """Gives the files and folders of a run; none that lies elsewhere."""
        for (uri,) in connection.execute(_URIS, {"run": run}).fetchall():
            path = Path(str(uri)).resolve()
            if path.is_relative_to(self._files.resolve()) and path != self._files.resolve():
                yield path


class _Found:
    """What names a needle: runs, rows that belong to no run, and files that belong to no run."""

    def __init__(self, connection: sqlite3.Connection, files: Path, needles: Needles) -> None:
        runs: set[str] = set()
        self.rows: list[tuple[str, int]] = []
        for table in _tables(connection):
            for row in _naming_rows(connection, table, needles):
                of_row = _runs_of(connection, table, row)
                runs |= of_row
                if not of_row:
                    self.rows.append((table, row))
        self.files: list[Path] = []
        for path in _naming_files(files, needles):
            of_file = _runs_of_file(connection, path)
            runs |= of_file
            if not of_file:
                self.files.append(path)
        self.runs = sorted(runs)


def _tables(connection: sqlite3.Connection) -> list[str]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in names if name not in _KEPT and not name.startswith("sqlite_")]


def _naming_rows(connection: sqlite3.Connection, table: str, needles: Needles) -> Iterator[int]:
    for row, *values in connection.execute(f'SELECT rowid, * FROM "{table}"').fetchall():
        if any(isinstance(value, str | bytes) and needles.stand_in(value) for value in values):
            yield row


def _runs_of(connection: sqlite3.Connection, table: str, row: int) -> set[str]:
    if table not in _RUNS_OF:
        return set()
    query = f'SELECT p.id FROM pipeline_run p, "{table}" t WHERE t.rowid = ? AND p.id IN ({_RUNS_OF[table]})'
    return {run for (run,) in connection.execute(query, (row,))}


def _naming_files(folder: Path, needles: Needles) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        is_file = path.is_file() and not path.is_symlink()
        if is_file and _STORE not in path.relative_to(folder).parts and needles.stand_in(path.read_bytes()):
            yield path


def _runs_of_file(connection: sqlite3.Connection, path: Path) -> set[str]:
    """Gives the runs by whose artifacts or logs a file lies there."""
    runs: set[str] = set()
    places = [str(place) for place in (path, *path.parents)]
    marks = ", ".join("?" * len(places))
    for table in ("artifact_version", "logs"):
        rows = connection.execute(f"SELECT rowid FROM \"{table}\" WHERE rtrim(uri, '/') IN ({marks})", places)
        for (row,) in rows.fetchall():
            runs |= _runs_of(connection, table, row)
    return runs


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
