import uuid
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.application.preprocessing.dispatchers import ChunkingDispatcher
from rag_llm_system.application.preprocessing.embedding_data_handlers import (
    embed_windows,
    embedding_text,
    index_point,
    keyword_text,
)
from rag_llm_system.domain.chunks import Chunk, EmbeddedWindow, Window
from tests.unit.application.preprocessing.cases import WordTokenizer, cleaned, repository


class LengthEmbedder:
    """Makes of a text a unit vector at an angle of its length."""

    dimension = 2
    max_tokens = 254
    fingerprint = "length"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        angles = np.array([len(text) for text in texts], dtype=np.float32)
        return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def _windows(n_sentences: int) -> list[Window]:
    text = "".join(f"Sentence {number} says {'more ' * (number % 7)}things. " for number in range(n_sentences))
    return ChunkingDispatcher(WordTokenizer(), max_window_tokens=8).windows(cleaned(text, title="The title"))


def test_windows_come_back_in_order_with_their_vectors() -> None:
    windows = _windows(10)
    embedded = embed_windows(LengthEmbedder(), windows)
    assert [each.window for each in embedded] == windows
    for each in embedded:
        assert np.array_equal(each.vector, LengthEmbedder().embed([embedding_text(each.window)])[0])


def test_the_title_is_embedded_before_the_words() -> None:
    window = _windows(1)[0]
    assert embedding_text(window) == f"The title\n{window.text}"
    assert embedding_text(Window("id", window.chunk, window.start, window.end)) == window.text


def test_a_point_holds_what_a_citation_needs() -> None:
    document = repository({"src/a.py": "x = 1\n" * 3, "src/b.py": "print(2)\n" * 40})
    window = ChunkingDispatcher(WordTokenizer(), max_window_tokens=60).windows(document)[2]
    vector = np.array([0.6, 0.8], dtype=np.float32)
    point = index_point(EmbeddedWindow(window, vector))
    assert point.id == window.id == str(uuid.UUID(point.id))
    assert point.vector is vector
    assert point.text == keyword_text(window)
    assert point.text.startswith(f"owner/name\nsrc/b.py\n{window.text}")
    payload = dict(point.payload)
    assert document.text[payload["chunk_start"] : payload["chunk_end"]] == payload.pop("chunk_text")
    assert payload == {
        "document_id": document.id,
        "category": "repositories",
        "author_id": "author-1",
        "author_full_name": "Ada Lovelace",
        "title": "owner/name",
        "link": document.link,
        "platform": "file",
        "path": "src/b.py",
        "chunk_id": window.chunk.id,
        "chunk_start": window.chunk.start,
        "chunk_end": window.chunk.end,
        "window_start": window.start,
        "window_end": window.end,
    }
    assert type(payload["category"]) is str


def test_the_keyword_half_reads_what_is_beside_a_window_too() -> None:
    text = " ".join(f"word{number}" for number in range(1000))
    document = cleaned(text, title="The title")
    chunk = Chunk("chunk", document, text.index("word200"), text.index("word900"))
    start = text.index("word500")
    window = Window("window", chunk, start, text.index(" word520"))

    title, read = keyword_text(window).split("\n")
    assert title == "The title"
    before, after = read.split(window.text)
    assert all(500 < len(beside) <= 512 for beside in (before, after))
    assert set(read.split()) < set(text.split())


def test_the_keyword_half_does_not_read_beyond_the_chunk() -> None:
    text = "one two three four five six"
    chunk = Chunk("chunk", cleaned(text), text.index("two"), text.index(" six"))
    assert (
        keyword_text(Window("window", chunk, text.index("three"), text.index(" five")))
        == "A title\ntwo three four five"
    )


def test_a_word_without_an_end_is_not_read_in_part() -> None:
    text = "x" * 2000 + "middle" + "y" * 2000
    chunk = Chunk("chunk", cleaned(text), 0, len(text))
    assert keyword_text(Window("window", chunk, 2000, 2006)) == "A title\nmiddle"
