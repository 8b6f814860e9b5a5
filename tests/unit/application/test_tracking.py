"""What of a run is written down."""

from datetime import UTC, datetime

from rag_llm_system.application.evaluation.report import EvaluationRun
from rag_llm_system.application.indexing.selection import CleaningReport, IndexingReport, IndexPlan
from rag_llm_system.application.ingestion.ingest import IngestionReport
from rag_llm_system.application.tracking import EVALUATION_FILE, FAILURES_FILE, tracked_run
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.ports.document_store import SaveOutcome

STARTED = datetime(2026, 11, 21, tzinfo=UTC)
INGESTION = IngestionReport(
    saved={Category.ARTICLES: SaveOutcome(2, 1, 0), Category.POSTS: SaveOutcome(0, 0, 4)},
    failures=(("a.pdf", "holds no text"),),
    seconds=1.23456,
)
CLEANING = CleaningReport(
    plan=IndexPlan(n_unchanged=4), n_cleaned=3, n_chars=900, failures={"posts/7": "odd"}, seconds=0.5
)
INDEXING = IndexingReport(
    n_documents=3,
    n_unchanged=4,
    n_gone=1,
    n_chunks=6,
    n_windows=50,
    n_embedded=40,
    n_reused=10,
    failures={"posts/8": "too odd"},
    seconds={"chunk": 0.25, "embed": 2.0},
    totals={"article_chunks_embedded": 70},
)


def test_each_report_is_a_group_of_metrics() -> None:
    run = tracked_run(
        "end_to_end_data", started_at=STARTED, seconds=4.0004, ingestion=INGESTION, cleaning=CLEANING, indexing=INDEXING
    )
    assert run.metrics == {
        "seconds": 4.0,
        "ingestion/n_new": 2, "ingestion/n_changed": 1, "ingestion/n_unchanged": 4, "ingestion/n_failed": 1,
        "ingestion/n_gone": 0, "ingestion/n_moved": 0, "ingestion/n_kept": 0, "ingestion/n_reowned": 0,
        "ingestion/n_articles": 3, "ingestion/n_posts": 4, "ingestion/seconds": 1.235,
        "cleaning/n_cleaned": 3, "cleaning/n_chars": 900, "cleaning/n_failed": 1, "cleaning/seconds": 0.5,
        "indexing/n_documents": 3, "indexing/n_unchanged": 4, "indexing/n_gone": 1, "indexing/n_chunks": 6,
        "indexing/n_windows": 50, "indexing/n_embedded": 40, "indexing/n_reused": 10, "indexing/n_failed": 1,
        "indexing/chunk_seconds": 0.25, "indexing/embed_seconds": 2.0, "indexing/n_windows_per_second": 20.0,
        "index/article_chunks_embedded": 70,
    }  # fmt: skip
    assert all(type(value) is float for value in run.metrics.values())


def test_what_was_left_out_is_a_file_a_line_each() -> None:
    run = tracked_run("etl", started_at=STARTED, seconds=1, ingestion=INGESTION, cleaning=CLEANING, indexing=INDEXING)
    assert run.artifacts == {FAILURES_FILE: "a.pdf: holds no text\nposts/7: odd\nposts/8: too odd\n"}


def test_a_run_without_reports_has_its_time_and_its_pipeline() -> None:
    run = tracked_run(
        "etl", started_at=STARTED, seconds=1, status="failed", parameters={"n_links": 2}, tags={"by": "me"}
    )
    assert (run.status, run.metrics, run.artifacts) == ("failed", {"seconds": 1.0}, {})
    assert (run.parameters, run.tags) == ({"n_links": 2}, {"pipeline": "etl", "by": "me"})


def test_nothing_embedded_is_no_division_by_zero() -> None:
    nothing = INDEXING.model_copy(update={"n_embedded": 0, "seconds": {"embed": 0.5}})
    assert (
        "indexing/n_windows_per_second" not in tracked_run("f", started_at=STARTED, seconds=1, indexing=nothing).metrics
    )


def test_an_evaluation_is_figures_what_it_was_made_on_and_a_file() -> None:
    run = EvaluationRun(
        data_set="scifact",
        split="dev",
        started_at=STARTED,
        seconds=1,
        figures={"ndcg@10": 0.7},
        settings={"top_k": 3, "rag_window_tokens": 64},
    )
    tracked = tracked_run(
        "evaluation", started_at=STARTED, seconds=1, evaluation=run, parameters={"rag_window_tokens": 128}
    )
    assert tracked.metrics == {"seconds": 1.0, "evaluation/ndcg_at_10": 0.7}
    assert tracked.parameters == {"data_set": "scifact", "split": "dev", "top_k": "3", "rag_window_tokens": "64"}
    assert EvaluationRun.from_json(tracked.artifacts[EVALUATION_FILE], EVALUATION_FILE) == run
