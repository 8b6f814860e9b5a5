"""Says which pages about runs and answers can be opened, and opens MLflow's.

Without an argument: a line for each of them. `mlflow` serves MLflow's pages to this machine until Ctrl-C.
"""

import argparse

import httpx

from rag_llm_system.bootstrap.tracking import is_mlflow_installed, mlflow_app, mlflow_store, opik_place
from rag_llm_system.domain.errors import BackendError, MissingExtraError, NotFoundError
from rag_llm_system.settings import Settings, load_settings
from steps.zenml_environment import set_zenml_environment
from tools.command_line import run_tool
from tools.loopback_pages import add_port_option, open_entrance, serve_pages
from tools.main_api import get, running_main_api
from tools.process_record import ProcessRecord

_PORT = 5000
_REOPENING = "`./poe dashboard mlflow` starts another"


def main() -> int:
    """Does what was asked for."""
    parser = argparse.ArgumentParser(prog="poe dashboard", description=__doc__)
    parser.add_argument(
        "pages", nargs="?", choices=["mlflow"], help="the pages to serve (default: only say what is there)"
    )
    add_port_option(parser, _PORT)
    arguments = parser.parse_args()
    settings = load_settings()
    if arguments.pages == "mlflow":
        open_mlflow(settings, arguments.port)
    else:
        print(*dashboard_lines(settings), sep="\n")
    return 0


def dashboard_lines(settings: Settings) -> list[str]:
    """Gives a line for each kind of pages: where they are, or how they are opened."""
    lines = {
        "pipelines": _pipelines(),
        "tracking": _tracking(settings),
        "Opik": _opik(settings),
        "main API": _main_api(settings),
    }
    return [f"{name:<11}{what}" for name, what in lines.items()]


def open_mlflow(settings: Settings, port: int) -> None:
    """Serves MLflow's pages until Ctrl-C, or says where a server shows them already.

    Raises:
        MissingExtraError: MLflow is not installed.
        NotFoundError: there is no run yet.
        ConfigurationError: no port is free.
        BackendError: the store cannot be opened.
    """
    store = mlflow_store(settings)
    if store.is_server:
        print(f"MLflow  {store.place}   (a server of its own)")
        return
    if not is_mlflow_installed():
        raise MissingExtraError("MLflow's pages", "tracking")
    if store.file is not None and not store.n_runs():
        raise NotFoundError(f"{store.place} holds no run yet: run a pipeline first; ./poe lists them.")
    with open_entrance(port) as entrance:
        app = mlflow_app(settings)
        lines = f"MLflow  {entrance.url()}   ({store.place})\nCtrl-C stops it."
        if not serve_pages(app, entrance, lambda: print(lines, flush=True), reopening=_REOPENING):
            raise BackendError(f"MLflow's pages could not be served: can {store.place} be opened?")


def _pipelines() -> str:
    running = ProcessRecord(set_zenml_environment() / "dashboard.json").read()
    if running is not None and _answers(running.url):
        return f"{running.url}   ZenML's dashboard runs"
    return "./poe local-zenml-server-up shows runs, steps and metadata in ZenML's dashboard"


def _tracking(settings: Settings) -> str:
    if not settings.rag_tracking:
        return "off (RAG_TRACKING=false)"
    store = mlflow_store(settings)
    if store.is_server:
        return f"{store.place}   MLflow"
    if not is_mlflow_installed():
        return "needs the extra 'tracking': .venv/bin/pip install -c constraints.txt -e '.[tracking]'"
    try:
        n_runs = store.n_runs()
    except BackendError as error:
        return error.message
    if store.file is not None and n_runs == 0:
        return "no run yet in MLflow: run a pipeline first"
    runs = "the runs" if store.file is None else f"{n_runs} run{'s' if n_runs != 1 else ''}"
    return f"./poe dashboard mlflow shows {runs} in {store.place}"


def _opik(settings: Settings) -> str:
    if settings.comet_api_key is None:
        return "off: COMET_API_KEY is not set"
    if not settings.rag_tracking:
        return "off (RAG_TRACKING=false)"
    return f"{opik_place()}   project {settings.comet_project}"


def _main_api(settings: Settings) -> str:
    url = running_main_api(settings.home)
    return f"{url}/openapi.json   what it can be asked" if url else "not running: ./poe serve starts it"


def _answers(url: str) -> bool:
    try:
        return get(url.partition("?")[0]).status_code < 500  # without the token, which libraries would log
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


if __name__ == "__main__":
    run_tool(main)
