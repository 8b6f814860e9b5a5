"""From links to raw documents in the document store."""

from zenml import pipeline
from zenml.enums import ExecutionMode

from steps.etl.crawl_links import crawl_links
from steps.etl.get_or_create_user import get_or_create_user


@pipeline(enable_cache=False, execution_mode=ExecutionMode.FAIL_FAST)
def digital_data_etl(user_full_name: str, links: list[str]) -> None:
    """Fetches everything that the links lead to and stores it as that user's."""
    user = get_or_create_user(user_full_name)
    crawl_links(user=user, links=links)
