"""The figures of a run: what they are made from, and how they are kept."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from rag_llm_system.application.evaluation.harness import Answers, Searches
from rag_llm_system.application.evaluation.measures import answer_words, count_sentences, holds_gold_answer
from rag_llm_system.domain.answers import Citation
from rag_llm_system.domain.errors import InputError

PerQuestion = dict[str, dict[str, float]]
"""Measure -> question id -> value."""


class EvaluationRun(BaseModel):
    """What a run was about and what came out.

    Args:
        data_set: name of the collection.
        split: in words, which part of it.
        started_at: with a time zone.
        seconds: of the whole run.
        figures: every measure by name; means over questions where `per_question` has the measure too.
        standard_errors: of the means, by measure.
        stage_ms: mean milliseconds by stage of retrieval.
        per_question: the values that the means are of.
        settings: those that are not the defaults.
        versions: of Python, of this system and of what computes.
        machine: what the times depend on.
        notes: what a reader should know, one line each.
    """

    model_config = ConfigDict(frozen=True)

    data_set: str
    split: str
    started_at: datetime
    seconds: float = 0.0
    figures: dict[str, int | float]
    standard_errors: dict[str, float] = {}
    stage_ms: dict[str, float] = {}
    per_question: PerQuestion = {}
    settings: dict[str, str | int | float | bool | None] = {}
    versions: dict[str, str] = {}
    machine: dict[str, str | int | float] = {}
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Gives the run as JSON, the figures on top so that they are read as `run["ndcg@10"]`."""
        fields = self.model_dump(mode="json", exclude={"figures"})
        return json.dumps({**self.figures, **fields}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, place: str) -> "EvaluationRun":
        """Reads what `to_json` gave.

        Args:
            text: of the file.
            place: its name, for messages.

        Raises:
            InputError: it is something else.
        """
        try:
            fields = json.loads(text)
            figures = {name: value for name, value in fields.items() if name not in cls.model_fields}
            return cls.model_validate(
                {**{n: v for n, v in fields.items() if n in cls.model_fields}, "figures": figures}
            )
        except (ValueError, AttributeError, ValidationError, RecursionError):
            raise InputError(f"{place} is no run of poe evaluate: give a file that its --json wrote.") from None


def latency_figures(milliseconds: Sequence[float], prefix: str = "") -> dict[str, float]:
    """Gives the median and the 95th percentile; nothing where nothing was measured."""
    if not milliseconds:
        return {}
    return {f"{prefix}p{share}_ms": float(np.percentile(milliseconds, share)) for share in (50, 95)}


def search_figures(searches: Searches) -> dict[str, float]:
    """Gives the times of all searches together."""
    n_asked = len(searches.milliseconds) + len(searches.failures)
    return {
        **latency_figures(list(searches.milliseconds.values())),
        "cpu_ms_per_query": 1000 * searches.consumption.cpu_seconds / max(1, n_asked),
    }


def answer_measures(answered: Answers, gold_answers: Mapping[str, Sequence[str]]) -> PerQuestion:
    """Gives what can be said of each answer.

    `answer_hit` and `refused_*` are of all questions of their kind, `answer_words` and `answer_sentences` of answers
    that are no refusals.

    Args:
        answered: answers to questions with gold answers and to unanswerable ones.
        gold_answers: question id -> what people answered; the other questions are unanswerable.
    """
    values: PerQuestion = {}

    def note(measure: str, question_id: str, value: float) -> None:
        values.setdefault(measure, {})[question_id] = value

    for question_id, answer in answered.answers.items():
        if question_id in gold_answers:
            hit = not answer.refused and holds_gold_answer(answer.text, gold_answers[question_id])
            note("answer_hit", question_id, float(hit))
            note("refused_answerable", question_id, float(answer.refused))
        else:
            note("refused_unanswerable", question_id, float(answer.refused))
        if not answer.refused:
            note("answer_words", question_id, len(answer_words(answer.text)))
            note("answer_sentences", question_id, count_sentences(answer.text))
    return values


def answer_figures(answered: Answers, source_text: Callable[[Citation], str | None]) -> dict[str, float]:
    """Gives the times of all answers together, and the share of citations whose quote is what the source holds there.

    Args:
        answered: all answers.
        source_text: what stands at a citation's place in its document; None where there is no such place.
    """
    citations = [citation for answer in answered.answers.values() for citation in answer.citations]
    n_exact = sum(citation.quote == source_text(citation) for citation in citations)
    exact = {"citation_exact": n_exact / len(citations)} if citations else {}
    return {**exact, **latency_figures(list(answered.milliseconds.values()), "answer_")}


def failure_notes(*failures: Mapping[str, str]) -> list[str]:
    """Says how many questions could not be asked, and why the first one could not."""
    reasons = [reason for of_stage in failures for reason in of_stage.values()]
    return [f"{len(reasons)} questions could not be asked; the first: {reasons[0]}"] if reasons else []


def means(per_question: PerQuestion) -> dict[str, float]:
    """Gives the mean of each measure over its questions."""
    return {name: float(np.mean(list(values.values()))) for name, values in per_question.items() if values}


def standard_errors(per_question: PerQuestion) -> dict[str, float]:
    """Gives the standard error of each mean: the sample's deviation over the root of n; 0 for a single question."""
    return {
        name: float(np.std(list(values.values()), ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0
        for name, values in per_question.items()
        if values
    }


def run_lines(run: EvaluationRun) -> list[str]:
    """Gives the run as lines for a person."""
    lines = [f"{run.data_set}, {run.split}"]
    for name, value in run.figures.items():
        error = run.standard_errors.get(name)
        spread = f" ± {error:.4f}" if error is not None else ""
        lines.append(f"  {name:<22}{written(value):>12}{spread}")
    changed = ", ".join(f"{key}={value}" for key, value in run.settings.items()) or "the defaults"
    return [*lines, f"  settings: {changed}", *(f"  note: {note}" for note in run.notes)]


def written(value: float) -> str:
    """Gives a figure with as many places as a person compares."""
    if isinstance(value, int) or (value == int(value) and abs(value) >= 2):
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 2 else f"{value:,.1f}"
