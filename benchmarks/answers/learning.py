"""Learns the weights of the extractive engine, and judges questions with weights that never saw their article."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.answers.fitting import Choice, fit_choice, fit_decision, fold_of, matrix
from benchmarks.answers.questions import AskedQuestion, Kind, holds_gold
from rag_llm_system.model.engines.evidence import BIAS, evidence_for, features_of_answer
from rag_llm_system.model.engines.features import SIMILARITIES, Features, sentence_features, term_weights
from rag_llm_system.model.engines.question import Question, new_stemmer, read_question
from rag_llm_system.model.engines.sentences import Sentence, sentences_of

N_FOLDS = 5
N_QUOTED = 2
_SENTENCE_L2 = 0.01
_ANSWER_L2 = 0.05
_IMPORTANCE: dict[Kind, float] = {"answerable": 1.0, "unanswerable": 2.0, "gone": 1.0, "foreign": 0.3}
"""Of a question of each kind: there are few that people made unanswerable, and foreign ones are easily told."""
_BY_HAND = {
    "is_code": -4.0,
    "is_row": -1.5,
    "is_heading": -0.5,
    "is_boilerplate": -15.0,
    "is_hypothetical": -1.0,
    "of_another": -8.0,
    "defines": 6.0,
    "opens_document": 11.0,
    "is_question": -8.0,
    "is_unfinished": -0.5,
    "holds_definition": 1.5,
    "holds_reason": 1.0,
    "holds_year": 2.5,
    "holds_time": 2.5,
    "holds_number": 2.5,
}
"""Weights of features that hardly occur among an encyclopedia's questions and texts, or that are a matter of course."""
_ANSWER_BY_HAND = {"defines": 1.5, "undefined": -2.0, "only_subject": -1.5, "is_boilerplate": -6.0, "of_another": -4.0}
"""The same, of answering at all."""
_PRIOR = {"holds_person": 1.0, "holds_place": 1.0}
"""Weights that learning begins with and is drawn to; those of the other features are 0."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What the engine is given: by the names of features."""

    sentence: dict[str, float]
    answer: dict[str, float]
    answer_without_similarity: dict[str, float]


@dataclass(frozen=True, slots=True)
class Read:
    """A question and its sentences, read as the engine reads them."""

    asked: AskedQuestion
    question: Question
    sentences: list[Sentence]
    features: list[Features]

    def answers(self) -> list[bool]:
        """Says of each sentence whether it holds a gold answer; where one of a relevant passage does, only those."""
        hits = [holds_gold(sentence.text, self.asked.gold) for sentence in self.sentences]
        right = [
            hit and sentence.passage.number in self.asked.relevant
            for hit, sentence in zip(hits, self.sentences, strict=True)
        ]
        return right if any(right) else hits


def read_all(asked: Iterable[AskedQuestion]) -> list[Read]:
    """Reads the questions that have a term, and passages with a sentence; the engine refuses all others."""
    stem_words = new_stemmer()
    reads = []
    for one in asked:
        question = read_question(one.text, stem_words)
        sentences = sentences_of(one.passages, stem_words)
        if question.terms and sentences:
            weights = term_weights(question, sentences)
            features = [sentence_features(question, sentence, weights) for sentence in sentences]
            reads.append(Read(one, question, sentences, features))
    return reads


def learn(reads: Sequence[Read]) -> Weights:
    """Gives weights for the sentences, and for answering, by what the sentence weights choose on other articles."""
    chosen: list[Features] = [{}] * len(reads)
    for held_out in range(N_FOLDS):
        weights = _learn_sentences([read for read in reads if _fold(read) != held_out])
        for place, read in enumerate(reads):
            if _fold(read) == held_out:
                chosen[place] = _answer_features(read, weights)
    names = [name for name in chosen[0] if name not in _ANSWER_BY_HAND]
    return Weights(
        _learn_sentences(reads),
        _learn_answers(reads, chosen, names),
        _learn_answers(reads, chosen, [name for name in names if name not in SIMILARITIES]),
    )


def learn_without_each_fold(reads: Sequence[Read]) -> list[Weights]:
    """Gives for each fold the weights that were learnt from all others."""
    return [learn([read for read in reads if _fold(read) != held_out]) for held_out in range(N_FOLDS)]


def fold(asked: AskedQuestion) -> int:
    """Gives the fold of a question."""
    return fold_of(asked.article, N_FOLDS)


def _fold(read: Read) -> int:
    return fold(read.asked)


def _learn_sentences(reads: Sequence[Read]) -> dict[str, float]:
    names = [name for name in reads[0].features[0] if name not in _BY_HAND]
    choices = [
        Choice(matrix(read.features, names), np.array(read.answers()))
        for read in reads
        if read.asked.kind == "answerable" and any(read.answers())
    ]
    prior = np.array([_PRIOR.get(name, 0.0) for name in names])
    return dict(zip(names, fit_choice(choices, prior, _SENTENCE_L2).tolist(), strict=True)) | _BY_HAND


def _answer_features(read: Read, weights: dict[str, float]) -> Features:
    evidence = evidence_for(read.question, read.sentences, weights)
    return features_of_answer(read.question, evidence, N_QUOTED)


def _learn_answers(reads: Sequence[Read], chosen: Sequence[Features], names: Sequence[str]) -> dict[str, float]:
    answered = np.array([read.asked.kind == "answerable" for read in reads])
    importance = np.array([_IMPORTANCE[read.asked.kind] for read in reads])
    known = matrix(chosen, list(_ANSWER_BY_HAND)) @ np.array(list(_ANSWER_BY_HAND.values()))
    weights, bias = fit_decision(matrix(chosen, names), answered, importance, _ANSWER_L2, known)
    return {BIAS: bias, **dict(zip(names, weights.tolist(), strict=True)), **_ANSWER_BY_HAND}
