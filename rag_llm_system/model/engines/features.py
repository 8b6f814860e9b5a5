"""What speaks for a sentence, and for answering at all: numbers, mostly from 0 to 1, that weights are learnt for."""

import math
import re
from collections.abc import Mapping, Sequence

from rag_llm_system.model.engines.question import AnswerKind, Question, could_answer, is_negated
from rag_llm_system.model.engines.quotable import ends_like_prose
from rag_llm_system.model.engines.sentences import Sentence

Features = dict[str, float]
SIMILARITIES = ("similarity", "similarity_of_best")
"""Features of an answer that are there only where the passages bring how near they are in meaning."""
_PREFIX = 4
_PRONOUN_FIRST = re.compile(r"(?:He|She|It|They|This|These|Those|That|Its|His|Her|Their|Such)\b")
_TOLD_BY_FORM = tuple(kind for kind in AnswerKind if kind is not AnswerKind.OTHER)


def term_weights(question: Question, sentences: Sequence[Sentence]) -> dict[str, float]:
    """Gives each term its inverse document frequency over the sentences, as in BM25 (Robertson and Zaragoza 2009).

    A word that most sentences share tells little. The weights add up to 1.
    """
    n = len(sentences)
    weights = {}
    for term in question.terms:
        n_with = sum(term in sentence.stems for sentence in sentences)
        weights[term] = math.log(1 + (n - n_with + 0.5) / (n_with + 0.5))
    total = sum(weights.values())
    return {term: weight / total for term, weight in weights.items()}


def sentence_features(question: Question, sentence: Sentence, weights: Mapping[str, float]) -> Features:
    """Gives what speaks for quoting a sentence."""
    text = sentence.text
    terms = frozenset(question.terms)
    fits = could_answer(question, text)
    own = terms.intersection(sentence.stems)
    covered = _weight_of(own, weights)
    return {
        "own": covered,
        "as_written": _share(question.surface, sentence.surface),
        "same_beginning": _weight_of(_begun_alike(terms - own, sentence), weights),
        "density": covered / math.log(2 + len(sentence.stems)),
        "before": _weight_of(terms & sentence.before - own, weights),
        "after": _weight_of(terms & sentence.after - own, weights),
        "heading": _weight_of(terms & sentence.heading - own, weights),
        "whole": _share(terms, sentence.whole),
        "names_missing": _share_missing(question.names, sentence.whole),
        "numbers_missing": _share_missing(question.numbers, sentence.whole),
        **{f"holds_{kind.name.lower()}": float(fits and question.kind is kind) for kind in _TOLD_BY_FORM},
        "passage_rank": 1 / (1 + sentence.rank),
        "pronoun_first": float(bool(_PRONOUN_FIRST.match(text))),
        "negation_missing": float(question.is_negated and not is_negated(text)),
        "is_code": float(sentence.is_code),
        "is_unfinished": float(not ends_like_prose(text)),
        "is_question": float(text.endswith("?")),
    }


def answer_features(question: Question, best: Sentence, probability: float, highest_similarity: float) -> Features:
    """Gives what speaks for answering with the best sentence instead of refusing.

    Args:
        question: has terms.
        best: the sentence that would be quoted first.
        probability: that of the sentences to be quoted, among all.
        highest_similarity: of all passages; 0 where none is known.
    """
    terms = frozenset(question.terms)
    around = best.before.union(best.stems, best.after, best.heading)
    similarity = best.passage.similarity
    return {
        "similarity": highest_similarity,
        "similarity_of_best": highest_similarity if similarity is None else similarity,
        "probability": probability,
        "own": _share(terms, frozenset(best.stems)),
        "as_written": _share(question.surface, best.surface),
        "around": _share(terms, around),
        "whole": _share(terms, best.whole),
        "last_term_around": float(question.terms[-1] in around),
        "names_missing": _share_missing(question.names, best.whole),
        "names_not_around": _share_missing(question.names, around),
        "numbers_missing": _share_missing(question.numbers, best.whole),
        "negation_missing": float(question.is_negated and not is_negated(best.text)),
        "wrong_kind": float(not could_answer(question, best.text)),
        "n_terms": math.log(len(terms)),
    }


def _weight_of(terms: frozenset[str], weights: Mapping[str, float]) -> float:
    return math.fsum(weights[term] for term in terms)


def _share(wanted: frozenset[str], there: frozenset[str]) -> float:
    return len(wanted & there) / len(wanted) if wanted else 0.0


def _share_missing(wanted: frozenset[str], there: frozenset[str]) -> float:
    return len(wanted - there) / len(wanted) if wanted else 0.0


def _begun_alike(terms: frozenset[str], sentence: Sentence) -> frozenset[str]:
    """Gives the terms that begin as a word does: "invention" for "inventor", which no stemmer joins."""
    beginnings = {stem[:_PREFIX] for stem in sentence.stems}
    return frozenset(term for term in terms if len(term) >= _PREFIX and term[:_PREFIX] in beginnings)
