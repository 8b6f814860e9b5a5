"""Opik's client as it is used here: quiet, and given up after a few seconds.

Left to itself, Opik keeps a process that has no server for 11 seconds when it ends, reports its use and its errors to
its makers, and prints to standard error.
"""

import logging
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rag_llm_system.domain.errors import MissingExtraError

if TYPE_CHECKING:
    from opik import Opik

CLOUD = "https://www.comet.com/opik/api/"
FLUSH_S = 2
"""Whole seconds. A server that hangs costs about twice as much, since the client waits for its threads too."""

_QUIET_AND_SHORT = {
    "OPIK_ANALYTICS_ENABLE": "false",
    "OPIK_CONNECTION_MONITOR_CHECK_TIMEOUT": "1",
    "OPIK_CONSOLE_LOGGING_LEVEL": "CRITICAL",
    "OPIK_DEFAULT_FLUSH_TIMEOUT": str(FLUSH_S),
    "OPIK_SENTRY_ENABLE": "false",
}


def open_opik_client(api_key: str, project: str) -> "Opik":
    """Gives a client that waits `FLUSH_S` for its server when it is ended.

    Address and workspace are those of the environment (OPIK_URL_OVERRIDE, OPIK_WORKSPACE) or of ~/.opik.config. The key
    is handed over, not set in the environment, where child processes would inherit it.

    Raises:
        MissingExtraError: Opik is not installed.
    """
    for key, value in _QUIET_AND_SHORT.items():
        os.environ.setdefault(key, value)
    try:
        from opik import Opik
    except ModuleNotFoundError:
        raise MissingExtraError("tracking in Opik (COMET_API_KEY is set)", "opik") from None
    # Once more, for a process in which something else has loaded Opik already: its lines hold addresses with passwords.
    logging.getLogger("opik").setLevel(logging.CRITICAL)
    return Opik(project_name=project, api_key=api_key, _show_misconfiguration_message=False)


def opik_place() -> str:
    """Gives the address of Opik's pages, without user or password, and without loading Opik."""
    parts = urlsplit(os.environ.get("OPIK_URL_OVERRIDE") or CLOUD)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path.rstrip('/').removesuffix('/api')}"
