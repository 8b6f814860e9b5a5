"""The files of a collection in BEIR layout (Thakur et al. 2021, arXiv:2104.08663), read line by line.

    corpus.jsonl          {"_id", "title", "text"}
    queries.jsonl         {"_id", "text"}
    qrels/test.tsv        query-id, corpus-id, score; a line of names may stand above
    queries.all.jsonl     as queries.jsonl; where queries.jsonl holds those of one split alone
    answers.jsonl         {"_id" of a question, "answers": ["...", ...]}
    unanswerable.jsonl    {"_id", "text"}: questions that the corpus does not answer

The last three may be missing. What is wrong is named with its file and line, and never with its words.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_llm_system.domain.errors import InputError, NotFoundError

CORPUS, QUERIES, ALL_QUERIES = "corpus.jsonl", "queries.jsonl", "queries.all.jsonl"
ANSWERS, UNANSWERABLE = "answers.jsonl", "unanswerable.jsonl"
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """A document of the corpus; `title` may be ""."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the collection, never blank."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """How relevant a document is to a question: above 0 it is relevant. `line` is where it stands."""

    question_id: str
    document_id: str
    relevance: int
    line: int


def qrels_file(name: str) -> str:
    """Gives the place of the judgements of that name within the folder."""
    return f"qrels/{name}.tsv"


def read_corpus(folder: Path) -> Iterator[CorpusDocument]:
    """Gives the documents in the order of the file, one in memory at a time.

    Raises:
        NotFoundError: there is no such file.
        InputError: a line cannot be used.
    """
    seen: set[str] = set()
    for number, fields in _json_lines(folder, CORPUS):
        place = _place(CORPUS, number)
        title = fields.get("title") or ""
        if not isinstance(title, str):
            raise InputError(f'{place}: "title" is no text: write it in quotes, or leave it out.')
        yield CorpusDocument(_new_id(fields, seen, place), title, _text(fields, place))


def read_questions(folder: Path, file: str) -> dict[str, Question]:
    """Gives the questions of that file by id, in its order.

    Raises:
        NotFoundError: there is no such file.
        InputError: a line cannot be used.
    """
    seen: set[str] = set()
    questions: dict[str, Question] = {}
    for number, fields in _json_lines(folder, file):
        place = _place(file, number)
        question = Question(_new_id(fields, seen, place), _text(fields, place))
        if not question.text.strip():
            raise InputError(f"{place}: the question is blank: write it, or delete the line.")
        questions[question.id] = question
    return questions


def read_judgements(folder: Path, name: str) -> list[Judgement]:
    """Gives the judgements of `qrels/NAME.tsv` in its order.

    Raises:
        NotFoundError: there is no such file; the message names those that are there.
        InputError: a line cannot be used.
    """
    file = qrels_file(name)
    if not (folder / file).is_file():
        there = ", ".join(sorted(path.stem for path in (folder / "qrels").glob("*.tsv"))) or "none"
        raise NotFoundError(f"{folder} has no {file}: give another --qrels (there: {there}).")
    judgements = []
    for number, line in _lines(folder, file):
        columns = line.rstrip("\r\n").split("\t")
        relevance = _whole_number(columns[2]) if len(columns) == 3 else None
        if relevance is None:
            if number == 1 and len(columns) == 3:  # the names of the columns
                continue
            what = "is not query-id, corpus-id and score, a whole number, with tabs between them"
            raise InputError(f"{_place(file, number)} {what}: correct it.")
        judgements.append(Judgement(columns[0], columns[1], relevance, number))
    return judgements


def read_gold_answers(folder: Path) -> dict[str, tuple[str, ...]]:
    """Gives the answers that people gave, by the id of the question; nothing where the folder has no such file.

    Raises:
        InputError: a line cannot be used.
    """
    if not (folder / ANSWERS).is_file():
        return {}
    seen: set[str] = set()
    gold: dict[str, tuple[str, ...]] = {}
    for number, fields in _json_lines(folder, ANSWERS):
        place = _place(ANSWERS, number)
        answers = fields.get("answers")
        if not isinstance(answers, list) or not answers or not all(isinstance(answer, str) for answer in answers):
            raise InputError(f'{place}: "answers" is no list of texts: write it like "answers": ["1492"].')
        gold[_new_id(fields, seen, place)] = tuple(answers)
    return gold


def read_unanswerable(folder: Path) -> dict[str, Question]:
    """Gives the questions that the corpus does not answer; nothing where the folder has no such file.

    Raises:
        InputError: a line cannot be used.
    """
    return read_questions(folder, UNANSWERABLE) if (folder / UNANSWERABLE).is_file() else {}


def _json_lines(folder: Path, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(folder, file):
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            raise InputError(f"{_place(file, number)} is no JSON: correct or delete it.") from None
        if not isinstance(fields, dict):
            raise InputError(f"{_place(file, number)} is no JSON object: write one object a line.")
        yield number, fields


def _lines(folder: Path, file: str) -> Iterator[tuple[int, str]]:
    """Gives the lines that are not blank with their numbers, which count from 1."""
    path = folder / file
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                text = line.decode().removeprefix(_BYTE_ORDER_MARK if number == 1 else "")
                if text.strip():
                    yield number, text
    except UnicodeDecodeError:
        raise InputError(f"{_place(file, number)} is not UTF-8: save the file as UTF-8.") from None
    except FileNotFoundError:
        what = f"{folder} has no {file}" if folder.is_dir() else f"There is no folder {folder}"
        raise NotFoundError(
            f"{what}: give a folder in BEIR layout ({CORPUS}, {QUERIES}, {qrels_file('test')})."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check it and its owner.") from None


def _new_id(fields: dict[str, Any], seen: set[str], place: str) -> str:
    found = fields.get("_id")
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)  # the judgements name it as text in any case
    if not isinstance(found, str) or not found.strip() or "\t" in found:
        raise InputError(f'{place} has no "_id" that judgements could name: give it one.')
    if found in seen:
        raise InputError(f'{place} repeats the "_id" of an earlier line: give it one of its own.')
    seen.add(found)
    return found


def _text(fields: dict[str, Any], place: str) -> str:
    text = fields.get("text")
    if not isinstance(text, str):
        raise InputError(f'{place} has no "text" in quotes: write it.')
    return text


def _whole_number(text: str) -> int | None:
    try:
        value = float(text)
        return int(value) if value == int(value) else None
    except (ValueError, OverflowError):
        return None


def _place(file: str, number: int) -> str:
    return f"{file}, line {number}"
