"""Shows the pipelines' runs in a browser: ZenML's dashboard, for this machine alone, until Ctrl-C."""

import argparse
import importlib.util
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from rag_llm_system.domain.errors import BackendError, CapabilityError, ConfigurationError, MissingExtraError
from steps.zenml_environment import set_zenml_environment
from tools.command_line import run_tool
from tools.loopback_pages import Entrance, add_port_option, open_entrance, serve_pages
from tools.process_record import ProcessRecord

_PORT = 8237
_RUNS_PAGE = "projects/default/runs"
_PACKAGES = ("zenml", "sqlmodel", "uvicorn", "fastapi")
_REOPENING = "./poe dashboard shows it again"
_PARENT_CHECK_S = 0.5
_SERVER_ENVIRONMENT = {
    "ZENML_SERVER": "true",  # as a server ZenML never writes config.yaml
    "ZENML_SERVER_ALLOW_LOCAL_FILE_ACCESS": "true",
    "ZENML_SERVER_AUTH_SCHEME": "NO_AUTH",  # the guard lets in
    "ZENML_SERVER_DEPLOYMENT_TYPE": "other",
    "ZENML_SERVER_SECURE_HEADERS_CSP": "false",  # the guard has one that is stricter
}


def main() -> int:
    """Does what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tools.zenml_server", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    starting = actions.add_parser("up", help="show the runs of this RAG_HOME until Ctrl-C")
    add_port_option(starting, _PORT)
    actions.add_parser("down", help="stop the dashboard of this RAG_HOME")
    arguments = parser.parse_args()
    folder = set_zenml_environment()
    if arguments.action == "down":
        print(stop_dashboard(folder))
    else:
        run_dashboard(folder, arguments.port)
    return 0


def run_dashboard(folder: Path, port: int) -> None:
    """Serves the runs that ZenML keeps in that folder until Ctrl-C, or says where somebody does so already.

    It is this very process that serves, so that nothing is left behind when it is killed; and it ends when whoever
    started it is gone.

    Raises:
        MissingExtraError: the server's packages are not installed.
        ConfigurationError: no port is free, or the folder cannot be used.
        CapabilityError: ZenML keeps its runs on a server elsewhere.
        BackendError: the server did not start.
    """
    if any(importlib.util.find_spec(package) is None for package in _PACKAGES):
        raise MissingExtraError("The pipeline dashboard", "pipelines")
    record = ProcessRecord(folder / "dashboard.json")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = FileLock(_lock_path(folder)).acquire(timeout=0)
    except Timeout:
        running = record.read()
        print(f"dashboard  {running.url if running else 'is just starting'}   (runs already)")
        return
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be used ({error.strerror}): set RAG_HOME to another.") from error
    with held, open_entrance(port) as entrance:
        url = entrance.url(_RUNS_PAGE)
        with record.kept(url):
            _end_with_parent()
            _serve(entrance, lambda: print(f"dashboard  {url}   (Ctrl-C stops it)", flush=True))


def stop_dashboard(folder: Path) -> str:
    """Ends the process that serves the runs of that folder, no other, and gives a line that says so.

    Raises:
        AccessError: it belongs to somebody else.
    """
    record = ProcessRecord(folder / "dashboard.json")
    if not _is_served(folder):
        record.remove()
        return "dashboard  none runs"
    running = record.read()
    if running is None or not record.end(running):
        return "dashboard  runs where it cannot be reached from here: stop it there, with Ctrl-C"
    return f"dashboard  {running.url} is stopped"


def _lock_path(folder: Path) -> Path:
    return folder / ".dashboard.lock"


def _is_served(folder: Path) -> bool:
    """Tells whether a process holds the lock: the system takes it back when that process ends, however it ends."""
    if not _lock_path(folder).exists():
        return False
    try:
        with FileLock(_lock_path(folder), timeout=0):
            return False
    except Timeout:
        return True


def _end_with_parent() -> None:
    """Ends this process gracefully when whoever started it is gone, killed without a word even."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _serve(entrance: Entrance, announce: Callable[[], None]) -> None:
    """Serves until a signal comes, and announces when it answers."""
    from tools.pipeline_runs import zenml_store

    with zenml_store():
        _prepare_store()
    os.environ.update(_SERVER_ENVIRONMENT)
    from zenml.zen_server.zen_server_api import app

    if not serve_pages(app, entrance, announce, reopening=_REOPENING):
        raise BackendError(
            "The dashboard did not start: RAG_LOG_LEVEL=DEBUG and ZENML_LOGGING_VERBOSITY=INFO say more."
        )


def _prepare_store() -> None:
    """Answers ZenML's sign-up survey and turns off what it would fetch from elsewhere."""
    from zenml.client import Client
    from zenml.enums import StoreType

    client = Client()
    if client.zen_store.type == StoreType.REST:
        raise CapabilityError("ZenML keeps the runs on a server elsewhere: look there, or run `zenml logout`.")
    client.update_user(
        client.active_user.id, updated_email_opt_in=False, updated_metadata={"finished_onboarding_survey": True}
    )
    client.update_server_settings(
        updated_name=client.get_settings().server_name,  # leaving it out would set it to nothing
        updated_enable_analytics=False,
        updated_enable_announcements=False,
        updated_enable_updates=False,
    )


if __name__ == "__main__":
    run_tool(main)
