"""Servers of this system and beside it: up or not, and who sits on their ports."""

import socket
from collections.abc import Callable

import psutil

from rag_llm_system.application.diagnosis.findings import Finding, fail, info, ok, warn
from rag_llm_system.bootstrap.language_model import open_language_model
from rag_llm_system.bootstrap.tracking import is_mlflow_installed, open_tracker
from rag_llm_system.domain.links import origin_of
from rag_llm_system.settings import Settings

_ANSWER_TIMEOUT_S = 3.0
_EVERYWHERE = ("0.0.0.0", "::", "*")
_READY = 200
_STARTING = 503


def main_api(settings: Settings, find: Callable[[], str | None]) -> Finding:
    """Says whether the main API of this RAG_HOME is up, else whether its port is free."""
    url = find()
    if url is None:
        return _port(settings.rag_api_host, settings.rag_api_port, "RAG_API_PORT")
    if _status(f"{url}/ready") == _READY:
        return ok(f"ready at {origin_of(url)}")
    return info(f"up at {origin_of(url)}, not ready")


def model_server(settings: Settings) -> Finding:
    """Says whether the model server is up, else whether its port is free."""
    url = settings.model_server_url
    status = _status(f"{url}/ready")
    if status == _READY:
        return ok(f"ready at {origin_of(url)}")
    if status == _STARTING:
        return info(f"up at {origin_of(url)}, not ready")
    if settings.rag_model_server_url is None:
        return _port(settings.rag_model_server_host, settings.rag_model_server_port, "RAG_MODEL_SERVER_PORT")
    away = f"does not answer at {origin_of(url)}"
    if settings.rag_answer_fallback:
        return warn(f"{away}; the main API quotes the sources itself", "start it, or correct RAG_MODEL_SERVER_URL")
    return fail(f"{away}, and RAG_ANSWER_FALLBACK is off", "start it, or correct RAG_MODEL_SERVER_URL")


def language_model(settings: Settings) -> Finding:
    """Says whether the server that reads questions answers."""
    assert settings.rag_language_model_url is not None
    with open_language_model(settings):  # refuses an address that cannot be used
        pass
    url = settings.rag_language_model_url
    if _status(f"{url.rstrip('/')}/models") is None:
        what = f"none answers at {origin_of(url)}; questions are read by rule"
        return warn(what, "start it, or correct RAG_LANGUAGE_MODEL_URL")
    return ok(f"{settings.openai_model_id} at {origin_of(url)}")


def tracking(settings: Settings) -> Finding:
    """Says where runs are tracked, and whether that can be reached."""
    if not settings.rag_tracking:
        return info("off (RAG_TRACKING), in ZenML alone")
    with open_tracker(settings):  # refuses what a run would refuse, and loads nothing
        pass
    uri = settings.rag_mlflow_uri.get_secret_value() if settings.rag_mlflow_uri else ""
    if uri.startswith(("http://", "https://")) and _status(uri) is None:
        what = f"no MLflow server answers at {origin_of(uri)}"
        return fail(what, "start it, or correct RAG_MLFLOW_URI")
    mlflow = ["MLflow"] if is_mlflow_installed() else []
    opik = ["Opik"] if settings.comet_api_key else []
    return ok(f"in {', '.join(['ZenML', *mlflow, *opik])}")


def holder_of(host: str, port: int) -> str | None:
    """Says who listens on a port of this machine: a process, or one of another user; None where it is free."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:  # macOS shows them to root alone
        return "a process" if _accepts(address, port) else None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr:
            ip, taken_port = connection.laddr
            if taken_port == port and ip in (address, *_EVERYWHERE):
                return _process_name(connection.pid)
    return None


def _port(host: str, port: int, key: str) -> Finding:
    if port == 0:
        return info("not running")
    holder = holder_of(host, port)
    if holder is None:
        return info(f"not running, port {port} is free")
    advice = f"stop that, or set {key}; ./poe serve takes the next free port"
    return warn(f"not running, port {port} is taken by {holder}", advice)


def _accepts(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1.0):
            return True
    except OSError:
        return False


def _process_name(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        return f"process {pid} ({psutil.Process(pid).name()})"
    except psutil.Error:
        return f"process {pid}"


def _status(url: str) -> int | None:
    """Gives the HTTP status of what answers there, or None."""
    import httpx

    try:
        return httpx.get(url, timeout=_ANSWER_TIMEOUT_S, trust_env=False).status_code
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
