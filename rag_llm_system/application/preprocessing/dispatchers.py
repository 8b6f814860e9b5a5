"""Which handler cleans and which one cuts a document: chosen by its category."""

import hashlib
from collections.abc import Mapping

from rag_llm_system.application.preprocessing.chunking_data_handlers import (
    CHUNKING_VERSION,
    ArticleChunkingHandler,
    ChunkingHandler,
    PostChunkingHandler,
    RepositoryChunkingHandler,
)
from rag_llm_system.application.preprocessing.cleaning_data_handlers import (
    CLEANING_VERSION,
    ArticleCleaningHandler,
    PostCleaningHandler,
    RepositoryCleaningHandler,
)
from rag_llm_system.application.preprocessing.tokens import TokenizedText
from rag_llm_system.application.preprocessing.windows import PACKING_VERSION, WindowPacker
from rag_llm_system.domain.chunks import Chunk, Window
from rag_llm_system.domain.cleaned_documents import CleanedDocument
from rag_llm_system.domain.documents import ArticleDocument, Category, Document, PostDocument
from rag_llm_system.domain.ports.embedder import Tokenizer


class CleaningDispatcher:
    """Cleans documents of every category."""

    def __init__(self) -> None:
        self._articles = ArticleCleaningHandler()
        self._posts = PostCleaningHandler()
        self._repositories = RepositoryCleaningHandler()

    def clean(self, document: Document) -> CleanedDocument:
        """Gives the cleaned document; its text is "" where the document holds no words."""
        if isinstance(document, ArticleDocument):
            return self._articles.clean(document)
        if isinstance(document, PostDocument):
            return self._posts.clean(document)
        return self._repositories.clean(document)

    def settings_fingerprint(self) -> str:
        """Gives a SHA-256 (hex); while it stays the same, so does what cleaning makes of a document."""
        return _sha256(f"cleaning {CLEANING_VERSION}")


class ChunkingDispatcher:
    """Cuts cleaned documents of every category into chunks, and these into windows.

    Args:
        tokenizer: the embedder's.
        handlers: handlers in place of the usual ones, such as other sizes for uploads.
        max_window_tokens, max_input_tokens, max_heading_tokens: see `WindowPacker`.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        handlers: Mapping[Category, ChunkingHandler] | None = None,
        max_window_tokens: int = 128,
        max_input_tokens: int = 254,
        max_heading_tokens: int = 32,
    ) -> None:
        self._tokenizer = tokenizer
        self._handlers: dict[Category, ChunkingHandler] = {
            Category.ARTICLES: ArticleChunkingHandler(),
            Category.POSTS: PostChunkingHandler(),
            Category.REPOSITORIES: RepositoryChunkingHandler(),
            **(handlers or {}),
        }
        self._packer = WindowPacker(tokenizer, max_window_tokens, max_input_tokens, max_heading_tokens)

    def chunk(self, document: CleanedDocument) -> list[Chunk]:
        """Gives the chunks in order; a blank text has none.

        Raises:
            MissingExtraError: langchain-text-splitters is not installed.
        """
        return self._chunk(document, TokenizedText.of(document.text, self._tokenizer))

    def windows(self, document: CleanedDocument) -> list[Window]:
        """Gives the windows in order, each with its chunk; every chunk has at least one. The text is tokenised once.

        Raises:
            MissingExtraError: langchain-text-splitters is not installed.
        """
        tokens = TokenizedText.of(document.text, self._tokenizer)
        return self._packer.pack(self._chunk(document, tokens), tokens)

    def settings_fingerprint(self) -> str:
        """Gives a SHA-256 (hex); while it and the tokenizer stay the same, so do the windows of a cleaned document."""
        sizes = (self._packer.max_window_tokens, self._packer.max_input_tokens, self._packer.max_heading_tokens)
        handlers = [f"{category} {self._handlers[category]!r}" for category in Category]
        return _sha256("\n".join([f"chunking {CHUNKING_VERSION} {PACKING_VERSION} {sizes}", *handlers]))

    def _chunk(self, document: CleanedDocument, tokens: TokenizedText) -> list[Chunk]:
        return self._handlers[document.category].chunk(document, tokens)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
