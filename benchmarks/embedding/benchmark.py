"""How fast each embedder is and how much it costs, beside plain sentence-transformers in the same run."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.embedding.kinds import REFERENCE, Kind, Model, Round, embed_all, measure, prepare
from benchmarks.fresh_process import in_fresh_process
from benchmarks.measured_data import data_folder
from benchmarks.stores.quality import FIRST, ndcgs
from rag_llm_system.application.evaluation.beir_files import read_corpus, read_judgements, read_questions
from rag_llm_system.bootstrap.machine import machine, versions
from rag_llm_system.bootstrap.models import Tell, model_weights, models_folder
from rag_llm_system.domain.errors import InputError
from rag_llm_system.model.embeddings.encoder_config import read_encoder_config
from rag_llm_system.model.embeddings.tokenizer import HuggingFaceTokenizer
from rag_llm_system.settings import Settings

_PACKAGES = ["onnxruntime", "openvino", "torch", "sentence-transformers", "tokenizers", "numpy"]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, and the least and the most."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Material:
    """What is embedded. `n_tokens` are those of the texts that the model reads: at most `max_length` of each."""

    texts: list[str]
    questions: list[str]
    n_tokens: int


def measure_embedding(
    settings: Settings,
    kinds: Sequence[Kind],
    tell: Tell,
    keep: Callable[[dict[str, Any]], None],
    *,
    n_texts: int,
    n_questions: int,
    n_rounds: int,
    qrels: str | None,
) -> dict[str, Any]:
    """Gives a report: a record for each kind, and what the numbers depend on.

    Each round of a kind is a process of its own, and the kinds take turns, so that what else the machine does meets all
    of them alike. Ratios are taken within a round.

    Args:
        settings: the product's; they name the model.
        kinds: what is measured, in the order of the records.
        tell: is given a line for each step.
        keep: is given the report at its end, and after each kind's quality, which takes minutes.
        n_texts: paragraphs of SQuAD, the first ones.
        n_questions: its questions, asked one at a time.
        n_rounds: of each kind.
        qrels: the judgements of SciFact that quality is measured by, such as test; None: speed alone.

    Raises:
        NotFoundError: the collections are not there.
        InputError: a number is too small.
    """
    if min(n_texts, n_questions, n_rounds) < 1:
        raise InputError("there is nothing to measure: give at least 1 text, 1 question and 1 round")
    weights = model_weights(settings, settings.text_embedding_model_id, tell)
    model = Model(settings.text_embedding_model_id, weights, models_folder(settings))
    material = _material(data_folder("squad_rag"), weights, n_texts, n_questions)
    rounds = _rounds(kinds, model, material, n_rounds, tell)
    report: dict[str, Any] = {
        "benchmark": "embedding",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": settings.text_embedding_model_id,
        "n_texts": len(material.texts),
        "n_tokens": material.n_tokens,
        "n_questions": len(material.questions),
        "n_rounds": n_rounds,
        "n_threads": 1,
        "qrels": qrels,
        "machine": machine(),
        "versions": versions(_PACKAGES),
        "records": [_record(kind, rounds) for kind in kinds],
    }
    for record in report["records"] if qrels else ():
        record |= _quality(record["kind"], model, data_folder("scifact"), qrels or "")
        tell(f"{record['kind']}: SciFact nDCG@10 {record['ndcg_at_10']:.4f}")
        keep(report)
    keep(report)
    return report


def _material(folder: Path, weights_dir: Path, n_texts: int, n_questions: int) -> Material:
    texts = [document.text for document in islice(read_corpus(folder), n_texts)]
    questions = [question.text for question in islice(read_questions(folder, "queries.jsonl").values(), n_questions)]
    tokenizer, longest = HuggingFaceTokenizer(weights_dir), read_encoder_config(weights_dir).max_length
    return Material(texts, questions, sum(min(longest, len(tokenizer.token_ids(text))) for text in texts))


def _rounds(
    kinds: Sequence[Kind], model: Model, material: Material, n_rounds: int, tell: Tell
) -> dict[Kind, list[Round]]:
    for kind in kinds:
        in_fresh_process(prepare, kind, model)
    rounds: dict[Kind, list[Round]] = {kind: [] for kind in kinds}
    for number in range(n_rounds):
        for kind in kinds:
            found = in_fresh_process(measure, kind, model, material.texts, material.questions, material.n_tokens)
            rounds[kind].append(found)
            tell(f"round {number + 1}, {kind}: {found.tokens_per_cpu_s:,.0f} tokens/CPU s")
    return rounds


def _record(kind: Kind, rounds: dict[Kind, list[Round]]) -> dict[str, Any]:
    columns = {name: [asdict(one)[name] for one in rounds[kind]] for name in asdict(rounds[kind][0])}
    record: dict[str, Any] = {"kind": kind} | {name: asdict(spread(values)) for name, values in columns.items()}
    if REFERENCE in rounds:
        for name, ratio in (("tokens_per_cpu_s", "speed_ratio"), ("query_cpu_ms", "query_ratio")):
            theirs = [getattr(one, name) for one in rounds[REFERENCE]]
            record[ratio] = asdict(spread([a / b for a, b in zip(columns[name], theirs, strict=True)]))
    return record


def spread(values: Sequence[float]) -> Spread:
    """Gives the median, the least and the most of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def _quality(kind: Kind, model: Model, folder: Path, qrels: str) -> dict[str, float]:
    """Gives the mean nDCG@10 of dense search over SciFact, title and text embedded together, and its standard error."""
    documents = list(read_corpus(folder))
    relevant: dict[str, dict[str, int]] = {}
    for judgement in read_judgements(folder, qrels):
        if judgement.relevance > 0:
            relevant.setdefault(judgement.question_id, {})[judgement.document_id] = judgement.relevance
    file = "queries.jsonl" if qrels == "test" else "queries.all.jsonl"
    questions = {key: question.text for key, question in read_questions(folder, file).items() if key in relevant}
    texts = [f"{document.title}\n{document.text}" for document in documents]
    vectors, asked = in_fresh_process(embed_all, kind, model, texts, list(questions.values()))
    best = _best(asked @ vectors.T)
    rankings = [[documents[place].id for place in row] for row in best]
    values = ndcgs(rankings, [relevant[key] for key in questions])
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return {"ndcg_at_10": statistics.fmean(values), "ndcg_at_10_se": error}


def _best(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Gives the places of the highest scores of each row, best first; ties by place."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :FIRST]
