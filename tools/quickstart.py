"""From nothing to cited answers: reads real text, indexes it, starts both servers, asks, prints, stops what it started.

Without PATHs the text is the READMEs of this project's direct dependencies, as they lie in the installed packages, and
this project's own documentation.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag_llm_system.domain.errors import InputError
from rag_llm_system.settings import Settings, load_settings
from tools.command_line import caller_path, login_name, run_tool
from tools.main_api import ask
from tools.pipeline_runs import run_etl, run_feature_engineering
from tools.printing import answer_lines, index_lines, indexing_lines, ingestion_lines
from tools.servers import running_servers

_PROJECT = Path(__file__).resolve().parent.parent
QUESTIONS = (
    "How much overhead does tqdm add per iteration?",
    "What does Sebastián Ramírez say about the performance of FastAPI?",
    "Why is RapidFuzz licensed under the MIT license?",
    "How much does a commercial support contract cost per year?",
)
"""Asked of the default texts: the first three are answered there, the second by a named author, the last is not."""


def main() -> None:
    """Does the whole main job once."""
    arguments = _parser().parse_args()
    settings = load_settings()
    user_full_name, links = _whose_links(arguments)
    questions = arguments.ask or ([] if arguments.paths else list(QUESTIONS))
    if not all(question.strip() for question in questions):
        raise InputError("A question is blank: ask something.")
    started = time.perf_counter()
    with _announced("1/4", "Reading: pipeline digital_data_etl (ZenML)"):
        print(*ingestion_lines(run_etl(user_full_name, links)), sep="\n")
    with _announced("2/4", "Indexing: pipeline feature_engineering (ZenML)"):
        cleaning, indexing = run_feature_engineering()
        print(*indexing_lines(cleaning, indexing), sep="\n")
    with _announced("3/4", "Serving and asking: POST /rag over HTTP"):
        _ask_over_http(settings, questions)
    print(f"\n4/4  Done in {time.perf_counter() - started:.0f} s; both servers are stopped.")
    print(*index_lines(settings.home, indexing), sep="\n")
    print(_WHAT_NEXT.format(home=settings.home))


_WHAT_NEXT = """
What to try next
  ./poe ask "your question"                     ask again
  ./poe quickstart PATH... --ask "question"     your own files and folders
  ./poe serve                                   keep both servers up: http://127.0.0.1:8001
  ./poe                                         every task, a line each
  rm -r {home}    forget everything that was read and indexed"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="poe quickstart", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="your own files or folders; what was read before stays in the index"
    )
    parser.add_argument("--ask", action="append", metavar="QUESTION", help="a question of your own; repeatable")
    parser.add_argument("--author", metavar="NAME", help="who wrote what is at PATH (default: your login name)")
    parser.add_argument("--all-packages", action="store_true", help="the READMEs of every installed package")
    return parser


def _whose_links(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    if not arguments.paths:
        packages = "packages://all" if arguments.all_packages else "packages://direct"
        return "rag_llm_system", [str(_PROJECT / "docs"), packages]
    if arguments.all_packages:
        raise InputError("--all-packages and PATHs exclude each other: give one of them.")
    return arguments.author or login_name(), [str(caller_path(path)) for path in arguments.paths]


@contextmanager
def _announced(number: str, what: str) -> Iterator[None]:
    started = time.perf_counter()
    print(f"\n{number}  {what}", flush=True)
    yield
    print(f"     {time.perf_counter() - started:.1f} s", flush=True)


def _ask_over_http(settings: Settings, questions: list[str]) -> None:
    with running_servers(settings) as (model, api):
        print(f"model server {model.url}, main API {api.url}")
        for question in questions:
            print("", *answer_lines(question, ask(api.url, question)), sep="\n", flush=True)
        if not questions:
            print('Nothing was asked: add --ask "your question".')


if __name__ == "__main__":
    run_tool(main)
