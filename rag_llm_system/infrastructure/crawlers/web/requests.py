"""One GET request over HTTP or HTTPS, limited in bytes and in seconds; redirects are answers like any other."""

import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, cast

import httpx

from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, InputError
from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard
from rag_llm_system.infrastructure.crawlers.web.connections import Deadline, GuardedBackend

if TYPE_CHECKING:
    import httpcore

PRODUCT = "rag_llm_system"
"""What robots.txt files may call this crawler."""

_ACCEPTED = "text/html, application/xhtml+xml, text/markdown, text/plain;q=0.9, application/xml;q=0.8, */*;q=0.5"
_PIECE_BYTES = 64 * 1024
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What a server answered: the status, the headers, and the body where the status is 200."""

    status: int
    headers: httpx.Headers
    body: bytes


class WebRequests:
    """Sends GET requests: no cookies, no proxy, no connection that outlives its request.

    Proxies of the environment are not used: a proxy looks names up itself, behind the guard's back.

    Args:
        guard: what may be contacted.
        timeout_s: how long a request may take in all.
        tls: checks the servers' certificates; None for the ones that everybody trusts and what SSL_CERT_FILE names.
        clock: gives seconds.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        timeout_s: float,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guard = guard
        self._timeout_s = timeout_s
        self._tls = tls
        self._clock = clock

    def get(self, url: httpx.URL, *, max_bytes: int, cut: bool = False) -> WebAnswer:
        """Gives the answer; its body is unpacked.

        Args:
            url: where to.
            max_bytes: how long the body may be, packed and unpacked.
            cut: whether a longer body is cut off there instead of refused.

        Raises:
            AccessError: the host is in a private network.
            NotFoundError: there is no such host.
            InputError: the body is too large, or packed in a way that nobody asked for.
            BackendUnavailableError: the server cannot be reached, or broke off.
            BackendError: the server took too long, or its certificate cannot be trusted.
        """
        import httpcore  # see web_connections

        deadline = Deadline(self._timeout_s, self._clock)
        try:
            with self._pool(url, deadline) as pool, pool.stream("GET", _target(url), headers=_headers(url)) as response:
                headers = httpx.Headers(response.headers)
                body = b"" if response.status != 200 else _body(response.iter_stream(), headers, max_bytes, cut)
                return WebAnswer(response.status, headers, body)
        except httpcore.ConnectError as error:
            raise _not_connected(url, error) from None
        except httpcore.ConnectTimeout:
            raise BackendUnavailableError(f"{url.host} takes no connections: check the address, or try later") from None
        except httpcore.TimeoutException:
            raise deadline.passed() from None
        except (httpcore.NetworkError, httpcore.RemoteProtocolError):
            raise BackendUnavailableError(f"{url.host} broke the connection off: try again later") from None
        except httpcore.LocalProtocolError:
            raise InputError("the address cannot be asked for over HTTP: check its spelling") from None

    def _pool(self, url: httpx.URL, deadline: Deadline) -> "httpcore.ConnectionPool":
        import httpcore

        if self._tls is None and url.scheme == "https":
            self._tls = httpx.create_ssl_context()
        backend = cast("httpcore.NetworkBackend", GuardedBackend(self._guard, deadline))
        return httpcore.ConnectionPool(ssl_context=self._tls, max_keepalive_connections=0, network_backend=backend)


def _target(url: httpx.URL) -> "httpcore.URL":
    import httpcore

    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _headers(url: httpx.URL) -> list[tuple[bytes, bytes]]:
    return [
        (b"Host", url.netloc),
        (b"User-Agent", f"{PRODUCT}/{_version()} (reads articles for a personal index)".encode()),
        (b"Accept", _ACCEPTED.encode()),
        (b"Accept-Encoding", b"gzip"),
        (b"Connection", b"close"),
    ]


def _version() -> str:
    try:
        return version("rag_llm_system")
    except PackageNotFoundError:
        return "0"


def _body(chunks: Iterable[bytes], headers: httpx.Headers, max_bytes: int, cut: bool) -> bytes:
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes and not cut:
        raise _too_large(max_bytes)
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("gzip", "x-gzip", "deflate"):
        chunks = unpacked(chunks)
    elif encoding not in ("", "identity"):
        raise InputError(f"the server packs its pages as {encoding[:40]!r}, which was not asked for: save the page")
    return joined(chunks, max_bytes, cut=cut)


def joined(pieces: Iterable[bytes], max_bytes: int, *, cut: bool = False) -> bytes:
    """Gives the pieces as one; no more of them is taken than the limit allows.

    Raises:
        InputError: they are longer, and are not to be cut.
    """
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            if cut:
                break
            raise _too_large(max_bytes)
    return bytes(body[:max_bytes])


def unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Gives the content of a gzip or zlib stream in small pieces, however much a few bytes of it unfold to.

    Raises:
        InputError: it is neither.
        BackendUnavailableError: its end is missing.
    """
    unpack = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        for chunk in chunks:
            waiting = chunk
            while waiting and not unpack.eof:
                yield unpack.decompress(waiting, _PIECE_BYTES)
                waiting = unpack.unconsumed_tail
            if unpack.eof:
                return
    except zlib.error:
        raise InputError("the page is packed, and cannot be unpacked: save it from a browser") from None
    raise BackendUnavailableError("the packed page broke off before its end: try again later")


def _too_large(max_bytes: int) -> InputError:
    return InputError(f"is larger than {max_bytes} bytes: raise RAG_MAX_PAGE_MB, or leave it out")


def _not_connected(url: httpx.URL, error: "httpcore.ConnectError") -> BackendError:
    cause = error.args[0] if error.args else None  # httpcore wraps what the socket raised
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = cause.verify_message or "not valid"
        return BackendError(f"the certificate of {url.host} cannot be trusted ({reason}): nothing was read")
    if isinstance(cause, ssl.SSLError):
        return BackendError(f"{url.host} does not speak HTTPS as it should: nothing was read")
    why = getattr(cause, "strerror", None) or "no connection"
    return BackendUnavailableError(f"{url.host} cannot be reached ({why}): check the address, or try again later")
