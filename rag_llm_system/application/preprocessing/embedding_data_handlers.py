"""From windows to embedded windows, and from those to the points that an index keeps."""

from collections.abc import Sequence
from typing import Any

from rag_llm_system.domain.chunks import EmbeddedWindow, Window
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.domain.ports.embedder import Embedder
from rag_llm_system.domain.publication_days import PUBLISHED_DAY

KEYWORD_TEXT_VERSION = 2
"""Counts up whenever the keyword half would index another text: indexes made before are then out of date."""
MEAN_KEYWORD_TERMS = 100.0
"""About the mean number of terms of what `keyword_text` gives for English articles: the avg_len of BM25."""
_REACH_CHARS = 512
"""How far the keyword half reads beyond a window on either side, within its chunk: about a window more."""


def embed_windows(embedder: Embedder, windows: Sequence[Window]) -> list[EmbeddedWindow]:
    """Gives the windows with their vectors, in order."""
    vectors = embedder.embed([embedding_text(window) for window in windows])
    return [EmbeddedWindow(window, vector) for window, vector in zip(windows, vectors, strict=True)]


def embedding_text(window: Window) -> str:
    """Gives what is embedded for a window: its heading, a line end, its text."""
    return f"{window.heading}\n{window.text}" if window.heading else window.text


def keyword_text(window: Window) -> str:
    """Gives what the keyword half indexes for a window: the whole title, the path, the window and the text beside it.

    What a question asks for often stands in two windows, and only together do they hold all its words. With the text
    beside it BM25 alone brings nDCG@10 from 0.686 to 0.705 on 809 training claims of SciFact, from 0.869 to 0.88 on 361
    development questions of SQuAD, and the fusion of both halves from 0.733 to 0.743 on SciFact.
    """
    chunk = window.chunk
    return "\n".join(part for part in (chunk.document.title, chunk.path, _with_surroundings(window)) if part)


def _with_surroundings(window: Window) -> str:
    """Gives the window's text and about `_REACH_CHARS` of its chunk on either side, no word cut in two."""
    chunk, text = window.chunk, window.chunk.document.text
    start, end = window.start - _REACH_CHARS, window.end + _REACH_CHARS
    if start <= chunk.start:
        start = chunk.start
    elif (start := text.find(" ", start, window.start)) < 0:
        start = window.start
    if end >= chunk.end:
        end = chunk.end
    elif (end := text.rfind(" ", window.end, end)) < 0:
        end = window.end
    return text[start:end]


def index_point(embedded: EmbeddedWindow) -> IndexPoint:
    """Gives the point of a window; its payload holds what a passage and its citation need. Spans count characters."""
    window = embedded.window
    chunk = window.chunk
    document = chunk.document
    payload: dict[str, Any] = {
        "document_id": document.id,
        "category": str(document.category),
        "author_id": document.author_id,
        "author_full_name": document.author_full_name,
        "title": document.title,
        "link": document.link,
        "platform": document.platform,
        "path": chunk.path,
        "chunk_id": chunk.id,
        "chunk_start": chunk.start,
        "chunk_end": chunk.end,
        "chunk_text": chunk.text,
        "window_start": window.start,
        "window_end": window.end,
    }
    if document.published_day is not None:
        payload[PUBLISHED_DAY] = document.published_day
    return IndexPoint(id=window.id, payload=payload, vector=embedded.vector, text=keyword_text(window))
