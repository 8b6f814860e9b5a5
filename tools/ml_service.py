"""The main API: answers questions from the index, with citations, on this machine's own address."""

from rag_llm_system.bootstrap.servers import serve_main_api
from rag_llm_system.settings import load_settings
from steps.progress import tell
from tools.command_line import run_tool
from tools.main_api import published_address
from tools.server_options import server_options


def main() -> None:
    """Serves until Ctrl-C, and leaves the address where `poe ask` finds it."""
    settings = load_settings()
    options = server_options("poe run-inference-ml-service", __doc__, settings.rag_api_port)
    with published_address(settings.home) as publish:

        def announce(url: str) -> None:
            publish(url)
            if not options.quiet:
                print(f"main API on {url}, Ctrl-C stops it", flush=True)

        serve_main_api(settings, port=options.port, announce=announce, tell=tell)


if __name__ == "__main__":
    run_tool(main)
