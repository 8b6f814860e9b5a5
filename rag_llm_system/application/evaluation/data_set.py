"""What is evaluated on: a collection's documents, its questions, and what is known of both."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from rag_llm_system.application.evaluation.beir_files import (
    ALL_QUERIES,
    CORPUS,
    QUERIES,
    CorpusDocument,
    Judgement,
    Question,
    qrels_file,
    read_corpus,
    read_gold_answers,
    read_judgements,
    read_questions,
    read_unanswerable,
)
from rag_llm_system.domain.errors import InputError

Half = Literal["dev", "test"]
Split = Literal["dev", "test", "all"]
_FOR_CHOOSING = ("dev", "train")
"""Judgements beside those of the test that choices may be made on, the first that is there."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of a collection is used.

    Args:
        qrels: which judgements: `qrels/NAME.tsv`.
        half: the questions of one half, see `half_of`; None: all.
        limit_docs: the first documents, with the questions whose relevant documents are all among them; None: all.
        limit_queries: the first questions, and as many unanswerable ones; None: all.
    """

    qrels: str = "test"
    half: Half | None = None
    limit_docs: int | None = None
    limit_queries: int | None = None

    def __post_init__(self) -> None:
        limits = {"--limit-docs": self.limit_docs, "--limit-queries": self.limit_queries}
        for option, limit in limits.items():
            if limit is not None and limit < 1:
                raise InputError(f"{option} is {limit}: give a number above 0, or leave it out.")

    def in_words(self) -> str:
        """Says which part of a collection it is."""
        parts = [self.qrels, f"{self.half} half" if self.half else ""]
        parts += [f"first {self.limit_docs} documents" if self.limit_docs else ""]
        parts += [f"first {self.limit_queries} questions" if self.limit_queries else ""]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class DataSet:
    """The selected part of a collection.

    Args:
        folder: where it lies.
        selection: which part it is.
        n_documents: documents in the selected part of the corpus.
        questions: with at least one relevant document each, in the order of their file.
        relevance: question id -> document id -> how relevant it is, above 0.
        gold_answers: question id -> what people answered; for some questions or none.
        unanswerable: questions that the corpus does not answer.
        notes: what a reader of the figures should know, one line each.
    """

    folder: Path
    selection: Selection
    n_documents: int
    questions: tuple[Question, ...]
    relevance: Mapping[str, Mapping[str, int]]
    gold_answers: Mapping[str, tuple[str, ...]]
    unanswerable: tuple[Question, ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people call it: the name of its folder."""
        return self.folder.name

    def documents(self) -> Iterator[CorpusDocument]:
        """Gives the selected documents in the order of the file."""
        return islice(read_corpus(self.folder), self.selection.limit_docs)


def half_of(question_id: str) -> Half:
    """Gives the half of a question, the same whatever else is in the collection: choose on dev, report test."""
    number = int(hashlib.sha256(question_id.encode("utf-8", "surrogatepass")).hexdigest(), 16)
    return "dev" if number // 2 % 2 == 0 else "test"


def split_selection(folder: Path, split: Split) -> tuple[str, Half | None]:
    """Gives the judgements, and the half of them, that a split means.

    Where judgements for dev or training stand beside those of the test, they are "dev"; else the questions of the test
    are halved. "all": the test's judgements, whole.
    """
    if split == "all":
        return "test", None
    beside = [name for name in _FOR_CHOOSING if (folder / qrels_file(name)).is_file()]
    if not beside:
        return "test", split
    return (beside[0] if split == "dev" else "test"), None


def read_data_set(folder: Path, selection: Selection | None = None) -> DataSet:
    """Reads the selected part of a folder in BEIR layout; the corpus is looked through, and not kept.

    Raises:
        NotFoundError: the folder or one of its files is missing.
        InputError: a line of a file cannot be used, or no question is left.
    """
    selection = selection or Selection()
    document_ids = {document.id for document in islice(read_corpus(folder), selection.limit_docs)}
    if not document_ids:
        raise InputError(f"{folder / CORPUS} holds no document: add some, a JSON object a line.")
    judgements = read_judgements(folder, selection.qrels)
    relevance, n_absent = _relevance(judgements, document_ids, whole_corpus=selection.limit_docs is None)
    questions = _questions(folder, judgements, relevance, selection)
    if not questions:
        raise InputError(
            f"No question of {folder} is left: raise --limit-docs, choose other --qrels, or correct the folder."
        )
    gold_answers = read_gold_answers(folder)
    chosen = {question.id for question in questions}
    unanswerable = _selected(read_unanswerable(folder).values(), selection)
    absent = f"{n_absent} relevant documents are not in the corpus: they count as not found."
    return DataSet(
        folder=folder,
        selection=selection,
        n_documents=len(document_ids),
        questions=tuple(questions),
        relevance={question.id: relevance[question.id] for question in questions},
        gold_answers={key: answers for key, answers in gold_answers.items() if key in chosen},
        unanswerable=tuple(unanswerable),
        notes=(absent,) if n_absent else (),
    )


def _relevance(
    judgements: Iterable[Judgement], document_ids: Collection[str], *, whole_corpus: bool
) -> tuple[dict[str, dict[str, int]], int]:
    """Gives what is relevant to each question, and how many of these documents the corpus does not hold.

    Of a part of the corpus, a question of which that part does not hold everything that is relevant is left out.
    """
    relevance: dict[str, dict[str, int]] = {}
    for judgement in judgements:
        if judgement.relevance > 0:
            relevance.setdefault(judgement.question_id, {})[judgement.document_id] = judgement.relevance
    absent = {key: [one for one in documents if one not in document_ids] for key, documents in relevance.items()}
    if whole_corpus:
        return relevance, sum(map(len, absent.values()))
    return {key: documents for key, documents in relevance.items() if not absent[key]}, 0


def _questions(
    folder: Path, judgements: Iterable[Judgement], relevance: Collection[str], selection: Selection
) -> list[Question]:
    """Gives the questions with relevant documents, in the order of their file."""
    known = read_questions(folder, QUERIES)
    first_line = {judgement.question_id: judgement.line for judgement in reversed(list(judgements))}
    if any(key not in known for key in first_line) and (folder / ALL_QUERIES).is_file():
        known = {**known, **read_questions(folder, ALL_QUERIES)}
    unknown = [line for key, line in first_line.items() if key not in known]
    if unknown:
        place = f"{qrels_file(selection.qrels)}, line {min(unknown)}"
        raise InputError(f"{place} names a question that {QUERIES} does not hold: add it there, or delete the line.")
    return _selected((question for question in known.values() if question.id in relevance), selection)


def _selected(questions: Iterable[Question], selection: Selection) -> list[Question]:
    of_half = (question for question in questions if selection.half in (None, half_of(question.id)))
    return list(islice(of_half, selection.limit_queries))
