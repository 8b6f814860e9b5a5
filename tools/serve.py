"""Runs the model server and the main API until Ctrl-C."""

import argparse
import time

from rag_llm_system.domain.errors import BackendUnavailableError
from rag_llm_system.settings import load_settings
from tools.command_line import run_tool
from tools.servers import running_servers


def main() -> int:
    """Starts both servers, says where they are, waits."""
    argparse.ArgumentParser(prog="poe serve", description=__doc__).parse_args()
    with running_servers(load_settings()) as (model, api):
        print(
            f"model server  {model.url}\nmain API      {api.url}   (POST /rag, GET /openapi.json)\nCtrl-C stops both.",
            flush=True,
        )
        while True:
            for server in (model, api):
                if server.process.poll() is not None:
                    raise BackendUnavailableError(f"The {server.name} ended with code {server.process.returncode}.")
            time.sleep(0.2)


if __name__ == "__main__":
    run_tool(main)
