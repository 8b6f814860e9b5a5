"""How well each sentence of the passages answers a question, judged by its words."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag_llm_system.domain.answers import Passage
from rag_llm_system.model.engines.question import AnswerKind, Question, StemWords, could_answer, places_of
from rag_llm_system.model.engines.quotable import quotables

# Chosen by a random search over 400 settings on SQuAD's development questions; the best tenth differ by less than 1 %.
_PLAIN_SHARE = 0.3
_NEIGHBOUR_WEIGHT = 0.2
_TITLE_WEIGHT = 0.4
_PASSAGE_WEIGHT = 0.4
_KIND_BONUS = 0.3
_DEFINITION_BONUS = 0.4
_RANK_WEIGHT = 0.3
_CODE_MALUS = 0.3
_QUESTION_MALUS = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A sentence that may be quoted, characters [start, end) of its passage, and where the question's terms stand."""

    passage: Passage
    rank: int
    start: int
    end: int
    is_code: bool
    own: frozenset[str]
    neighbours: frozenset[str]
    title: frozenset[str]
    whole: frozenset[str]

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a sentence.

    `coverage` is the share of the question's terms that stand in its passage, those in the sentence itself counted
    double, as the mean of a plain and a weighted count; `score` orders sentences.
    """

    candidate: Candidate
    score: float
    coverage: float


def candidates_of(question: Question, passages: Sequence[Passage], stem_words: StemWords) -> list[Candidate]:
    """Gives the sentences of the passages in order."""
    return [
        candidate
        for rank, passage in enumerate(passages)
        for candidate in _sentences(frozenset(question.terms), passage, rank, stem_words)
    ]


def evidence_for(question: Question, candidates: Sequence[Candidate]) -> list[Evidence]:
    """Judges the candidates, in their order, for a question that has terms.

    A term's weight is its inverse document frequency over the candidates, as in BM25 (Robertson and Zaragoza 2009):
    a word that most sentences share tells little.
    """
    n = len(candidates)
    weights = {}
    for term in question.terms:
        n_with = sum(term in candidate.own for candidate in candidates)
        weights[term] = math.log(1 + (n - n_with + 0.5) / (n_with + 0.5))
    total = sum(weights.values())
    weights = {term: weight / total for term, weight in weights.items()}
    return [_judge(question, weights, candidate) for candidate in candidates]


def _sentences(terms: frozenset[str], passage: Passage, rank: int, stem_words: StemWords) -> Iterator[Candidate]:
    heading = " ".join((passage.title, passage.path, passage.author_full_name))
    title = frozenset(term for _, term in places_of(terms, heading, stem_words))
    places = places_of(terms, passage.text, stem_words)
    whole = title.union(term for _, term in places)
    parts = quotables(passage.text)
    own = [frozenset(term for place, term in places if part.start <= place < part.end) for part in parts]
    for n, part in enumerate(parts):
        around = frozenset[str]().union(*own[max(0, n - 1) : n], *own[n + 1 : n + 2])
        yield Candidate(passage, rank, part.start, part.end, part.is_code, own[n], around, title, whole)


def _judge(question: Question, weights: Mapping[str, float], candidate: Candidate) -> Evidence:
    def share(terms: frozenset[str]) -> float:
        return sum(weights[term] for term in question.terms if term in terms)

    own, whole = share(candidate.own), share(candidate.whole)
    own_count, whole_count = len(candidate.own) / len(weights), len(candidate.whole) / len(weights)
    bonus = _DEFINITION_BONUS if question.kind is AnswerKind.DEFINITION else _KIND_BONUS
    score = (
        (1 - _PLAIN_SHARE) * own
        + _PLAIN_SHARE * own_count
        + _NEIGHBOUR_WEIGHT * share(candidate.neighbours - candidate.own)
        + _TITLE_WEIGHT * share(candidate.title - candidate.own)
        + _PASSAGE_WEIGHT * whole
        + bonus * could_answer(question, candidate.text)
        + _RANK_WEIGHT / (1 + candidate.rank)
        - _CODE_MALUS * candidate.is_code
        - _QUESTION_MALUS * candidate.text.endswith("?")
    )
    return Evidence(candidate, score, (own + own_count + whole + whole_count) / 4)
