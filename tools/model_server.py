"""The model server: answers a question from the passages that come with it, on this machine's own address."""

from rag_llm_system.bootstrap.servers import serve_model_server
from rag_llm_system.settings import load_settings
from tools.command_line import run_tool
from tools.server_options import server_options


def main() -> None:
    """Serves until Ctrl-C."""
    settings = load_settings()
    options = server_options("poe deploy-inference-local", __doc__, settings.rag_model_server_port)

    def announce(url: str) -> None:
        if not options.quiet:
            print(f"model server on {url}, Ctrl-C stops it", flush=True)

    serve_model_server(settings, port=options.port, announce=announce)


if __name__ == "__main__":
    run_tool(main)
