"""What every system is given: passages, questions with judgements, and more questions for the clock."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag_llm_system.application.evaluation.beir_files import QUERIES, Question, read_questions, read_unanswerable
from rag_llm_system.application.evaluation.data_set import Selection, read_data_set

LEAST_TIMED = 200
"""Questions that are asked at least, where the collection has as many: judged ones first."""
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Task:
    """Passages and questions.

    Args:
        passages: id, title and text of each, in the order of the collection.
        questions: asked once each; the judged ones first.
        warm_up: asked before, and not measured.
        relevance: question id -> passage id -> how relevant it is; of the judged ones.
    """

    passages: list[dict[str, str]]
    questions: list[dict[str, str]]
    warm_up: list[dict[str, str]]
    relevance: dict[str, dict[str, int]]

    def as_given(self) -> dict[str, Any]:
        """Gives what a system may see: all but the judgements."""
        return {"passages": self.passages, "questions": self.questions, "warm_up": self.warm_up}


def read_task(folder: Path, n_passages: int) -> Task:
    """Gives the first passages of a collection, and the questions whose relevant passages are all among them.

    The clock needs more questions than these, and each another one: those about other passages follow.

    Raises:
        NotFoundError: the collection is not there.
        InputError: a line of it cannot be used, or no question is left.
    """
    data_set = read_data_set(folder, Selection(limit_docs=n_passages))
    judged = list(data_set.questions)
    others = [one for one in read_questions(folder, QUERIES).values() if one.id not in data_set.relevance]
    return Task(
        passages=[{"id": one.id, "title": one.title, "text": one.text} for one in data_set.documents()],
        questions=_plain([*judged, *others[: max(0, LEAST_TIMED - len(judged))]]),
        warm_up=_plain(list(read_unanswerable(folder).values())[:_WARM_UP]),
        relevance={question: dict(grades) for question, grades in data_set.relevance.items()},
    )


def _plain(questions: list[Question]) -> list[dict[str, str]]:
    return [asdict(question) for question in questions]
