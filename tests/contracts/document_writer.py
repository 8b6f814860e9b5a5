"""A process of its own that writes documents: `python -m tests.contracts.document_writer URL NAME N_DOCUMENTS`."""

import sys

from rag_llm_system.domain.documents import ArticleContent, ArticleDocument
from tests.document_stores import open_store


def main(url: str, name: str, n_documents: int) -> None:
    store = open_store(url)
    for number in range(n_documents):
        article = ArticleDocument(
            id=f"{name}-{number:03}",
            platform="test",
            link=f"https://example.com/{name}/{number}",
            author_id=store.get_or_create("Ada Lovelace").id,
            author_full_name="Ada Lovelace",
            content=ArticleContent(text=f"{name} {number}"),
        )
        store.save([article])
        print(article.id, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
