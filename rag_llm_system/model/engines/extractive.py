"""An answer engine without weights: it answers with sentences of the passages, to the character, or refuses."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from rag_llm_system.domain.answers import REFUSAL, AnswerDelta, AnswerLimits, Passage, Quote
from rag_llm_system.domain.errors import InputError
from rag_llm_system.model.engines.evidence import (
    Evidence,
    Weights,
    confidence,
    evidence_for,
    features_of_answer,
    highest_similarity,
)
from rag_llm_system.model.engines.question import Question, new_stemmer, read_question, words_of
from rag_llm_system.model.engines.quotable import shortened
from rag_llm_system.model.engines.sentences import Sentence, sentences_of
from rag_llm_system.model.engines.weights import ANSWER_WEIGHTS, ANSWER_WEIGHTS_WITHOUT_SIMILARITY, SENTENCE_WEIGHTS

MIN_CONFIDENCE = 0.25
_MAX_QUOTE_WORDS = 60
_LEAST_OF_FIRST = 0.4
_LEAST_OF_FIRST_IN_OTHER_FORMS = 0.75
"""How much of the question's own terms, by weight, a further sentence must hold, as a share of what the first holds.

In prose it may say the rest in other words, or of "it"; a row of a table or a heading does not."""
# English prose has about 1.3 word pieces a word; the rest is for the marks around the quotes.
_TOKENS_PER_WORD = 1.5


class ExtractiveEngine:
    """Quotes the one or two sentences that answer best; see the port `AnswerEngine`. Each delta is one quote.

    Args:
        max_quotes: the most sentences to quote.
        margin: a further sentence is quoted when its score is at most this much below the best one's, and it holds
            about as much of what was asked.
        min_confidence: how sure it must be that the sentences answer, 0 to 1, or else it refuses.
    """

    name = "extractive"

    def __init__(
        self,
        *,
        max_quotes: int = 2,
        margin: float = 4.0,
        min_confidence: float = MIN_CONFIDENCE,
        sentence_weights: Weights = SENTENCE_WEIGHTS,
        answer_weights: Weights = ANSWER_WEIGHTS,
        answer_weights_without_similarity: Weights = ANSWER_WEIGHTS_WITHOUT_SIMILARITY,
    ) -> None:
        self._sentence_weights = sentence_weights
        self._answer_weights = answer_weights
        self._answer_weights_without_similarity = answer_weights_without_similarity
        self._max_quotes = max_quotes
        self._margin = margin
        self._min_confidence = min_confidence

    def stream(self, question: str, passages: Sequence[Passage], limits: AnswerLimits) -> Iterator[AnswerDelta]:
        """Gives the quotes, best first, each with the number of its passage.

        Raises:
            InputError: the question is blank.
        """
        if not question.strip():
            raise InputError("The question is blank: ask something.")
        stem_words = new_stemmer()  # one a call, since a stemmer must not be shared between threads
        asked = read_question(question, stem_words)
        best = self._best_sentences(asked, sentences_of(passages, stem_words)) if asked.terms else []
        if not best:
            yield AnswerDelta(REFUSAL, refused=True)
            return

        def is_wanted(piece: str) -> bool:
            return any(word.stem in asked.terms for word in words_of(piece, stem_words))

        for place, quote in enumerate(_quotes(best, int(limits.max_new_tokens / _TOKENS_PER_WORD), is_wanted)):
            separator = "\n" if place else ""
            yield AnswerDelta(f'{separator}"{quote.text}" [{quote.passage_number}]', (quote,))

    def _best_sentences(self, asked: Question, sentences: list[Sentence]) -> list[Sentence]:
        if not sentences:
            return []
        evidence = evidence_for(asked, sentences, self._sentence_weights)
        if self._confidence(asked, evidence) < self._min_confidence:
            return []
        first = evidence[0]
        near_best = [
            one.sentence
            for one in evidence
            if one is first or (one.score >= first.score - self._margin and _adds_to(first, one))
        ]
        return _without_repeats(_with_what_follows(near_best, sentences), self._max_quotes)

    def _confidence(self, asked: Question, evidence: list[Evidence]) -> float:
        features = features_of_answer(asked, evidence, self._max_quotes)
        similarity_is_known = highest_similarity(evidence) is not None
        weights = self._answer_weights if similarity_is_known else self._answer_weights_without_similarity
        return confidence(features, weights)


def _adds_to(first: Evidence, further: Evidence) -> bool:
    """Says whether a further sentence is worth quoting: what is no definition beside one, or has few terms, is not."""
    is_defined = first.features["defines"] or first.features["opens_document"]
    if is_defined and not further.features["defines"]:
        return False
    if first.sentence.kind == further.sentence.kind == "row":
        return False  # each row of a table tells of another thing
    are_prose = first.sentence.kind == further.sentence.kind == "prose"
    least = _LEAST_OF_FIRST if are_prose else _LEAST_OF_FIRST_IN_OTHER_FORMS
    return further.features["own"] >= least * first.features["own"]


def _with_what_follows(chosen: list[Sentence], sentences: list[Sentence]) -> Iterator[Sentence]:
    """Puts the next sentence, list item or block of code behind a sentence that ends in a colon."""
    following = {id(first): second for first, second in pairwise(sentences)}
    for sentence in chosen:
        yield sentence
        after = following.get(id(sentence))
        if sentence.text.endswith(":") and after is not None and after.passage is sentence.passage:
            yield after


def _without_repeats(sentences: Iterator[Sentence], limit: int) -> list[Sentence]:
    kept: dict[str, Sentence] = {}
    for sentence in sentences:
        kept.setdefault(" ".join(sentence.text.split()).casefold(), sentence)
        if len(kept) == limit:
            break
    return list(kept.values())


def _quotes(sentences: list[Sentence], max_words: int, is_wanted: Callable[[str], bool]) -> Iterator[Quote]:
    """Gives the sentences as quotes of at most 60 words, and as many as `max_words` allows, the first in any case."""
    left = max(1, max_words)
    for place, sentence in enumerate(sentences):
        text = sentence.passage.text
        start, end = shortened(text, sentence.start, sentence.end, min(_MAX_QUOTE_WORDS, max(1, max_words)), is_wanted)
        n_words = len(text[start:end].split())
        if place and n_words > left:
            continue
        left -= n_words
        yield Quote(sentence.passage.number, start, end, text[start:end])
