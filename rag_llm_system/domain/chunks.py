"""Chunks and windows: a chunk is a unit of context, a window is what is embedded.

Both are spans [start, end) in characters of the cleaned document's text. The windows of a chunk together hold every
character of it, and the chunks of a document together hold every character of the document.
"""

import uuid
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.cleaned_documents import CleanedDocument

_NAMESPACE = uuid.UUID("b7e5a0c2-41f5-5d0e-a0a6-2f1c6f0e7d55")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A unit of context: text that makes sense on its own. `path` names the file within a repository, else ''."""

    id: str
    document: CleanedDocument
    start: int
    end: int
    path: str = ""

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Window:
    """A span of a chunk that fits into the embedder's window with its heading.

    `heading` says what the words are from (title and path, a few tokens at the most) and is embedded before them.
    """

    id: str
    chunk: Chunk
    start: int
    end: int
    heading: str = ""

    @property
    def text(self) -> str:
        return self.chunk.document.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class EmbeddedWindow:
    """A window and its vector: float32, shape (dimension,), L2-normalised."""

    window: Window
    vector: NDArray[np.float32]


def span_id(document_id: str, start: int, end: int, text: str) -> str:
    """Gives the UUIDv5 of a span: equal texts of two documents, or twice in one, keep ids of their own."""
    return str(uuid.uuid5(_NAMESPACE, f"{document_id}\n{start}:{end}\n{text}"))
