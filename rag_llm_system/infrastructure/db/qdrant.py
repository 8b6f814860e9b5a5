"""The connection to a Qdrant server, one's own or in the cloud."""

import math
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from loguru import logger

from rag_llm_system.domain.errors import BackendError, ConfigurationError, MissingExtraError
from rag_llm_system.infrastructure.db.qdrant_errors import may_pass, translated

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

_T = TypeVar("_T")
_DEFAULT_PORT = 6333
_PAUSES_S = (0.1, 0.3, 0.9, 2.7)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class QdrantDatabaseConnector:
    """A client of a Qdrant server over its REST interface. Safe to use from several threads.

    REST rather than gRPC: one port, which every proxy and cloud lets through, and no second network library at work. A
    request that meets a broken connection or a busy server is repeated after a pause, a few times and not beyond the
    time-out; so only what may be done twice must be asked. Proxies from the environment are used for https alone.

    Args:
        url: such as "http://localhost:6333" or "https://name.cloud.qdrant.io"; without a port, 6333 is meant.
        api_key: sent with every request.
        timeout_s: how long connecting, sending or waiting for an answer may each take; rounded up to whole seconds.
        client: used instead of one made from the above; `QdrantClient(":memory:")` needs no server.

    Raises:
        ConfigurationError: the address or the key cannot be used.
        MissingExtraError: the client's package is not installed.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        client: "QdrantClient | None" = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._closed = False
        if client is not None:
            self.place = "the Qdrant client that was given"
            self._client = client
            return
        scheme, host, port, path = _address(url or "")
        self.place = f"the Qdrant server at {scheme}://{host}:{port}{path}"
        key = _usable_key(api_key)
        if key and scheme == "http" and host.strip("[]") not in _LOOPBACK:
            logger.warning("qdrant_key_unencrypted host={} advice='use https'", host)
        with warnings.catch_warnings():
            # The client warns of a key over http in several lines of its own.
            warnings.simplefilter("ignore")
            self._client = _client_class()(
                url=f"{scheme}://{host}:{port}{path}",
                api_key=key,
                timeout=math.ceil(timeout_s),
                check_compatibility=False,
                trust_env=scheme == "https",
            )

    def call(self, work: Callable[["QdrantClient"], _T]) -> _T:
        """Gives what `work` gives for the client; it may be called several times.

        Raises:
            BackendUnavailableError: the server is away, busy, or did not answer in time.
            ConfigurationError: it does not accept the key, or is no Qdrant server.
            NotFoundError: it has no such collection.
            DiskFullError: its disk is full.
            BackendError: anything else, or the connector is closed.
        """
        deadline = time.monotonic() + self._timeout_s
        for pause_s in (*_PAUSES_S, None):
            if self._closed:
                raise BackendError(f"the connection to {self.place} is closed: open it again")
            try:
                return work(self._client)
            except Exception as error:
                if pause_s is None or not may_pass(error) or time.monotonic() + pause_s > deadline:
                    # The library's own error may hold the key or content, so it is not chained.
                    raise translated(error, self.place) from None
            time.sleep(pause_s)
        raise AssertionError("the last round returns or raises")

    def close(self) -> None:
        """Lets go of the connections; closing twice is allowed."""
        if not self._closed:
            self._closed = True
            self._client.close()


def _client_class() -> "type[QdrantClient]":
    try:
        from qdrant_client import QdrantClient
    except ModuleNotFoundError as error:
        raise MissingExtraError("a Qdrant server", "qdrant") from error
    return QdrantClient


def _address(url: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORT
    except ValueError:
        host, parts, port = "", urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ConfigurationError("the address of the Qdrant server must be like https://host:6333: correct the setting")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("the address of the Qdrant server holds a password: put the key into QDRANT_APIKEY")
    return parts.scheme, f"[{host}]" if ":" in host else host, port, parts.path.rstrip("/")


def _usable_key(api_key: str | None) -> str | None:
    key = (api_key or "").strip()
    if any(not "!" <= character <= "~" for character in key):
        raise ConfigurationError("QDRANT_APIKEY holds spaces, line ends or letters that no key has: copy it again")
    return key or None
