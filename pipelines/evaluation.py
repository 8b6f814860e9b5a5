"""From a collection with known answers to figures."""

from zenml import pipeline
from zenml.enums import ExecutionMode

from steps.evaluation.evaluate_data_set import evaluate_data_set


@pipeline(enable_cache=False, execution_mode=ExecutionMode.FAIL_FAST)
def evaluation(
    data_dir: str,
    split: str = "dev",
    limit_docs: int | None = None,
    limit_queries: int | None = None,
    settings: list[str] | None = None,
) -> None:
    """Measures retrieval and answers on a folder in BEIR layout, in an index of its own that it removes.

    Args:
        data_dir: the folder.
        split: dev, to choose by; test, to report; all.
        limit_docs: only the first documents, and their questions.
        limit_queries: only the first questions.
        settings: "key=value" texts that win over the settings that are set.
    """
    evaluate_data_set(data_dir, split, limit_docs, limit_queries, settings)
