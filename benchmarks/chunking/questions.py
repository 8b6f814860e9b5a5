"""chunking_evaluation: five texts, and questions with the exact spans that answer them (Smith and Troynikov 2024)."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from rag_llm_system.domain.cleaned_documents import CleanedDocument
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError

DEVELOPMENT = ("chatlogs", "finance", "pubmed")
"""Texts whose questions defaults are chosen on; those of the others are only reported."""
Span = tuple[int, int]


@dataclass(frozen=True)
class Question:
    """A question, the document it is asked about, and the spans [start, end) of it that answer it, merged."""

    text: str
    document_id: str
    gold: tuple[Span, ...]

    @property
    def split(self) -> str:
        """`dev` or `test`."""
        return "dev" if self.document_id in DEVELOPMENT else "test"


def read_questions(folder: Path) -> tuple[list[CleanedDocument], list[Question]]:
    """Gives the texts, to the character as articles, and the questions, in their order.

    Raises:
        InputError: the folder does not hold the data set.
    """
    try:
        documents = [_article(file) for file in sorted((folder / "corpora").glob("*.md"))]
        with (folder / "questions_df.csv").open(encoding="utf-8", newline="") as file:
            questions = [_question(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder} does not hold chunking_evaluation: set RAG_TEST_DATA_DIR to where it is."
        ) from error
    if not documents or not questions:
        raise InputError(f"{folder} holds no texts or no questions: set RAG_TEST_DATA_DIR to where they are.")
    return documents, questions


def merged(spans: list[Span]) -> list[Span]:
    """Gives spans that hold the same characters, in order, none touching another."""
    together: list[Span] = []
    for start, end in sorted(spans):
        if together and start <= together[-1][1]:
            together[-1] = (together[-1][0], max(end, together[-1][1]))
        else:
            together.append((start, end))
    return together


def _article(file: Path) -> CleanedDocument:
    return CleanedDocument(
        id=file.stem,
        category=Category.ARTICLES,
        title=file.stem.replace("_", " "),
        text=file.read_bytes().decode("utf-8"),  # line ends stay as they are: the spans count them
        platform="file",
        link=file.name,
        author_id="",
        author_full_name="",
    )


def _question(row: dict[str, str]) -> Question:
    spans = [(one["start_index"], one["end_index"]) for one in json.loads(row["references"])]
    return Question(row["question"], row["corpus_id"], tuple(merged(spans)))
