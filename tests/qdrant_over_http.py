"""A Qdrant REST server of the tests' own: real sockets and real JSON, the client's in-process engine behind them.

It answers the requests that this system makes, and refuses what the REST interface does not know. It can be told to
answer the next requests otherwise: with an error, with a broken connection, late, or as something that is no Qdrant.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

pytest.importorskip("qdrant_client", reason="needs the extra qdrant")

from pydantic import BaseModel, ValidationError
from qdrant_client import models

from tests.qdrant_in_process import InProcessClient

VERSION = "1.20.0"


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Instead:
    """What happens to a request instead of an answer of Qdrant's; the connection breaks where `status` is 0."""

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0


class QdrantOverHttp:
    """What the server received so far, and what it answers instead of what it should."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[Received] = []
        self.instead: Callable[[Received], Instead | None] = lambda received: None
        self.client = InProcessClient()
        self._indexed: dict[str, list[str]] = {}
        self._turn = threading.Lock()

    def once(self, *answers: Instead) -> None:
        """Gives these answers to the next requests, one each."""
        waiting = list(answers)
        self.instead = lambda received: waiting.pop(0) if waiting else None

    def lines(self) -> list[str]:
        return [received.line for received in self.received]

    def answer(self, received: Received) -> tuple[int, str]:
        with self._turn:
            try:
                return 200, self._result(received, [unquote(part) for part in received.path.strip("/").split("/")])
            except ValidationError:
                return 400, '{"status":{"error":"Format error in JSON body"},"time":0.0}'
            except ValueError as error:
                status = 409 if "already exists" in str(error) else 404 if "not found" in str(error) else 400
                return status, json.dumps({"status": {"error": str(error)}, "time": 0.0})

    def _result(self, received: Received, path: list[str]) -> str:
        if path == [""]:
            return json.dumps({"title": "qdrant - vector search engine", "version": VERSION})
        if path == ["collections"]:
            return enveloped(self.client.get_collections())
        if path == ["aliases"]:
            return enveloped(self.client.get_aliases())
        if path == ["collections", "aliases"]:
            asked = models.ChangeAliasesOperation.model_validate_json(received.body)
            return enveloped(self.client.update_collection_aliases(asked.actions))
        _, name, *rest = path
        if "points" in rest:
            return self._points_result(name, f"{received.method} {'/'.join(rest)}", received.body)
        match [received.method, *rest]:
            case ["GET", "exists"]:
                return enveloped({"exists": self.client.collection_exists(name)})
            case ["GET"]:
                info = self.client.get_collection(name)
                index = models.PayloadIndexInfo(data_type=models.PayloadSchemaType.KEYWORD, points=0)
                return enveloped(info.model_copy(update={"payload_schema": dict.fromkeys(self._fields(name), index)}))
            case ["PUT"]:
                made = models.CreateCollection.model_validate_json(received.body)
                self.client.create_collection(
                    name, made.vectors, sparse_vectors_config=made.sparse_vectors, metadata=made.metadata
                )
            case ["PATCH"]:
                self.client.update_collection(
                    name, metadata=models.UpdateCollection.model_validate_json(received.body).metadata
                )
            case ["PUT", "index"]:
                self._fields(name).append(models.CreateFieldIndex.model_validate_json(received.body).field_name)
                return enveloped({"operation_id": 1, "status": "completed"})
            case ["DELETE"]:
                self._indexed.pop(name, None)
                self.client.delete_collection(name)
            case _:
                raise ValueError(f"{received.line} is not known here")
        return enveloped(True)

    def _points_result(self, name: str, line: str, body: bytes) -> str:
        done = {"operation_id": 1, "status": "completed"}
        match line:
            case "PUT points":
                self.client.upsert(name, models.PointsList.model_validate_json(body).points)
                return enveloped(done)
            case "POST points/delete":
                self.client.delete(name, models.FilterSelector.model_validate_json(body))
                return enveloped(done)
            case "POST points/count":
                return enveloped(self.client.count(name, models.CountRequest.model_validate_json(body).filter))
            case "POST points/scroll":
                asked = models.ScrollRequest.model_validate_json(body)
                records, following = self.client.scroll(
                    name,
                    asked.filter,
                    limit=asked.limit or 10,
                    offset=asked.offset,
                    with_payload=asked.with_payload or False,
                    with_vectors=asked.with_vector or False,
                )
                return enveloped(models.ScrollResult(points=records, next_page_offset=following))
            case "POST points/query/batch":
                searches = models.QueryRequestBatch.model_validate_json(body).searches
                return enveloped(self.client.query_batch_points(name, searches))
        raise ValueError(f"{line} is not known here")

    def _fields(self, name: str) -> list[str]:
        return self._indexed.setdefault(name, [])


def enveloped(result: Any) -> str:
    def plain(value: Any) -> Any:
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else value

    shown = [plain(one) for one in result] if isinstance(result, list) else plain(result)
    return json.dumps({"result": shown, "status": "ok", "time": 0.0})


@contextmanager
def qdrant_over_http() -> Iterator[QdrantOverHttp]:
    """Serves on loopback until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        qdrant = QdrantOverHttp(f"http://127.0.0.1:{server.server_address[1]}")
        _Handler.served[server.server_address[1]] = qdrant
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield qdrant
        finally:
            server.shutdown()
            thread.join()
            qdrant.client.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    served: dict[int, QdrantOverHttp] = {}  # noqa: RUF012

    def _serve(self) -> None:
        qdrant = self.served[self.server.server_address[1]]  # type: ignore[index]
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.command, parts.path, parse_qs(parts.query), headers, body)
        qdrant.received.append(received)
        instead = qdrant.instead(received)
        if instead is None:
            status, text = qdrant.answer(received)
            self._send(status, text.encode(), {"Content-Type": "application/json"})
            return
        time.sleep(instead.after_s)
        if instead.status:
            self._send(instead.status, instead.body, instead.headers)
        else:
            # With no time to linger, closing sends a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ValueError):
            return  # the client has gone away, or the connection was broken on purpose

    def finish(self) -> None:
        try:
            super().finish()
        except (ConnectionError, ValueError):
            return

    def log_message(self, format: str, *args: Any) -> None:
        return
