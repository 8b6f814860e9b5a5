"""From raw documents to a searchable index."""

from zenml import pipeline
from zenml.enums import ExecutionMode

from steps.feature_engineering.load_to_vector_db import load_cleaned_documents, load_embedded_chunks
from steps.feature_engineering.query_data_warehouse import query_data_warehouse


@pipeline(enable_cache=False, execution_mode=ExecutionMode.FAIL_FAST)
def feature_engineering(author_full_names: list[str] | None = None, fresh: bool = False, switch: bool = True) -> None:
    """Cleans, chunks, embeds and loads what is new or changed of these authors (None: of all).

    Args:
        author_full_names: whose documents.
        fresh: begin a generation of the index with nothing in it.
        switch: whether what comes out is what questions are answered from.
    """
    selection = query_data_warehouse(author_full_names)
    cleaning = load_cleaned_documents(selection, fresh=fresh)
    load_embedded_chunks(cleaning, fresh=fresh, switch=switch)
