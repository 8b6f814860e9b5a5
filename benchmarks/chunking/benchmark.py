"""Cuts, embeds, indexes and asks, for each way of cutting; what reaches the context is compared with the gold spans."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.chunking.contexts import CONTEXTS, Context, Finding
from benchmarks.chunking.questions import Question, read_questions
from rag_llm_system.application.preprocessing.chunking_strategies import ChunkSizes, Strategy, strategy_handlers
from rag_llm_system.application.preprocessing.dispatchers import ChunkingDispatcher
from rag_llm_system.application.preprocessing.embedding_data_handlers import embed_windows, index_point
from rag_llm_system.application.rag.candidates import Candidate, candidate_from
from rag_llm_system.application.rag.fusion import FusedPoint, Halves, fuse
from rag_llm_system.bootstrap.embedding import open_embedder
from rag_llm_system.bootstrap.machine import machine, versions
from rag_llm_system.domain.chunks import Window
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.index_points import DenseQuery, IndexPoint, KeywordQuery, SearchQuery
from rag_llm_system.domain.ports.embedder import Embedder
from rag_llm_system.infrastructure.vector_stores.factory import VectorStoreFactory
from rag_llm_system.settings import Settings

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
BUDGETS_CHARS = (1000, 2000, 4000, 12_000)
"""The last is what 4,000 tokens hold, at the three characters a token that are assumed of a model that is not known."""
_PREFETCH = 100
_MOST_CHUNKS = 27
_AT_ONCE = 256
_COLLECTION = CHUNK_COLLECTIONS[Category.ARTICLES]

Tell = Callable[[str], None]
Report = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """A way of cutting."""

    strategy: Strategy
    window_tokens: int = 128
    sizes: ChunkSizes = field(default_factory=ChunkSizes)


def choice_of(text: str, window_tokens: int = 128) -> Choice:
    """Reads STRATEGY or STRATEGY:TOKENS, the tokens of its chunks.

    Raises:
        InputError: there is no such strategy, or the size is no number.
    """
    name, _, size = text.partition(":")
    strategy = next((one for one in STRATEGIES if one == name), None)
    if strategy is None or not (size.isdecimal() or not size):
        raise InputError(f"{text} is no way of cutting: write one of {', '.join(STRATEGIES)}, or fixed:250.")
    if not size:
        return Choice(strategy, window_tokens)
    return Choice(strategy, window_tokens, ChunkSizes(int(size), int(size) // 7, int(size)))


def measure_chunking(
    settings: Settings, data: Path, choices: Sequence[Choice], scratch: Path, tell: Tell, keep: Callable[[Report], None]
) -> Report:
    """Gives the report; `keep` is given it after each choice. `scratch` is a folder for indexes, which are removed.

    Raises:
        InputError: `data` does not hold chunking_evaluation.
    """
    documents, questions = read_questions(data)
    embedder, tokenizer = open_embedder(settings, tell)
    asked = embedder.embed([question.text for question in questions])
    report: Report = {
        "machine": machine(),
        "versions": versions(["qdrant-edge-py", "onnxruntime", "langchain-text-splitters"]),
        "embedder": embedder.fingerprint,
        "n_questions": {split: sum(one.split == split for one in questions) for split in ("dev", "test")},
        "choices": [],
    }
    for choice in choices:
        tell(f"{choice.strategy} {choice.sizes.chunk_tokens}, windows of {choice.window_tokens} tokens")
        started = time.process_time()
        handlers = strategy_handlers(choice.strategy, choice.sizes, lambda: embedder)
        cut = ChunkingDispatcher(tokenizer, handlers=handlers, max_window_tokens=choice.window_tokens)
        windows = [window for document in documents for window in cut.windows(document)]
        cut_cpu_s = time.process_time() - started
        points = _points(embedder, windows)
        embed_cpu_s = time.process_time() - started - cut_cpu_s
        findings = _findings(scratch, points, windows, questions, asked, embedder)
        row = {**asdict(choice), **_counts(windows), "cut_cpu_s": cut_cpu_s, "embed_cpu_s": embed_cpu_s}
        report["choices"].append({**row, "results": _results(questions, findings)})
        keep(report)
    return report


def _points(embedder: Embedder, windows: Sequence[Window]) -> list[IndexPoint]:
    slices = (windows[at : at + _AT_ONCE] for at in range(0, len(windows), _AT_ONCE))
    return [index_point(embedded) for some in slices for embedded in embed_windows(embedder, some)]


def _findings(
    scratch: Path,
    points: Sequence[IndexPoint],
    windows: Sequence[Window],
    questions: Sequence[Question],
    vectors: NDArray[np.float32],
    embedder: Embedder,
) -> list[Finding]:
    """Gives what each question finds in an embedded index of these points."""
    shutil.rmtree(scratch, ignore_errors=True)
    recipe = {"path": scratch, "dimension": embedder.dimension, "embedder": embedder.fingerprint}
    draft = VectorStoreFactory.create_catalogue("qdrant", purpose="a benchmark", n_kept=0, **recipe).open_draft()
    draft.upsert(_COLLECTION, points)
    draft.publish()
    index = VectorStoreFactory.create("qdrant", **recipe)
    payloads = {point.id: point.payload for point in points}
    beside = _beside(windows)
    findings = []
    for question, vector in zip(questions, vectors, strict=True):
        halves: list[SearchQuery] = [
            DenseQuery(vector, _PREFETCH, with_payload=False),
            KeywordQuery(question.text, _PREFETCH, with_payload=False),
        ]
        dense, keyword = index.search(_COLLECTION, halves)
        findings.append(_finding(fuse([Halves(dense, keyword)], limit=_PREFETCH), payloads, beside))
    index.close()
    shutil.rmtree(scratch, ignore_errors=True)
    return findings


def _finding(
    found: Sequence[FusedPoint], payloads: Mapping[str, Mapping[str, Any]], beside: dict[Any, tuple[str, int, int]]
) -> Finding:
    """Gives the windows in their order, and their first chunks, whole however long they are."""
    of_windows = [payloads[point.id] for point in found]
    chunks: dict[str, Candidate] = {}
    for point, payload in zip(found, of_windows, strict=True):
        candidate = candidate_from(payload, point.score, point.similarity, len(payload["chunk_text"]))
        held = chunks.get(candidate.chunk_id)
        if held:
            chunks[held.chunk_id] = held.with_windows_of(candidate)
        elif len(chunks) < _MOST_CHUNKS:
            chunks[candidate.chunk_id] = candidate
    places = [(payload["document_id"], payload["window_start"], payload["window_end"]) for payload in of_windows]
    return Finding(places, list(chunks.values()), beside)


def _beside(windows: Sequence[Window]) -> dict[Any, tuple[str, int, int]]:
    """Maps each window to the span from the start of the one before it to the end of the one after it."""
    places = [(window.chunk.document.id, window.start, window.end) for window in windows]
    starts, ends = {place: place[1] for place in places}, {place: place[2] for place in places}
    for before, after in pairwise(places):
        if before[0] == after[0]:
            starts[after], ends[before] = min(before[1], after[1]), max(before[2], after[2])
    return {place: (place[0], starts[place], ends[place]) for place in places}


def _counts(windows: Sequence[Window]) -> dict[str, Any]:
    lengths = [chunk.end - chunk.start for chunk in {window.chunk.id: window.chunk for window in windows}.values()]
    return {"n_windows": len(windows), "n_chunks": len(lengths), "mean_chunk_chars": float(np.mean(lengths))}


def _results(questions: Sequence[Question], findings: Sequence[Finding]) -> list[dict[str, Any]]:
    results = []
    for name, make in CONTEXTS.items():
        for budget in BUDGETS_CHARS:
            scores = [score(one, make(finding, budget)) for one, finding in zip(questions, findings, strict=True)]
            for split in ("dev", "test"):
                of_split = np.array([s for s, one in zip(scores, questions, strict=True) if one.split == split])
                recall, precision, iou, n_chars = of_split.mean(axis=0).tolist()
                error = float(of_split[:, 0].std(ddof=1) / len(of_split) ** 0.5)
                results.append({
                    "context": name, "budget_chars": budget, "split": split, "recall": recall,
                    "recall_standard_error": error, "precision": precision, "iou": iou, "n_chars": n_chars,
                })  # fmt: skip
    return results


def score(question: Question, context: Context) -> tuple[float, float, float, float]:
    """Gives recall, precision and intersection over union in characters, and how many the context has."""
    n_gold = sum(end - start for start, end in question.gold)
    n_given = sum(end - start for spans in context.values() for start, end in spans)
    n_both = sum(
        max(0, min(end, gold_end) - max(start, gold_start))
        for start, end in context.get(question.document_id, [])
        for gold_start, gold_end in question.gold
    )
    return n_both / n_gold, n_both / max(1, n_given), n_both / (n_gold + n_given - n_both), float(n_given)
