"""Learns the extractive engine's weights on development questions, judges them across articles, writes both down.

    python -m benchmarks.answers.train --home HOME --data DATA_DIR --foreign FOREIGN_DIR --questions FILE --write

HOME is a RAG_HOME in which DATA_DIR (squad_rag) is indexed, document by document, with the links `beir://ID`. The
passages are found once and kept in FILE; with the file there, HOME is not needed. The test half is asked with --test.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.answers.judging import areas, figures, judge, refusal_curve
from benchmarks.answers.learning import Weights, fold, learn, learn_without_each_fold, read_all
from benchmarks.answers.questions import AskedQuestion, ask_questions, load_questions, save_questions
from rag_llm_system.application.evaluation.data_set import Half
from rag_llm_system.bootstrap.answering import open_answering
from rag_llm_system.bootstrap.machine import machine
from rag_llm_system.model.engines import weights as committed
from rag_llm_system.model.engines.extractive import MIN_CONFIDENCE
from rag_llm_system.settings import load_settings

_RESULTS = Path(__file__).resolve().parent.parent / "results"
_HEADER = '''"""Weights of the extractive engine, by the names of its features. Written by a program: do not edit.

Recipe: `python -m benchmarks.answers.train`, {date}, on {n} development questions: SQuAD's (v1.1 and 2.0), the same
without the passages that answer them, and claims about other things. `benchmarks/results/answers-dev.json` holds what
was measured across articles.
"""

'''


def main() -> None:
    """Learns, or judges what is committed on the test half."""
    arguments = _parser().parse_args()
    asked = _questions(arguments)
    if arguments.test:
        shipped = Weights(
            committed.SENTENCE_WEIGHTS, committed.ANSWER_WEIGHTS, committed.ANSWER_WEIGHTS_WITHOUT_SIMILARITY
        )
        report = _report(asked, [shipped])
        _save(report, "answers-test.json")
        return
    reads = read_all(asked)
    report = _report(asked, learn_without_each_fold(reads))
    _save(report, "answers-dev.json")
    if arguments.write:
        _write(learn(reads), len(asked))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=Path, required=True, metavar="FILE")
    parser.add_argument("--home", type=Path, metavar="HOME")
    parser.add_argument("--data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--foreign", type=Path, metavar="FOREIGN_DIR")
    parser.add_argument("--test", action="store_true", help="judge the committed weights on the test half")
    parser.add_argument("--write", action="store_true", help="write the weights into the package")
    return parser


def _questions(arguments: argparse.Namespace) -> list[AskedQuestion]:
    if not arguments.questions.exists():
        settings = load_settings(rag_home=arguments.home, rag_allow_download=False)
        with open_answering(settings, own_engine=True) as services:
            half: Half = "test" if arguments.test else "dev"
            found = ask_questions(services.answering, arguments.data, arguments.foreign, half)
            save_questions(found, arguments.questions)
    return load_questions(arguments.questions)


def _report(asked: list[AskedQuestion], weights: list[Weights]) -> dict[str, Any]:
    """Gives all figures; with one set of weights for each fold, each question is judged by those of its own."""
    judged = judge(asked, lambda one: weights[fold(one) % len(weights)])
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "min_confidence": MIN_CONFIDENCE,
        "figures": figures(judged, MIN_CONFIDENCE),
        "area_under_curve": {
            "confidence": areas(judged, lambda one: one.confidence),
            "top score alone": areas(judged, lambda one: one.top_score),
        },
        "refusals by confidence": refusal_curve(judged, lambda one: one.confidence),
        "refusals by top score alone": refusal_curve(judged, lambda one: one.top_score),
    }


def _save(report: dict[str, Any], name: str) -> None:
    text = json.dumps(report, indent=2)
    (_RESULTS / name).write_text(text + "\n", encoding="utf-8")
    print(text)


def _write(weights: Weights, n_questions: int) -> None:
    text = _HEADER.format(date=datetime.now(UTC).date().isoformat(), n=n_questions)
    tables = {
        "SENTENCE_WEIGHTS": weights.sentence,
        "ANSWER_WEIGHTS": weights.answer,
        "ANSWER_WEIGHTS_WITHOUT_SIMILARITY": weights.answer_without_similarity,
    }
    for name, table in tables.items():
        lines = "".join(f'    "{feature}": {weight:.3f},\n' for feature, weight in table.items())
        text += f"{name} = {{\n{lines}}}\n"
    Path(str(committed.__file__)).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
