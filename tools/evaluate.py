"""Measures retrieval and answers on a folder in BEIR layout, through the product, in an index of its own.

The folder: corpus.jsonl, queries.jsonl, qrels/test.tsv; where they are there also queries.all.jsonl, answers.jsonl
({"_id", "answers"}) and unanswerable.jsonl ({"_id", "text"}). Its documents enter as articles and go the way of all
documents; 100 chunks are asked for each question, and a document ranks by its best one.

Choose on dev, report test: --split dev is qrels/dev.tsv or qrels/train.tsv where that is there, else the dev half of
qrels/test.tsv: the questions with int(sha256(_id).hexdigest(), 16) // 2 % 2 == 0.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rag_llm_system.bootstrap.evaluation import evaluate
from rag_llm_system.bootstrap.evaluation_home import read_overrides
from rag_llm_system.bootstrap.tracking import decisive_settings, open_tracker
from rag_llm_system.domain.errors import InputError
from rag_llm_system.settings import load_settings
from steps.progress import progress_bar, tell
from tools.command_line import caller_path, run_tool

if TYPE_CHECKING:
    from rag_llm_system.application.evaluation.data_set import Selection
    from rag_llm_system.application.evaluation.report import EvaluationRun


def main() -> None:
    """Evaluates and prints the figures, or compares two runs."""
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.compare:
        _compare(*map(caller_path, arguments.compare))
    elif arguments.data_dir is None:
        parser.error("give DATA_DIR, or --compare A B")
    else:
        _evaluate(arguments)


def _evaluate(arguments: argparse.Namespace) -> None:
    from rag_llm_system.application.evaluation.data_set import read_data_set
    from rag_llm_system.application.evaluation.report import run_lines
    from rag_llm_system.application.tracking import tracked_run

    file = caller_path(arguments.json) if arguments.json else None
    overrides = read_overrides(arguments.set)
    data_set = read_data_set(caller_path(arguments.data_dir), _selection(arguments))
    settings = load_settings()
    with open_tracker(settings) as tracker:
        run = evaluate(data_set, overrides, keep=arguments.keep, tell=tell, progress_bar=progress_bar)
        if file is not None:
            _write(file, run)
        what = decisive_settings(settings)
        tracker.log_run(
            tracked_run("evaluation", started_at=run.started_at, seconds=run.seconds, evaluation=run, parameters=what)
        )
    print(*run_lines(run), sep="\n")


def _selection(arguments: argparse.Namespace) -> "Selection":
    from rag_llm_system.application.evaluation.data_set import Selection, split_selection

    if arguments.split and (arguments.qrels or arguments.half):
        raise InputError("--split says which judgements and which half: leave out --qrels and --half.")
    qrels, half = arguments.qrels or "test", arguments.half
    if arguments.split:
        qrels, half = split_selection(caller_path(arguments.data_dir), arguments.split)
    return Selection(qrels, half, arguments.limit_docs, arguments.limit_queries)


def _compare(first: Path, second: Path) -> None:
    from rag_llm_system.application.evaluation.comparison import compare_runs, comparison_lines

    runs = _read(first), _read(second)
    print(*comparison_lines(*runs, compare_runs(*runs)), sep="\n")


def _read(file: Path) -> "EvaluationRun":
    from rag_llm_system.application.evaluation.report import EvaluationRun

    try:
        return EvaluationRun.from_json(file.read_bytes(), str(file))
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}): give a file that --json wrote.") from None


def _write(file: Path, run: "EvaluationRun") -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(run.to_json(), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}): give another --json.") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="poe evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data_dir", metavar="DATA_DIR", nargs="?", help="a folder in BEIR layout")
    parser.add_argument("--json", metavar="FILE", help="where the figures go, with the values by question")
    parser.add_argument("--limit-docs", type=int, metavar="N", help="the first N documents, and their questions")
    parser.add_argument("--limit-queries", type=int, metavar="N", help="the first N questions")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of docs/settings.md; repeatable"
    )
    parser.add_argument("--split", choices=("dev", "test", "all"), help="see above; all: qrels/test.tsv (the default)")
    parser.add_argument("--qrels", metavar="NAME", help="judgements: qrels/NAME.tsv (default: test)")
    parser.add_argument("--half", choices=("dev", "test"), help="the questions of one half, by the rule above")
    parser.add_argument("--keep", action="store_true", help="keep the index, and use the one that was kept")
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help="compare two files that --json wrote")
    return parser


if __name__ == "__main__":
    run_tool(main)
