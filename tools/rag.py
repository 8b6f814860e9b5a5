"""Asks a question: over HTTP when the main API is up, else from the index directly."""

import argparse

from rag_llm_system.domain.answers import Answer
from rag_llm_system.settings import Settings, load_settings
from tools.command_line import run_tool
from tools.main_api import ask, running_main_api
from tools.printing import answer_lines


def main() -> None:
    """Asks and prints the answer with its citations."""
    parser = argparse.ArgumentParser(prog="poe ask", description=__doc__)
    parser.add_argument("question", help="in quotes")
    parser.add_argument("--top-k", type=int, metavar="N", help="passages to answer from, 1 to 20 (default: TOP_K)")
    arguments = parser.parse_args()
    settings = load_settings()
    answer = _ask(settings, arguments.question, arguments.top_k)
    print(*answer_lines(arguments.question, answer), sep="\n")


def _ask(settings: Settings, question: str, top_k: int | None) -> Answer:
    if url := running_main_api(settings.home):
        return ask(url, question, top_k=top_k)
    # Only where no API answers: what follows is most of what this tool would import.
    from rag_llm_system.bootstrap.answering import open_answering
    from steps.progress import tell

    with open_answering(settings, own_engine=True, tell=tell) as services:
        return services.answering.answer(question, top_k=top_k)


if __name__ == "__main__":
    run_tool(main)
