"""From windows to embedded windows, and from those to the points that an index keeps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_llm_system.domain.chunks import EmbeddedWindow, Window
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.domain.ports.embedder import Embedder


@dataclass(frozen=True)
class WindowEmbedder:
    """Embeds windows in batches of `batch_size`."""

    embedder: Embedder
    batch_size: int = 64

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigurationError(f"The embedding batch size is {self.batch_size}: set it to 1 or more.")

    def embed(
        self, windows: Sequence[Window], *, on_progress: Callable[[int, int], None] | None = None
    ) -> list[EmbeddedWindow]:
        """Gives the windows with their vectors, in order; `on_progress` is told how many of how many are done."""
        embedded: list[EmbeddedWindow] = []
        for start in range(0, len(windows), self.batch_size):
            batch = windows[start : start + self.batch_size]
            vectors = self.embedder.embed([embedding_text(window) for window in batch])
            embedded += (EmbeddedWindow(window, vector) for window, vector in zip(batch, vectors, strict=True))
            if on_progress is not None:
                on_progress(len(embedded), len(windows))
        return embedded


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
