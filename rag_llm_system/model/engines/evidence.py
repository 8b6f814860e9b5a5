"""How well sentences answer a question, and whether they do at all: weights for what speaks for them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag_llm_system.model.engines.features import Features, answer_features, sentence_features, term_weights
from rag_llm_system.model.engines.question import Question
from rag_llm_system.model.engines.sentences import Sentence

BIAS = "bias"
Weights = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence and what speaks for it. `score` orders sentences; a difference of 1 is e-fold in probability."""

    sentence: Sentence
    score: float
    features: Features


def evidence_for(question: Question, sentences: Sequence[Sentence], weights: Weights) -> list[Evidence]:
    """Judges the sentences, best first, for a question that has terms; equal ones keep their order."""
    by_term = term_weights(question, sentences)
    features = [sentence_features(question, sentence, by_term) for sentence in sentences]
    judged = [Evidence(one, weighted(weights, of_one), of_one) for one, of_one in zip(sentences, features, strict=True)]
    return sorted(judged, key=lambda one: -one.score)


def features_of_answer(question: Question, evidence: Sequence[Evidence], n_quoted: int) -> Features:
    """Gives what speaks for answering with the first `n_quoted` sentences, best first, instead of refusing."""
    odds = [math.exp(one.score - evidence[0].score) for one in evidence]
    return answer_features(
        question,
        evidence[0].sentence,
        probability=math.fsum(odds[:n_quoted]) / math.fsum(odds),
        highest_similarity=highest_similarity(evidence) or 0.0,
    )


def confidence(features: Features, weights: Weights) -> float:
    """Gives a number from 0 to 1 that tells how likely an answer with these features is one."""
    return 1 / (1 + math.exp(-weights[BIAS] - weighted(weights, features)))


def highest_similarity(evidence: Sequence[Evidence]) -> float | None:
    """Gives the similarity of the passage that is nearest to the question, None where none is known."""
    known = (one.sentence.passage.similarity for one in evidence)
    return max((similarity for similarity in known if similarity is not None), default=None)


def weighted(weights: Weights, features: Features) -> float:
    """Gives the sum of the features by their weights; what has no weight does not count."""
    return math.fsum(weights.get(name, 0.0) * value for name, value in features.items())
