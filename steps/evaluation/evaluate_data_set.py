"""How good retrieval and answers are on a collection with known answers."""

from pathlib import Path
from typing import Annotated

from zenml import step
from zenml.types import HTMLString

from rag_llm_system.application.evaluation.data_set import Selection, Split, read_data_set, split_selection
from rag_llm_system.application.evaluation.report import EvaluationRun
from rag_llm_system.bootstrap.evaluation import evaluate
from rag_llm_system.bootstrap.evaluation_home import read_overrides
from steps.evaluation.evaluation_report import evaluation_html, evaluation_metadata
from steps.progress import progress_bar, tell
from steps.run_metadata import log_on_step_and_run


@step
def evaluate_data_set(
    data_dir: str,
    split: Split,
    limit_docs: int | None = None,
    limit_queries: int | None = None,
    settings: list[str] | None = None,
) -> tuple[Annotated[EvaluationRun, "evaluation"], Annotated[HTMLString, "evaluation_report"]]:
    """Indexes the documents in a home of their own, asks the questions, and gives the figures.

    `settings` are "key=value" texts that win over those that are set.
    """
    overrides = read_overrides(settings or [])
    qrels, half = split_selection(Path(data_dir), split)
    data_set = read_data_set(Path(data_dir), Selection(qrels, half, limit_docs, limit_queries))
    run = evaluate(data_set, overrides, tell=tell, progress_bar=progress_bar)
    log_on_step_and_run("evaluation", evaluation_metadata(run))
    return run, HTMLString(evaluation_html(run))
