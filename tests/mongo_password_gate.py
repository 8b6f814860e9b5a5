"""A gate before the stand-in for MongoDB that asks for a password, which the stand-in itself does not know of.

It speaks SCRAM-SHA-256 as MongoDB does (RFC 7677), and passes everything else on once the password was right.
"""

import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import bson
import scramp  # type: ignore[import-untyped]

_OP_MSG = 2013
_BEFORE_PASSWORD = {"hello", "ismaster", "isMaster"}


class MongoPasswordGate:
    """Listens on loopback; `port` says where."""

    def __init__(self, server_port: int, *, user: str, password: str) -> None:
        self._server_port = server_port
        self._user = user
        self._auth_info = scramp.ScramMechanism("SCRAM-SHA-256").make_auth_info(password)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        session = _Session(self._user, self._auth_info)
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._server_port)) as server:
            while message := _message(client):
                answer = session.answer(message)
                if answer is None:
                    server.sendall(message)
                    client.sendall(_message(server))
                else:
                    client.sendall(_reply(message, answer))


class _Session:
    """What one connection has said so far."""

    def __init__(self, user: str, auth_info: Any) -> None:
        self._scram = scramp.ScramMechanism("SCRAM-SHA-256").make_server(lambda name: auth_info)
        self._user = user
        self._is_admitted = False

    def answer(self, message: bytes) -> dict[str, Any] | None:
        """Gives the gate's own answer, or None where the message goes on to the server."""
        if struct.unpack_from("<i", message, 12)[0] != _OP_MSG:
            return None
        size_bytes = struct.unpack_from("<i", message, 21)[0]
        command = bson.decode(message[21 : 21 + size_bytes])
        name = next(iter(command))
        if name in ("saslStart", "saslContinue"):
            return self._step(name, command)
        if self._is_admitted or name in _BEFORE_PASSWORD:
            return None
        return {"ok": 0.0, "errmsg": "requires authentication", "code": 13, "codeName": "Unauthorized"}

    def _step(self, name: str, command: Mapping[str, Any]) -> dict[str, Any]:
        said = bytes(command["payload"]).decode()
        try:
            if name == "saslStart":
                self._scram.set_client_first(said)
                payload = self._scram.get_server_first()
                if f"n={self._user}," not in said:
                    raise scramp.ScramException("unknown user")
            else:
                self._scram.set_client_final(said)
                payload = self._scram.get_server_final()
                self._is_admitted = True
        except scramp.ScramException:
            return {
                "ok": 0.0,
                "errmsg": f"Authentication failed. {said}",
                "code": 18,
                "codeName": "AuthenticationFailed",
            }
        return {"ok": 1.0, "conversationId": 1, "done": self._is_admitted, "payload": payload.encode()}


def _message(source: socket.socket) -> bytes:
    header = _exactly(source, 4)
    return header + _exactly(source, struct.unpack("<i", header)[0] - 4) if header else b""


def _exactly(source: socket.socket, n_bytes: int) -> bytes:
    data = b""
    while len(data) < n_bytes and (more := source.recv(n_bytes - len(data))):
        data += more
    return data


def _reply(message: bytes, answer: Mapping[str, Any]) -> bytes:
    body = struct.pack("<IB", 0, 0) + bson.encode(answer)
    request_id = struct.unpack_from("<i", message, 4)[0]
    return struct.pack("<iiii", 16 + len(body), 1, request_id, _OP_MSG) + body


@contextmanager
def mongo_password_gate(server_port: int, *, user: str, password: str) -> Iterator[MongoPasswordGate]:
    """Gives such a gate, and closes it at the end."""
    gate = MongoPasswordGate(server_port, user=user, password=password)
    try:
        yield gate
    finally:
        gate.close()
