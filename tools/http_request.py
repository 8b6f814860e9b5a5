"""One HTTP request to a server of this system, by the standard library: httpx alone takes 0.2 s to import."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rag_llm_system.domain.errors import BackendUnavailableError


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status_code: int
    body: bytes

    def json(self) -> Any:
        """Gives the body as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.body)


def request(url: str, *, json_body: Any = None, timeout_s: float = 2.0) -> Reply:
    """Gives the reply to a POST of `json_body`, or to a GET where there is none; no proxy of the environment is asked.

    Raises:
        BackendUnavailableError: nothing that speaks HTTP answers there, or the address is none.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("not an address of HTTP")
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
        try:
            if json_body is None:
                connection.request("GET", parts.path or "/")
            else:
                body = json.dumps(json_body).encode()
                connection.request("POST", parts.path or "/", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return Reply(response.status, response.read())
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise BackendUnavailableError(f"{url} did not answer ({type(error).__name__}): is it up?") from None
