"""What is searched and what is asked: real texts, cut and embedded as the product does it, and kept beside."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measured_data import data_folder
from rag_llm_system.application.preprocessing.dispatchers import CleaningDispatcher
from rag_llm_system.application.preprocessing.embedding_data_handlers import (
    KEYWORD_TEXT_VERSION,
    embed_windows,
    index_point,
)
from rag_llm_system.bootstrap.embedding import chunking_dispatcher, open_embedder
from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category, document_id
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.settings import Settings

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Material:
    """Real windows and real questions.

    Args:
        name: of the collection of texts.
        embedder: its fingerprint.
        payloads: of the windows.
        texts: what the keyword half indexes of each window.
        vectors: of the windows: float32, shape (n_windows, dimension), rows L2-normalised.
        questions: in their order.
        question_vectors: float32, shape (n_questions, dimension), rows L2-normalised.
        relevant: for each question the relevant documents and how relevant each is; None where nobody has judged.
    """

    name: str
    embedder: str
    payloads: list[dict[str, Any]]
    texts: list[str]
    vectors: NDArray[np.float32]
    questions: list[str]
    question_vectors: NDArray[np.float32]
    relevant: list[dict[str, int]] | None

    @property
    def document_ids(self) -> list[str]:
        """The document of each window."""
        return [payload["document_id"] for payload in self.payloads]


@dataclass(frozen=True)
class _Texts:
    name: str
    documents: list[ArticleDocument]
    questions: list[str]
    relevant: list[dict[str, int]] | None


def read_material(settings: Settings, cache: Path, tell: Tell, *, most_documents: int | None = None) -> Material:
    """Gives SciFact where `RAG_TEST_DATA_DIR` holds it, else what the installed packages say of themselves.

    Args:
        settings: the product's; they name the embedder and the sizes of windows.
        cache: a folder that keeps what was embedded.
        tell: is given a line when something takes long.
        most_documents: read no more than these, for a trial.
    """
    scifact = data_folder("scifact")
    texts = _scifact(scifact, most_documents) if scifact.is_dir() else _packages(most_documents)
    embedder, tokenizer = open_embedder(settings, tell)
    chunking = chunking_dispatcher(settings, tokenizer, embedder)
    parts = [texts.name, embedder.fingerprint, chunking.settings_fingerprint(), str(KEYWORD_TEXT_VERSION)]
    parts += texts.questions
    parts += [document.content_hash() for document in texts.documents]
    kept = cache / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}.npz"
    if not kept.is_file():
        tell(f"embedding {len(texts.documents):,} documents of {texts.name}, once; kept in {cache}")
        cleaning = CleaningDispatcher()
        windows = [window for document in texts.documents for window in chunking.windows(cleaning.clean(document))]
        points = [index_point(embedded) for embedded in embed_windows(embedder, windows)]
        _keep(kept, points, embedder.embed(texts.questions))
    with np.load(kept) as arrays:
        stored = json.loads(arrays["stored"].tobytes())
        vectors, question_vectors = arrays["vectors"], arrays["question_vectors"]
    return Material(
        name=texts.name,
        embedder=embedder.fingerprint,
        payloads=stored["payloads"],
        texts=stored["texts"],
        vectors=vectors,
        questions=texts.questions,
        question_vectors=question_vectors,
        relevant=texts.relevant,
    )


def _keep(file: Path, points: list[IndexPoint], question_vectors: NDArray[np.float32]) -> None:
    """Writes the arrays and, as JSON in bytes, the rest; under another name first, so that no half file is read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    stored = {"payloads": [dict(point.payload) for point in points], "texts": [point.text for point in points]}
    new = file.with_name(f"{file.stem}.{os.getpid()}.new.npz")
    np.savez(
        new,
        vectors=np.stack([point.vector for point in points if point.vector is not None]),
        question_vectors=question_vectors,
        stored=np.frombuffer(json.dumps(stored).encode(), np.uint8),
    )
    new.replace(file)


def _scifact(folder: Path, most_documents: int | None) -> _Texts:
    """Gives the corpus and the test questions of BEIR's SciFact."""
    rows = list(_json_lines(folder / "corpus.jsonl"))[:most_documents]
    documents = [_article("scifact", row["_id"], row["title"], row["text"]) for row in rows]
    judged: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        question_id, corpus_id, grade = line.split("\t")
        judged.setdefault(question_id, {})[_document_id("scifact", corpus_id)] = int(grade)
    questions = {row["_id"]: row["text"] for row in _json_lines(folder / "queries.jsonl") if row["_id"] in judged}
    relevant = [judged[question_id] for question_id in questions]
    return _Texts("SciFact", documents, list(questions.values()), relevant)


def _packages(most_documents: int | None) -> _Texts:
    """Gives the descriptions of the installed packages; the questions are their one-line summaries."""
    found = {one.name.lower(): one.metadata.json for one in distributions() if one.metadata and one.name}
    described = [(name, metadata) for name, metadata in sorted(found.items()) if metadata.get("summary")]
    documents = [
        _article("packages", name, name, f"{metadata['summary']}\n\n{metadata.get('description', '')}")
        for name, metadata in described[:most_documents]
    ]
    questions = [str(metadata["summary"]) for _, metadata in described[:most_documents]]
    return _Texts("descriptions of the installed packages", documents, questions, None)


def _article(source: str, key: str, title: str, text: str) -> ArticleDocument:
    return ArticleDocument(
        id=_document_id(source, key),
        platform=source,
        link=f"{source}://{key}",
        author_id="00000000-0000-0000-0000-000000000001",
        author_full_name=source,
        content=ArticleContent(title=title, text=text),
    )


def _document_id(source: str, key: str) -> str:
    return document_id(Category.ARTICLES, f"{source}://{key}")


def _json_lines(file: Path) -> Iterator[Mapping[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
