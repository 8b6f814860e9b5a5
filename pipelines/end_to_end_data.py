"""From links to a searchable index, in one run."""

from zenml import pipeline
from zenml.enums import ExecutionMode

from steps.etl.crawl_links import crawl_links
from steps.etl.get_or_create_user import get_or_create_user
from steps.feature_engineering.load_to_vector_db import load_cleaned_documents, load_embedded_chunks
from steps.feature_engineering.query_data_warehouse import query_data_warehouse


@pipeline(enable_cache=False, execution_mode=ExecutionMode.FAIL_FAST)
def end_to_end_data(author_links: list[tuple[str, list[str]]]) -> None:
    """Fetches what each author's links lead to, then brings everything that is new or changed into the index."""
    crawled = []
    for user_full_name, links in author_links:
        user = get_or_create_user(user_full_name)
        ingestion, _ = crawl_links(user=user, links=links)
        crawled.append(ingestion)
    selection = query_data_warehouse(None, after=crawled)
    cleaning = load_cleaned_documents(selection)
    load_embedded_chunks(cleaning)
