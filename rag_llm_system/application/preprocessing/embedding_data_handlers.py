"""From windows to embedded windows, and from those to the points that an index keeps."""

from collections.abc import Sequence

from rag_llm_system.domain.chunks import EmbeddedWindow, Window
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.domain.ports.embedder import Embedder


def embed_windows(embedder: Embedder, windows: Sequence[Window]) -> list[EmbeddedWindow]:
    """Gives the windows with their vectors, in order."""
    vectors = embedder.embed([embedding_text(window) for window in windows])
    return [EmbeddedWindow(window, vector) for window, vector in zip(windows, vectors, strict=True)]


def embedding_text(window: Window) -> str:
    """Gives what is embedded for a window: its heading, a line end, its text."""
    return f"{window.heading}\n{window.text}" if window.heading else window.text


def keyword_text(window: Window) -> str:
    """Gives what the keyword half indexes for a window: the whole title, the path, the window's text."""
    chunk = window.chunk
    return "\n".join(part for part in (chunk.document.title, chunk.path, window.text) if part)


def index_point(embedded: EmbeddedWindow) -> IndexPoint:
    """Gives the point of a window; its payload holds what a passage and its citation need. Spans count characters."""
    window = embedded.window
    chunk = window.chunk
    document = chunk.document
    payload = {
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
    return IndexPoint(id=window.id, payload=payload, vector=embedded.vector, text=keyword_text(window))
