"""An answer engine without weights: it answers with sentences of the passages, to the character, or refuses."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag_llm_system.domain.answers import REFUSAL, AnswerDelta, AnswerLimits, Passage, Quote
from rag_llm_system.domain.errors import InputError
from rag_llm_system.model.engines.evidence import Candidate, candidates_of, evidence_for
from rag_llm_system.model.engines.question import Question, new_stemmer, places_of, read_question
from rag_llm_system.model.engines.quotable import shortened

_MAX_QUOTE_WORDS = 60
# English prose has about 1.3 word pieces a word; the rest is for the marks around the quotes.
_TOKENS_PER_WORD = 1.5


@dataclass(frozen=True, slots=True)
class RefusalRule:
    """How much evidence an answer needs.

    Two signals tell a question the passages answer from one about something else: how many of its words stand in and
    around the best sentence (its coverage, 0 to 1), and how near the passages are in meaning (cosine similarity).
    Neither is enough alone: a sentence that answers may use other words, and acronyms have no near neighbours. Both
    together refuse 2 % of SQuAD's 361 development questions and 99.7 % of them when they are asked of another corpus;
    of 73 questions that people made unanswerable on purpose only 4 %, since all their words stand in the text. The
    coverage alone refuses 13 % and 97 %.

    Args:
        coverage_weight: weight of the coverage beside the similarity.
        min_evidence: least `coverage_weight * coverage + similarity`. The scale is that of all-MiniLM-L6-v2; another
            embedder needs another value.
        min_coverage: least coverage where no passage brings its similarity.
    """

    coverage_weight: float = 0.7
    min_evidence: float = 0.71
    min_coverage: float = 0.46

    def refuses(self, coverage: float, similarity: float | None) -> bool:
        """Says whether the evidence is too thin."""
        if similarity is None:
            return coverage < self.min_coverage
        return self.coverage_weight * coverage + similarity < self.min_evidence


class ExtractiveEngine:
    """Quotes the one to three sentences that answer best; see the port `AnswerEngine`. Each delta is one quote.

    Args:
        max_quotes: the most sentences to quote.
        margin: a further sentence is quoted when its score is at most this much below the best one's.
        refusal: how much evidence an answer needs.
    """

    name = "extractive"

    def __init__(self, *, max_quotes: int = 3, margin: float = 0.35, refusal: RefusalRule | None = None) -> None:
        self._max_quotes = max_quotes
        self._margin = margin
        self._refusal = refusal or RefusalRule()

    def stream(self, question: str, passages: Sequence[Passage], limits: AnswerLimits) -> Iterator[AnswerDelta]:
        """Gives the quotes, best first, each with the number of its passage.

        Raises:
            InputError: the question is blank.
        """
        if not question.strip():
            raise InputError("The question is blank: ask something.")
        stem_words = new_stemmer()  # one a call, since a stemmer must not be shared between threads
        asked = read_question(question, stem_words)
        best = self._best_sentences(asked, candidates_of(asked, passages, stem_words)) if asked.terms else []
        if not best:
            yield AnswerDelta(REFUSAL, refused=True)
            return

        def is_wanted(word: str) -> bool:
            return bool(places_of(frozenset(asked.terms), word, stem_words))

        for place, quote in enumerate(_quotes(best, int(limits.max_new_tokens / _TOKENS_PER_WORD), is_wanted)):
            separator = "\n" if place else ""
            yield AnswerDelta(f'{separator}"{quote.text}" [{quote.passage_number}]', (quote,))

    def _best_sentences(self, asked: Question, candidates: list[Candidate]) -> list[Candidate]:
        scored = sorted(evidence_for(asked, candidates), key=lambda evidence: -evidence.score)
        similarities = [c.passage.similarity for c in candidates if c.passage.similarity is not None]
        if not scored or self._refusal.refuses(scored[0].coverage, max(similarities, default=None)):
            return []
        near_best = [evidence.candidate for evidence in scored if evidence.score >= scored[0].score - self._margin]
        return _without_repeats(_with_what_follows(near_best, candidates), self._max_quotes)


def _with_what_follows(chosen: list[Candidate], candidates: list[Candidate]) -> Iterator[Candidate]:
    """Puts the next sentence, list item or block of code behind a sentence that ends in a colon."""
    following = {id(first): second for first, second in pairwise(candidates)}
    for candidate in chosen:
        yield candidate
        after = following.get(id(candidate))
        if candidate.text.endswith(":") and after is not None and after.passage is candidate.passage:
            yield after


def _without_repeats(candidates: Iterator[Candidate], limit: int) -> list[Candidate]:
    kept: dict[str, Candidate] = {}
    for candidate in candidates:
        kept.setdefault(" ".join(candidate.text.split()).casefold(), candidate)
        if len(kept) == limit:
            break
    return list(kept.values())


def _quotes(sentences: list[Candidate], max_words: int, is_wanted: Callable[[str], bool]) -> Iterator[Quote]:
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
