"""The day of publication goes from what a crawler wrote down to the payload of each window."""

from typing import Any

import numpy as np
import pytest

from rag_llm_system.application.preprocessing.cleaning_data_handlers import ArticleCleaningHandler
from rag_llm_system.application.preprocessing.embedding_data_handlers import index_point
from rag_llm_system.domain.chunks import Chunk, EmbeddedWindow, Window
from rag_llm_system.domain.documents import ArticleContent, ArticleDocument


def payload_of(metadata: dict[str, Any]) -> dict[str, Any]:
    document = ArticleCleaningHandler().clean(
        ArticleDocument(
            id="d",
            platform="web",
            link="https://example.org/",
            author_id="a",
            author_full_name="Ada",
            metadata=metadata,
            content=ArticleContent(text="Tea is hot."),
        )
    )
    window = Window("w", Chunk("c", document, 0, len(document.text)), 0, len(document.text))
    return dict(index_point(EmbeddedWindow(window, np.ones(3, np.float32))).payload)


def test_a_known_day_is_in_the_payload() -> None:
    assert payload_of({"published": "2024-03-01T09:30:00Z"})["published_day"] == 20240301


@pytest.mark.parametrize("metadata", [{}, {"published": ""}, {"published": "soon"}, {"published": None}])
def test_an_unknown_day_is_left_out(metadata: dict[str, Any]) -> None:
    assert "published_day" not in payload_of(metadata)
