"""Questions with the passages that the product finds for them, and whether those passages answer."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rag_llm_system.application.evaluation.data_set import Half, half_of
from rag_llm_system.application.evaluation.harness import LINK
from rag_llm_system.application.rag.generation import GroundedAnswering
from rag_llm_system.domain.answers import Passage

Kind = Literal["answerable", "unanswerable", "gone", "foreign"]
KINDS: tuple[Kind, ...] = ("answerable", "unanswerable", "gone", "foreign")
"""What is asked: something that the collection answers; something that people made unanswerable though its words stand
in the text (SQuAD 2.0); something whose answer was taken out of the passages, so that similar ones are left; something
about another collection."""
N_PASSAGES = 4
_N_FOUND = 12
_N_FOREIGN = 150
_SHORT_ANSWER = 3


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question, its passages as an engine gets them, and the gold answers, if it has any.

    `relevant` are the numbers of the passages that people answered it from; `article` keeps questions about one text
    together, so that none is judged by weights that were learnt from its neighbours.
    """

    kind: Kind
    id: str
    text: str
    article: str
    gold: tuple[str, ...]
    relevant: tuple[int, ...]
    passages: tuple[Passage, ...]


def holds_gold(text: str, gold: Iterable[str]) -> bool:
    """Says whether a gold answer stands in a text, apart from case and spacing."""
    folded = _folded(text)
    return any(_folded(answer) in folded for answer in gold)


def ask_questions(
    answering: GroundedAnswering, data_dir: Path, foreign_dir: Path | None, half: Half
) -> Iterator[AskedQuestion]:
    """Gives the questions of one half with their passages; those of `foreign_dir` are its training claims."""
    yield from _answerable(answering, data_dir, half)
    for line in _lines(data_dir / "unanswerable.jsonl"):
        if half_of(line["_id"]) == half:
            article = (line["closest_paragraph"] or line["_id"]).partition("#")[0]
            yield _asked("unanswerable", line, article, _found(answering, line["text"]))
    if foreign_dir is not None:
        yield from _foreign(answering, foreign_dir, "train" if half == "dev" else "test")


def save_questions(questions: Iterable[AskedQuestion], file: Path) -> None:
    """Writes questions and passages, one JSON object a line."""
    with file.open("w", encoding="utf-8") as out:
        for question in questions:
            out.write(json.dumps(asdict(question), ensure_ascii=False) + "\n")


def load_questions(file: Path) -> list[AskedQuestion]:
    """Gives what `save_questions` wrote."""
    return [
        AskedQuestion(
            **{
                **line,
                "gold": tuple(line["gold"]),
                "relevant": tuple(line["relevant"]),
                "passages": tuple(Passage(**passage) for passage in line["passages"]),
            }
        )
        for line in _lines(file)
    ]


def _answerable(answering: GroundedAnswering, data_dir: Path, half: Half) -> Iterator[AskedQuestion]:
    gold_of = {line["_id"]: tuple(line["answers"]) for line in _lines(data_dir / "answers.jsonl")}
    relevant = _relevant(data_dir / "qrels" / "test.tsv")
    for line in _lines(data_dir / "queries.jsonl"):
        if half_of(line["_id"]) == half:
            gold, ids = gold_of[line["_id"]], relevant[line["_id"]]
            found = _found(answering, line["text"])
            without = [p for p in found if p.link.removeprefix(LINK) not in ids and not _tells(p, gold)]
            article = ids[0].partition("#")[0]
            yield _asked("answerable", line, article, found, gold, ids)
            yield _asked("gone", line, article, without)


def _foreign(answering: GroundedAnswering, foreign_dir: Path, split: str) -> Iterator[AskedQuestion]:
    files = (foreign_dir / name for name in ("queries.all.jsonl", "queries.jsonl"))
    lines = {line["_id"]: line for line in _lines(next(file for file in files if file.exists()))}
    for question_id in list(_relevant(foreign_dir / "qrels" / f"{split}.tsv"))[:_N_FOREIGN]:
        line = lines[question_id]
        yield _asked("foreign", line, f"foreign {question_id}", _found(answering, line["text"]))


def _found(answering: GroundedAnswering, text: str) -> tuple[Passage, ...]:
    return answering.answer(text, top_k=_N_FOUND).passages


def _asked(
    kind: Kind,
    line: dict[str, Any],
    article: str,
    found: Iterable[Passage],
    gold: tuple[str, ...] = (),
    relevant_ids: Iterable[str] = (),
) -> AskedQuestion:
    passages = [replace(passage, number=number) for number, passage in enumerate(list(found)[:N_PASSAGES], start=1)]
    relevant = [p.number for p in passages if p.link.removeprefix(LINK) in relevant_ids]
    return AskedQuestion(kind, line["_id"], line["text"].strip(), article, gold, tuple(relevant), tuple(passages))


def _tells(passage: Passage, gold: tuple[str, ...]) -> bool:
    """Says whether a passage may give the answer too; a number or a short word stands in many by chance."""
    return holds_gold(passage.text, [answer for answer in gold if len(answer) > _SHORT_ANSWER])


def _relevant(file: Path) -> dict[str, list[str]]:
    relevant: dict[str, list[str]] = defaultdict(list)
    for row in file.read_text(encoding="utf-8").splitlines()[1:]:
        question_id, document_id, score = row.split("\t")
        if int(score) > 0:
            relevant[question_id].append(document_id)
    return relevant


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
