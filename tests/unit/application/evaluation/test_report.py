"""What is made of answers, and how a run is kept."""

import json
from datetime import UTC, datetime

import pytest

from rag_llm_system.application.evaluation.harness import Answers, Searches
from rag_llm_system.application.evaluation.report import (
    EvaluationRun,
    answer_figures,
    answer_measures,
    failure_notes,
    means,
    run_lines,
    search_figures,
    standard_errors,
)
from rag_llm_system.domain.answers import REFUSAL, Answer, Citation
from rag_llm_system.domain.errors import InputError

SOURCE = "Pride comes before the fall."
RUN = EvaluationRun(
    data_set="d",
    split="test",
    started_at=datetime(2026, 11, 21, tzinfo=UTC),
    seconds=2.5,
    figures={"ndcg@10": 0.75, "docs": 5183, "answer_words": 17.25},
    standard_errors={"ndcg@10": 0.01},
    per_question={"ndcg@10": {"a": 0.5, "b": 1.0}},
    settings={"top_k": 3},
    notes=("careful",),
)


def citation(quote: str, start: int, document: str = "d") -> Citation:
    return Citation(1, "", "", "", quote, document, start, start + len(quote))


def answered() -> Answers:
    refusal = Answer(REFUSAL, (), (), refused=True)
    hit = Answer('"Pride comes before" [1]', (citation("Pride", 0), citation("fall", 23)), (), refused=False)
    miss = Answer('"the fall" [1]', (citation("fall", 22),), (), refused=False)
    return Answers({"a": hit, "b": refusal, "c": miss, "u": refusal, "v": miss}, {"a": 10.0, "b": 30.0})


def test_answers_are_measured_by_kind_of_question() -> None:
    found = answer_measures(answered(), {"a": ("pride",), "b": (REFUSAL,), "c": ("Pride",)})
    assert found == {
        "answer_hit": {"a": 1.0, "b": 0.0, "c": 0.0},  # a refusal is no hit, whatever its words
        "refused_answerable": {"a": 0.0, "b": 1.0, "c": 0.0},
        "refused_unanswerable": {"u": 1.0, "v": 0.0},
        "answer_words": {"a": 3, "c": 2, "v": 2},
        "answer_sentences": {"a": 1, "c": 1, "v": 1},
    }


def test_citations_are_held_against_the_source() -> None:
    figures = answer_figures(answered(), lambda one: SOURCE[one.start : one.end] if one.document_id == "d" else None)
    assert figures == {"citation_exact": 0.5, "answer_p50_ms": 20.0, "answer_p95_ms": 29.0}
    assert answer_figures(answered(), lambda _: None)["citation_exact"] == 0.0
    assert answer_figures(Answers(), lambda _: "") == {}


def test_means_have_standard_errors() -> None:
    values = {"m": {"a": 0.0, "b": 1.0, "c": 0.0, "d": 1.0}, "one": {"a": 0.5}, "none": {}}
    assert means(values) == {"m": 0.5, "one": 0.5}
    assert standard_errors(values) == {"m": pytest.approx((1 / 3) ** 0.5 / 2), "one": 0.0}


def test_times_of_searches_count_every_question() -> None:
    searches = Searches(milliseconds={"a": 1.0, "b": 3.0}, failures={"c": "too long"})
    searches.consumption.cpu_seconds = 0.03
    assert search_figures(searches) == {"p50_ms": 2.0, "p95_ms": 2.9, "cpu_ms_per_query": pytest.approx(10.0)}
    assert failure_notes({"c": "too long"}, {"c": "too odd"}) == ["2 questions could not be asked; the first: too long"]
    assert failure_notes({}, {}) == []


def test_a_run_is_kept_with_its_figures_on_top() -> None:
    text = RUN.to_json()
    assert json.loads(text)["ndcg@10"] == 0.75
    assert '"docs": 5183,' in text
    assert json.loads(text)["per_question"]["ndcg@10"] == {"a": 0.5, "b": 1.0}
    assert EvaluationRun.from_json(text, "run.json") == RUN


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ndcg@10": 0.5}', "5", "[" * 100_000])
def test_what_is_no_run_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"run\.json is no run of poe evaluate"):
        EvaluationRun.from_json(text, "run.json")


def test_a_run_is_told_with_errors_settings_and_notes() -> None:
    lines = [line.split() for line in run_lines(RUN)]
    assert ["ndcg@10", "0.7500", "±", "0.0100"] in lines
    assert ["docs", "5,183"] in lines
    assert ["settings:", "top_k=3"] in lines
    assert ["note:", "careful"] in lines
