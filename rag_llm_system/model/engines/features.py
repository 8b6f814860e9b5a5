"""What speaks for a sentence, and for answering at all: numbers, mostly from 0 to 1, that weights are learnt for."""

import math
import re
from collections.abc import Mapping, Sequence

from rag_llm_system.model.engines.asides import is_boilerplate, is_hypothetical, speaks_of_own_subject
from rag_llm_system.model.engines.definitions import definition_strength
from rag_llm_system.model.engines.question import AnswerKind, Question, could_answer, is_negated
from rag_llm_system.model.engines.quotable import ends_like_prose
from rag_llm_system.model.engines.sentences import Sentence

Features = dict[str, float]
SIMILARITIES = ("similarity", "similarity_of_best")
"""Features of an answer that are there only where the passages bring how near they are in meaning."""
_PREFIX = 4
_PRONOUN_FIRST = re.compile(r"(?:He|She|It|They|This|These|Those|That|Its|His|Her|Their|Such)\b")
_ASKS_BY_WORD = (AnswerKind.OTHER, AnswerKind.DEFINITION)
"""Kinds whose answers show no form, so that only the question's words tell whether they are about what was asked."""
_MAX_SHORT = 2
"""Terms of a question of which each one matters; longer ones are often said in other words."""
_HOLDS = {kind: f"holds_{kind.name.lower()}" for kind in AnswerKind if kind is not AnswerKind.OTHER}


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
    defines = definition_strength(question.thing, text) if question.thing else 0.0
    opens = defines < 1 and opens_document_on(question, sentence)
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
        **{name: float(fits and question.kind is kind) for kind, name in _HOLDS.items()},
        "passage_rank": 1 / (1 + sentence.rank),
        "pronoun_first": float(bool(_PRONOUN_FIRST.match(text))),
        "negation_missing": float(question.is_negated and not is_negated(text)),
        "is_code": float(sentence.kind == "code"),
        "is_row": float(sentence.kind == "row"),
        "is_heading": float(sentence.kind == "heading"),
        "is_boilerplate": float(is_boilerplate(text, question.words)),
        "is_hypothetical": float(is_hypothetical(sentence.surface)),
        "of_another": float(is_of_another(question, sentence)),
        "defines": 0.0 if opens else defines,
        "opens_document": float(opens),
        "is_unfinished": float(sentence.kind == "prose" and not ends_like_prose(text)),
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
    defines = definition_strength(question.thing, best.text) if question.thing else 0.0
    defines = max(defines, float(opens_document_on(question, best)))
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
        "wrong_kind": float(not (defines or could_answer(question, best.text))),
        "defines": defines,
        "only_subject": float(tells_only_subject(question, best)),
        "undefined": float(bool(question.thing) and not (defines or could_answer(question, best.text))),
        "is_boilerplate": float(is_boilerplate(best.text, question.words)),
        "of_another": float(is_of_another(question, best)),
        "n_terms": math.log(len(terms)),
    }


def is_of_another(question: Question, sentence: Sentence) -> bool:
    """Says whether a sentence is about another subject than the question is: its document's own, or one never named.

    Of a short question all that it is asked of has to stand somewhere in the passage or its title.
    """
    missing = question.subject.difference(sentence.stems, sentence.heading)
    is_never_named = len(question.terms) <= _MAX_SHORT and not question.subject <= sentence.whole
    return is_never_named or (bool(missing) and speaks_of_own_subject(sentence.text))


def tells_only_subject(question: Question, sentence: Sentence) -> bool:
    """Says whether a sentence names what was asked of, and neither it nor its title has anything of what was asked.

    To "What license does orjson have?" a sentence about orjson is no answer where no licence is spoken of.
    """
    beyond = frozenset(question.terms) - question.subject
    named = question.subject.intersection(sentence.stems)
    told = sentence.heading.union(sentence.stems)
    is_short = len(question.terms) <= _MAX_SHORT
    return bool(is_short and beyond and named) and beyond.isdisjoint(told) and question.kind in _ASKS_BY_WORD


def opens_document_on(question: Question, sentence: Sentence) -> bool:
    """Says whether a sentence is the first of the document whose title is the thing to be defined."""
    return sentence.opens and bool(question.thing) and sentence.title == frozenset(question.terms)


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
