"""Measures of rankings and of answers, one value a question, so that two runs can be compared question by question."""

import re
import string
from collections.abc import Iterable, Mapping, Sequence

from rag_llm_system.domain.errors import MissingExtraError
from rag_llm_system.domain.sentences import sentence_spans

RANKING_MEASURES = ("ndcg@10", "recall@10", "recall@100", "mrr@10")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile(r"\w")
_NO_WORD = re.compile(r"[^\w]+|_")
_CITATION_MARK = re.compile(r"\[\d{1,3}\]")


def ranking_measures(
    relevance: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Gives measure -> question -> value, computed by ir-measures (trec_eval's nDCG: linear gain, log2 discount).

    Args:
        relevance: question -> document -> relevance, above 0.
        rankings: question -> documents, best first. A question without a ranking has 0 everywhere.

    Raises:
        MissingExtraError: ir-measures is not installed.
    """
    try:
        import ir_measures
        from ir_measures import RR, R, nDCG
    except ModuleNotFoundError:
        raise MissingExtraError("evaluation", "evaluation") from None

    measures = dict(zip(RANKING_MEASURES, (nDCG @ 10, R @ 10, R @ 100, RR @ 10), strict=True))
    names = {str(measure): name for name, measure in measures.items()}
    # Ranks instead of scores: equal scores would be put in another order by trec_eval.
    run = {key: {document: -float(rank) for rank, document in enumerate(ids)} for key, ids in rankings.items()}
    judged = {key: dict(documents) for key, documents in relevance.items()}
    values: dict[str, dict[str, float]] = {name: {} for name in RANKING_MEASURES}
    for found in ir_measures.iter_calc(list(measures.values()), judged, run):
        values[names[str(found.measure)]][found.query_id] = float(found.value)
    return {name: {key: of_measure.get(key, 0.0) for key in relevance} for name, of_measure in values.items()}


def answer_words(answer: str) -> list[str]:
    """Gives the words of an answer without the numbers that point to its sources."""
    return _CITATION_MARK.sub(" ", answer).split()


def count_sentences(answer: str) -> int:
    """Gives how many sentences an answer has; those of two quotes are never taken for one."""
    quotes = (quote.strip() for quote in _CITATION_MARK.split(answer))
    return sum(len(sentence_spans(quote)) for quote in quotes if _WORD.search(quote))


def holds_gold_answer(answer: str, gold_answers: Iterable[str]) -> bool:
    """Says whether one of the gold answers stands in the answer as whole words, both normalised as SQuAD does.

    That normalisation makes one word of "Boston-based"; so it counts as well where marks are taken for spaces. A gold
    answer without a word, such as "the", stands in none.
    """
    words = " ".join(answer_words(answer))
    forms = [(normalised, f" {normalised(words)} ") for normalised in (_squad_normalised, _in_words)]
    return any(
        bool(normalised(gold)) and f" {normalised(gold)} " in padded
        for gold in gold_answers
        for normalised, padded in forms
    )


def _squad_normalised(text: str) -> str:
    """Gives the text in lower case without punctuation, articles and repeated spaces (Rajpurkar et al. 2016)."""
    return _without_articles(text.lower().translate(_PUNCTUATION))


def _in_words(text: str) -> str:
    return _without_articles(_NO_WORD.sub(" ", text.lower()))


def _without_articles(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text).split())
