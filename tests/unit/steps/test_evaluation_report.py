"""The page and the metadata of an evaluation, and that nothing foreign gets into the page."""

from datetime import UTC, datetime

import pytest

pytest.importorskip("zenml", reason="needs the extra pipelines")

from rag_llm_system.application.evaluation.report import EvaluationRun
from steps.evaluation.evaluation_report import evaluation_html, evaluation_metadata
from tests.unit.steps.test_run_report import HOSTILE, Page

RUN = EvaluationRun(
    data_set="scifact",
    split="dev half",
    started_at=datetime(2026, 11, 21, tzinfo=UTC),
    seconds=61.0,
    figures={"ndcg@10": 0.75, "recall@100": 1.0, "p50_ms": 0.9, "docs": 5183.0, "peak_rss_mb": 0.5},
    standard_errors={"ndcg@10": 0.0123},
    stage_ms={"search": 4.0, "fusion": 1.0},
    per_question={"ndcg@10": {"a": 0.5, "b": 1.0, "c": 1.0}, "ms": {"a": 1.0, "b": 2.0}},
    settings={"top_k": 3, "text_embedding_model_id": HOSTILE},
    machine={"cpu": HOSTILE},
    notes=(HOSTILE,),
)


def test_shares_stand_with_their_errors_and_nothing_else_is_a_share() -> None:
    page = Page(evaluation_html(RUN))
    assert {"scifact: dev half", "0.750 ± 0.012", "1.000", "4.00"} <= set(page.texts)
    table = page.texts[page.texts.index("Counts, times, memory") :]
    assert {"p50_ms", "5,183", "peak_rss_mb"} <= set(table)


def test_a_histogram_counts_every_question_once() -> None:
    texts = Page(evaluation_html(RUN)).texts
    of_ndcg = texts[texts.index("Questions by ndcg@10") + 1 : texts.index("Questions by ms")]
    assert of_ndcg == ["0", "0", "0", "0", "0", "1", "0", "0", "0", "2", "0", "1.0000"]
    of_ms = texts[texts.index("Questions by ms") + 1 :][:12]
    assert of_ms == ["0", "0", "0", "0", "0", "1", "0", "0", "0", "1", "0", "2"]


def test_a_page_holds_nothing_that_runs() -> None:
    page = evaluation_html(RUN)
    assert "<script" not in page
    assert sum(HOSTILE in text for text in Page(page).texts) == 3


def test_a_run_without_questions_by_value_is_a_page_too() -> None:
    bare = RUN.model_copy(update={"per_question": {}, "stage_ms": {}, "settings": {}, "figures": {}})
    assert "the defaults" in Page(evaluation_html(bare)).texts


def test_metadata_is_numbers_and_mappings() -> None:
    metadata = evaluation_metadata(RUN)
    assert metadata["ndcg@10"] == 0.75
    assert metadata["standard errors"] == {"ndcg@10": 0.0123}
    assert metadata["settings that are not the defaults"]["top_k"] == "3"
    assert "milliseconds by stage" not in evaluation_metadata(RUN.model_copy(update={"stage_ms": {}}))
