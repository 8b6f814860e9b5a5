"""What the extractive engine does with questions: hits, words, refusals over the threshold, CPU time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.answers.fitting import area_under_curve
from benchmarks.answers.learning import N_QUOTED, Weights
from benchmarks.answers.questions import KINDS, AskedQuestion, Kind, holds_gold
from rag_llm_system.domain.answers import AnswerLimits, Quote
from rag_llm_system.model.engines.evidence import confidence, evidence_for, features_of_answer
from rag_llm_system.model.engines.extractive import ExtractiveEngine
from rag_llm_system.model.engines.question import new_stemmer, read_question
from rag_llm_system.model.engines.sentences import sentences_of

Figures = dict[str, float]
_REFUSED_ANSWERABLE = (0.02, 0.05, 0.08, 0.10, 0.12, 0.15, 0.20)


@dataclass(frozen=True, slots=True)
class Judged:
    """A question with what the engine would quote if it never refused, and what its refusal goes by."""

    asked: AskedQuestion
    quotes: tuple[Quote, ...]
    confidence: float
    cpu_ms: float

    @property
    def is_hit(self) -> bool:
        """Says whether a gold answer stands in a quote."""
        return any(holds_gold(quote.text, self.asked.gold) for quote in self.quotes)

    @property
    def top_score(self) -> float:
        """Gives the highest similarity, what a threshold on the score alone would go by."""
        return max((passage.similarity or 0.0 for passage in self.asked.passages), default=0.0)


def judge(asked: Sequence[AskedQuestion], weights_for: Callable[[AskedQuestion], Weights]) -> list[Judged]:
    """Answers the questions without refusing, each with its weights."""
    return [_judge(one, weights_for(one)) for one in asked]


def figures(judged: Sequence[Judged], min_confidence: float) -> Figures:
    """Gives what a person would look at, at one threshold of refusal."""
    answerable = [one for one in judged if one.asked.kind == "answerable"]
    given = [one for one in answerable if one.confidence >= min_confidence]
    hits = np.array([one.is_hit and one.confidence >= min_confidence for one in answerable], dtype=float)
    quotes = [quote for one in given for quote in one.quotes]
    n_exact = sum(_is_exact(quote, one.asked) for one in given for quote in one.quotes)
    return {
        "n": len(answerable),
        "answer_hit": float(hits.mean()),
        "answer_hit_se": float(hits.std() / len(hits) ** 0.5),
        "answer_hit_of_those_given": float(np.mean([one.is_hit for one in given])),
        "answer_hit_if_never_refused": float(np.mean([one.is_hit for one in answerable])),
        "gold_in_passages": float(np.mean([_gold_is_there(one.asked) for one in answerable])),
        "answer_words": sum(len(quote.text.split()) for quote in quotes) / len(given),
        "answer_sentences": len(quotes) / len(given),
        "citation_exact": n_exact / len(quotes),
        **{f"refused_{kind}": _refused(judged, kind, min_confidence) for kind in KINDS},
        "cpu_ms": float(np.mean([one.cpu_ms for one in judged])),
    }


def refusal_curve(judged: Sequence[Judged], value: Callable[[Judged], float]) -> list[Figures]:
    """Gives, for growing shares of refused answerable questions, the threshold and the shares of the other kinds."""
    by_kind = {kind: np.array([value(one) for one in judged if one.asked.kind == kind]) for kind in KINDS}
    points = []
    for wanted in _REFUSED_ANSWERABLE:
        threshold = float(np.quantile(by_kind["answerable"], wanted))
        shares = {f"refused_{kind}": float((of_kind < threshold).mean()) for kind, of_kind in by_kind.items()}
        points.append({"threshold": threshold, **shares})
    return points


def areas(judged: Sequence[Judged], value: Callable[[Judged], float]) -> Figures:
    """Gives how well a number tells answerable questions from each other kind: the area under the ROC curve."""
    by_kind = {kind: [value(one) for one in judged if one.asked.kind == kind] for kind in KINDS}
    return {kind: area_under_curve(by_kind["answerable"], by_kind[kind]) for kind in KINDS[1:] if by_kind[kind]}


def _judge(asked: AskedQuestion, weights: Weights) -> Judged:
    engine = ExtractiveEngine(
        min_confidence=0.0,
        sentence_weights=weights.sentence,
        answer_weights=weights.answer,
        answer_weights_without_similarity=weights.answer_without_similarity,
    )
    started = time.process_time()
    deltas = list(engine.stream(asked.text, asked.passages, AnswerLimits()))
    cpu_ms = 1000 * (time.process_time() - started)
    return Judged(
        asked, tuple(quote for delta in deltas for quote in delta.quotes), _confidence(asked, weights), cpu_ms
    )


def _confidence(asked: AskedQuestion, weights: Weights) -> float:
    stem_words = new_stemmer()
    question = read_question(asked.text, stem_words)
    sentences = sentences_of(asked.passages, stem_words)
    if not question.terms or not sentences:
        return 0.0
    evidence = evidence_for(question, sentences, weights.sentence)
    return confidence(features_of_answer(question, evidence, N_QUOTED), weights.answer)


def _refused(judged: Sequence[Judged], kind: Kind, min_confidence: float) -> float:
    of_kind = [one.confidence < min_confidence for one in judged if one.asked.kind == kind]
    return float(np.mean(of_kind)) if of_kind else float("nan")


def _gold_is_there(asked: AskedQuestion) -> bool:
    return any(holds_gold(passage.text, asked.gold) for passage in asked.passages)


def _is_exact(quote: Quote, asked: AskedQuestion) -> bool:
    passage = asked.passages[quote.passage_number - 1]
    return passage.number == quote.passage_number and passage.text[quote.start : quote.end] == quote.text
