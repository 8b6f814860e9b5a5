"""Databases for tests: an SQLite file, a real PostgreSQL, a stand-in for MongoDB, a real MongoDB where one is named.

The stand-in speaks MongoDB's protocol over SQLite (nx-27017): it shows that pymongo and the adapter agree, and that a
cut-off run completes, but not what MongoDB itself does. tests/document_store_fixtures.py has the fixtures.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import URL

from rag_llm_system.infrastructure.db.mongo import MongoDocumentStore
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore

SQLITE, POSTGRES, STAND_IN, MONGO = "SQLite", "PostgreSQL", "stand-in for MongoDB", "MongoDB"
KINDS = (SQLITE, POSTGRES, STAND_IN, MONGO)

Store = SqlDocumentStore | MongoDocumentStore


@dataclass(frozen=True)
class Database:
    """A database of one test's own, empty at its beginning. A MongoDB's name stands in the path of the URL."""

    kind: str
    url: str

    @property
    def reads_one_state(self) -> bool:
        """Whether a reader sees the state at its beginning; MongoDB's sees others' changes, page by page."""
        return self.kind in (SQLITE, POSTGRES)

    def open(self, **options: Any) -> Store:
        """Gives a store; the caller closes it."""
        return open_store(self.url, **options)


def open_store(url: str, **options: Any) -> Store:
    """Gives the store of a URL; `options` go to its constructor."""
    if not url.startswith("mongodb"):
        return SqlDocumentStore(url, **options)
    return MongoDocumentStore(url, database_name=urlsplit(url).path[1:], **options)


class PostgresOfTheTests:
    """A PostgreSQL from a wheel, in a folder of its own. As root it runs as another user; it has a Unix socket only."""

    def __init__(self, pgserver: Any, folder: Path) -> None:
        folder.chmod(0o755)
        self._pgserver = pgserver
        self._folder = folder
        self._server: Any = None

    @property
    def url(self) -> URL:
        """The address of the database that is always there, for a user who may do everything."""
        query = {"host": str(self._server.get_postmaster_info().socket_dir)}
        return URL.create("postgresql", username="postgres", database="postgres", query=query)

    def start(self) -> None:
        """Returns once it takes connections."""
        self._server = self._pgserver.get_server(self._folder / "data", cleanup_mode="delete")
        self._server.ensure_postgres_running()

    def kill(self) -> None:
        """Ends all its processes at once, as a crash would."""
        command = [self._server.bin_path / "pg_ctl", "-m", "immediate", "-D", self._folder / "data", "stop"]
        subprocess.run(command, user=self._server.system_user, stdout=subprocess.DEVNULL, check=True)

    def close(self) -> None:
        """Ends it and removes its data."""
        self._server.cleanup()


@contextmanager
def quick_folder(name: str) -> Iterator[Path]:
    """Gives a folder that is removed at the end; in memory where there is room, since databases wait for disks."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 2_000_000_000
    with tempfile.TemporaryDirectory(prefix=f"rag-{name}-", dir=memory if has_room else None) as folder:
        yield Path(folder)


class MongoStandIn:
    """A process that speaks MongoDB's protocol over SQLite files in a folder. It knows no users and no passwords."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it takes connections."""
        command = [sys.executable, "-m", "nx_27017.nx_27017", "--data-dir", str(self._folder), "-p", str(self.port)]
        command += ["--pid-file", f"{self._folder}/stand_in.pid", "--log-file", f"{self._folder}/stand_in.log"]
        with Path(self._folder, "stand_in.out").open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while not _takes_connections(self.port):
            assert self._process.poll() is None, Path(self._folder, "stand_in.out").read_text()
            assert time.monotonic() < deadline, "the stand-in does not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """Ends the process at once, as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()
            Path(self._folder, "stand_in.pid").unlink(missing_ok=True)

    def url(self, name: str) -> str:
        """Gives the address of a database."""
        return f"mongodb://127.0.0.1:{self.port}/{name}"


@contextmanager
def mongo_stand_in() -> Iterator[MongoStandIn]:
    """Gives a stand-in that runs until the block ends."""
    pytest.importorskip("pymongo", reason="pymongo is not installed (extra mongo)")
    pytest.importorskip("nx_27017", reason="no stand-in for MongoDB: nx-27017 is not installed")
    with quick_folder("mongo-stand-in") as folder:
        server = MongoStandIn(folder)
        try:
            server.start()
            yield server
        finally:
            server.kill()


def free_port() -> int:
    """Gives a port of loopback where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _takes_connections(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
